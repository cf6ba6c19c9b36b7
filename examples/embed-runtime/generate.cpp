//===- generate.cpp - A program that embeds the runtime -------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Loads a module that lowbit-compile made and continues a text. Needs the runtime
// only: no LLVM, no compiler.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Runtime/Module.h"
#include "runtime/Models/Generate.h"

#include <cstdio>

using namespace lowbit;

static Status run(const char *path, const char *prompt) {
  // A device owns memory and threads; "cpu" is always there.
  LOWBIT_ASSIGN_OR_RETURN(std::unique_ptr<Device> device,
                          builtinDevices().create("cpu", DeviceOptions()));
  // Every section of the file is checked against its checksum before use.
  LOWBIT_ASSIGN_OR_RETURN(std::unique_ptr<Module> module,
                          Module::load(path, *device, ModuleReadOptions()));
  LOWBIT_ASSIGN_OR_RETURN(TokenizerSpec spec,
                          parseTokenizer(module->file().tokenizer()));
  LOWBIT_ASSIGN_OR_RETURN(Tokenizer tokenizer, Tokenizer::create(std::move(spec)));
  LOWBIT_ASSIGN_OR_RETURN(std::unique_ptr<Llm> llm, Llm::create(*module, LlmOptions()));

  LOWBIT_ASSIGN_OR_RETURN(std::vector<int32_t> ids, tokenizer.encode(prompt));
  GenerateOptions options; // greedy
  options.tokens = 40;
  options.onText = [](std::string_view text) {
    std::fwrite(text.data(), 1, text.size(), stdout);
    return Status::success();
  };
  std::printf("%s", prompt);
  LOWBIT_ASSIGN_OR_RETURN(GenerateResult result,
                          generate(*llm, &tokenizer, ids, options));
  std::printf("\n");
  std::fprintf(stderr, "%zu tokens on %s\n", result.tokens.size(),
               device->describe().c_str());
  return Status::success();
}

int main(int argc, char **argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: generate MODULE TEXT\n");
    return 1;
  }
  Status status = run(argv[1], argv[2]);
  if (!status.isOk())
    std::fprintf(stderr, "error: %s\n", status.toString().c_str());
  return status.isOk() ? 0 : 1;
}

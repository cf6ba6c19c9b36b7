//===- lowbit-inspect.cpp - Shows what is in a file -----------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Format/Module.h"
#include "tools/common/Console.h"
#include "tools/lowbit-inspect/Inspect.h"

#include <cstdio>

using namespace lowbit;

/// True when `path` is a file that begins like a module.
static bool looksLikeModule(const std::string &path) {
  StatusOr<MappedFile> file = MappedFile::open(path);
  return file.isOk() && ModuleReader::isModule(file->bytes());
}

static Status run(const InspectOptions &options) {
  LOWBIT_ASSIGN_OR_RETURN(std::unique_ptr<InspectSource> source,
                          looksLikeModule(options.file)
                              ? openModuleSource(options)
                              : openCheckpointSource(options));
  if (!source->module() && (options.ledger || options.kernels || options.memory))
    return invalidArgument("%s: --ledger, --kernels and --memory need a module; this "
                           "is a %s checkpoint",
                           options.file.c_str(), source->kind().c_str());
  LOWBIT_RETURN_IF_ERROR(options.format == "json"
                             ? printJson(*source, options)
                             : printText(*source, options));
  for (const std::string &request : options.dumps)
    LOWBIT_RETURN_IF_ERROR(dumpTensor(*source, request));
  if (!options.plot.empty())
    LOWBIT_RETURN_IF_ERROR(options.ledger
                               ? plotLedger(*source->module(), options.plot)
                               : plotTensors(*source, options.plot));
  return {};
}

int main(int argc, char **argv) {
  Flags flags("lowbit-inspect", "lowbit-inspect FILE [flags]",
              "  lowbit-inspect smollm2.lowbit --tensors --memory\n"
              "  lowbit-inspect smollm2.lowbit "
              "--dump=blk.0.attn_q.weight=q.npy --format=json\n");
  InspectOptions options;
  flags.addPositional(options.file, "FILE");
  flags.add("--tensors", options.tensors, "shape, encoding and bits an element");
  flags.add("--ledger", options.ledger, "what each compression step did");
  flags.add("--kernels", options.kernels, "kernels, and how often they run");
  flags.add("--memory", options.memory, "the memory plan");
  flags.add("--report", options.report, "the report of the compiler");
  flags.add("--plot", options.plot, "FILE.png", "a picture of all tensors; with --ledger bits against "
            "error of each compressed parameter");
  flags.add("--dump", options.dumps, "TENSOR=FILE.npy",
            "decoded values as f32; may be repeated");
  flags.add("--format", options.format, "FORMAT", "text or json");
  flags.add("-c, --context", options.context, "N", "for --memory");
  flags.add("--ubatch", options.ubatch, "N", "for --memory and --kernels");
  flags.add("--no-verify", options.noVerify, "skip the checksum of the weights");
  switch (flags.parse(argc, argv)) {
  case Flags::Result::done:
    return exitOk;
  case Flags::Result::failed:
    return exitUsage;
  case Flags::Result::proceed:
    break;
  }
  if (options.file.empty() ||
      (options.format != "text" && options.format != "json")) {
    std::fprintf(stderr, "lowbit-inspect: error: %s\n",
                 options.file.empty() ? "no file is given"
                                      : "--format must be text or json");
    return exitUsage;
  }
  Status status = run(options);
  return status.isOk() ? int(exitOk) : reportError("lowbit-inspect", status);
}

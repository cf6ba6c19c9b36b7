//===- lowbit-run.cpp - Runs a module -------------------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/common/Console.h"
#include "tools/lowbit-run/RunOptions.h"

#include <cstdio>

using namespace lowbit;

int main(int argc, char **argv) {
  Flags flags("lowbit-run",
              "lowbit-run MODULE -p TEXT | -f FILE | --tokens=IDS [flags]\n"
              "       lowbit-run MODULE --class=3,7 -o OUT.png|OUT.npy [flags]\n"
              "       lowbit-run MODULE --function=NAME --input=VALUE... [flags]",
              "  lowbit-run smollm2.lowbit --chat -p \"Why is the sky blue?\" -n 100\n"
              "  lowbit-run stories.lowbit -p \"Once upon a time\" --temp 0.8 "
              "--top-p 0.9 --seed 7 -q\n"
              "  lowbit-run fashion.lowbit --class=0,1,2,3,4,5,6,7,8,9 --batch 40 "
              "--cfg-scale 2 -o sheet.png\n");
  RunOptions options;
  options.addTo(flags);
  switch (flags.parse(argc, argv)) {
  case Flags::Result::done:
    return exitOk;
  case Flags::Result::failed:
    return exitUsage;
  case Flags::Result::proceed:
    break;
  }
  if (options.module.listDevices) {
    Status status = printDevices();
    return status.isOk() ? int(exitOk) : reportError("lowbit-run", status);
  }
  Status usage = options.finish(flags);
  if (!usage.isOk()) {
    std::fprintf(stderr, "lowbit-run: error: %s\n", usage.message().c_str());
    return exitUsage;
  }
  StatusOr<int> code = options.pictures.given     ? runDiffusion(options)
                       : options.function.empty() ? runLlm(options)
                                                  : runFunction(options);
  return code.isOk() ? *code : reportError("lowbit-run", code.status());
}

//===- Progress.cpp - What a long compilation is doing --------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Compiler/Progress.h"

#include "llvm/Support/JSON.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir::lowbit;

::lowbit::StatusOr<std::unique_ptr<Progress>>
Progress::create(const std::string &mode) {
  Mode kind;
  if (mode == "auto")
    kind = llvm::sys::Process::StandardErrIsDisplayed() ? Mode::terminal : Mode::plain;
  else if (mode == "plain")
    kind = Mode::plain;
  else if (mode == "json")
    kind = Mode::json;
  else if (mode == "none")
    kind = Mode::none;
  else
    return ::lowbit::invalidArgument(
        "--progress requires auto, plain, json or none, got '%s'", mode.c_str());
  return std::unique_ptr<Progress>(new Progress(kind));
}

void Progress::update(const std::string &phase, const std::string &detail) {
  auto now = std::chrono::steady_clock::now();
  bool newPhase = phase != lastPhase;
  double wait = mode == Mode::terminal ? 0.1 : 10;
  if (mode == Mode::none ||
      (!newPhase && std::chrono::duration<double>(now - last).count() < wait))
    return;
  last = now;
  lastPhase = phase;
  double seconds = std::chrono::duration<double>(now - start).count();
  std::string text = phase + (detail.empty() ? "" : ": " + detail);
  if (mode == Mode::terminal) {
    llvm::errs() << "\r\033[K" << text;
    lineOpen = true;
  } else if (mode == Mode::json) {
    llvm::json::OStream json(llvm::errs());
    json.object([&] {
      json.attribute("phase", phase);
      json.attribute("detail", detail);
      json.attribute("seconds", seconds);
    });
    llvm::errs() << "\n";
  } else if (!newPhase || seconds > 1) {
    llvm::errs() << ::lowbit::formatString("[%6.1f s] ", seconds) << text << "\n";
  }
}

void Progress::finish() {
  if (lineOpen)
    llvm::errs() << "\r\033[K";
  lineOpen = false;
}

//===- Flags.h - Command lines of the tools that do not link LLVM -*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_COMMON_FLAGS_H
#define LOWBIT_TOOLS_COMMON_FLAGS_H

#include "lowbit/Support/Status.h"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace lowbit {

/// Exit codes of all our tools (facts/formats.md).
enum ExitCode : int {
  exitOk = 0,
  exitError = 1,
  exitUsage = 2,
  exitNoDevice = 3,
  exitMismatch = 4,
  exitInterrupted = 130,
};

inline constexpr const char *lowbitVersion = "0.1.0";

/// Parses flags. "--name=value", "--name value", "-n value", "-nvalue"; one dash
/// does for long names as well. "--" ends the flags. A flag given twice takes
/// the last value, a list collects them.
class Flags {
public:
  /// `usage`: lines after "usage: "; `examples`: shown at the end of --help.
  Flags(std::string tool, std::string usage, std::string examples)
      : tool(std::move(tool)), usage(std::move(usage)),
        examples(std::move(examples)) {}

  /// Starts a heading in --help.
  void heading(std::string title);
  /// `names`: "-n, --predict". `metavar` and `help` are shown by --help.
  void add(const char *names, bool &target, const char *help);
  void add(const char *names, std::string &target, const char *metavar,
           const char *help);
  void add(const char *names, std::vector<std::string> &target,
           const char *metavar, const char *help);
  void add(const char *names, int64_t &target, const char *metavar,
           const char *help);
  void add(const char *names, uint64_t &target, const char *metavar,
           const char *help);
  void add(const char *names, float &target, const char *metavar,
           const char *help);
  /// Refused with "not supported yet: WHAT", whether or not a value follows.
  void addUnsupported(const char *names, const char *what);
  void addPositional(std::string &target, const char *metavar);

  enum class Result { proceed, done, failed };
  /// Parses; prints --help and --version to stdout (done) and usage errors to
  /// stderr (failed).
  Result parse(int argc, char **argv);
  /// True when the flag was on the command line.
  bool given(std::string_view name) const;
  std::string helpText() const;

private:
  struct Flag {
    std::vector<std::string> names;
    std::string shown;
    std::string metavar; ///< empty: takes no value
    std::string help;    ///< empty: a heading or hidden
    std::string unsupported;
    std::function<Status(std::string_view)> set;
    bool given = false;
  };
  Flag &addFlag(const char *names, const char *metavar, const char *help);
  Flag *find(std::string_view name);
  Status parseFlag(std::string_view text, int &index, int argc, char **argv);
  std::string closest(std::string_view name) const;

  std::string tool;
  std::string usage;
  std::string examples;
  std::vector<Flag> flags;
  struct Positional {
    std::string *target;
    std::string metavar;
    bool given;
  };
  std::vector<Positional> positionals;
};

/// "12", "-3": the whole text must be a number in range.
StatusOr<int64_t> parseInteger(std::string_view text);
StatusOr<double> parseNumber(std::string_view text);
/// "1,2,3".
StatusOr<std::vector<int64_t>> parseIntegerList(std::string_view text);

} // namespace lowbit

#endif // LOWBIT_TOOLS_COMMON_FLAGS_H

//===- Flags.cpp - Command lines of the tools that do not link LLVM -------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/common/Flags.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>

using namespace lowbit;

StatusOr<int64_t> lowbit::parseInteger(std::string_view text) {
  int64_t value = 0;
  auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty())
    return invalidArgument("'%.*s' is not a whole number in range",
                           static_cast<int>(text.size()), text.data());
  return value;
}

StatusOr<double> lowbit::parseNumber(std::string_view text) {
  std::string copy(text);
  char *end = nullptr;
  errno = 0;
  double value = std::strtod(copy.c_str(), &end);
  if (copy.empty() || *end != '\0' || errno == ERANGE)
    return invalidArgument("'%s' is not a number", copy.c_str());
  return value;
}

StatusOr<std::vector<int64_t>> lowbit::parseIntegerList(std::string_view text) {
  std::vector<int64_t> values;
  while (!text.empty()) {
    size_t comma = text.find(',');
    LOWBIT_ASSIGN_OR_RETURN(int64_t value, parseInteger(text.substr(0, comma)));
    values.push_back(value);
    if (comma == std::string_view::npos)
      return values;
    text.remove_prefix(comma + 1);
  }
  return invalidArgument("a comma-separated list of numbers is required");
}

void Flags::heading(std::string title) {
  Flag flag;
  flag.shown = std::move(title);
  flags.push_back(std::move(flag));
}

Flags::Flag &Flags::addFlag(const char *names, const char *metavar,
                            const char *help) {
  Flag flag;
  flag.shown = names;
  flag.metavar = metavar;
  flag.help = help;
  for (std::string_view rest = names; !rest.empty();) {
    size_t comma = rest.find(", ");
    flag.names.emplace_back(rest.substr(0, comma));
    rest = comma == std::string_view::npos ? "" : rest.substr(comma + 2);
  }
  flags.push_back(std::move(flag));
  return flags.back();
}

void Flags::add(const char *names, bool &target, const char *help) {
  addFlag(names, "", help).set = [&target](std::string_view) -> Status {
    target = true;
    return {};
  };
}
void Flags::add(const char *names, std::string &target, const char *metavar,
                const char *help) {
  addFlag(names, metavar, help).set = [&target](std::string_view v) -> Status {
    target = v;
    return {};
  };
}
void Flags::add(const char *names, std::vector<std::string> &target,
                const char *metavar, const char *help) {
  addFlag(names, metavar, help).set = [&target](std::string_view v) -> Status {
    target.emplace_back(v);
    return {};
  };
}
void Flags::add(const char *names, int64_t &target, const char *metavar,
                const char *help) {
  addFlag(names, metavar, help).set = [&target](std::string_view v) -> Status {
    LOWBIT_ASSIGN_OR_RETURN(target, parseInteger(v));
    return {};
  };
}
void Flags::add(const char *names, uint64_t &target, const char *metavar,
                const char *help) {
  addFlag(names, metavar, help).set = [&target](std::string_view v) -> Status {
    auto [end, error] = std::from_chars(v.data(), v.data() + v.size(), target);
    if (error == std::errc() && end == v.data() + v.size())
      return {};
    // A negative seed is a seed like any other; as in PyTorch -1 is 2^64 - 1.
    LOWBIT_ASSIGN_OR_RETURN(int64_t value, parseInteger(v));
    target = static_cast<uint64_t>(value);
    return {};
  };
}
void Flags::add(const char *names, float &target, const char *metavar,
                const char *help) {
  addFlag(names, metavar, help).set = [&target](std::string_view v) -> Status {
    LOWBIT_ASSIGN_OR_RETURN(double value, parseNumber(v));
    target = static_cast<float>(value);
    return {};
  };
}

void Flags::addUnsupported(const char *names, const char *what) {
  addFlag(names, "", "").unsupported = what;
}

void Flags::addPositional(std::string &target, const char *metavar) {
  positionals.push_back({&target, metavar, false});
}

Flags::Flag *Flags::find(std::string_view name) {
  for (Flag &flag : flags)
    for (const std::string &candidate : flag.names)
      if (candidate == name ||
          (candidate.substr(0, 2) == "--" && candidate.substr(1) == name))
        return &flag;
  return nullptr;
}

bool Flags::given(std::string_view name) const {
  const Flag *flag = const_cast<Flags *>(this)->find(name);
  return flag && flag->given;
}

/// Number of single-letter edits between two words.
static size_t editDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j)
    row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      size_t previous = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1,
                         diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = previous;
    }
  }
  return row[b.size()];
}

std::string Flags::closest(std::string_view name) const {
  std::string best;
  size_t distance = 3;
  for (const Flag &flag : flags)
    for (const std::string &candidate : flag.names)
      if (size_t d = editDistance(name, candidate); d < distance) {
        distance = d;
        best = candidate;
      }
  return best;
}

Status Flags::parseFlag(std::string_view text, int &index, int argc,
                        char **argv) {
  size_t equals = text.find('=');
  std::string_view name = text.substr(0, equals);
  std::optional<std::string_view> value;
  if (equals != std::string_view::npos)
    value = text.substr(equals + 1);
  Flag *flag = find(name);
  // "-n64": a short flag with its value attached.
  if (!flag && text.size() > 2 && text[1] != '-')
    if (Flag *candidate = find(text.substr(0, 2));
        candidate && !candidate->metavar.empty()) {
      flag = candidate;
      name = text.substr(0, 2);
      value = text.substr(2);
    }
  if (!flag) {
    std::string guess = closest(name);
    return invalidArgument("unknown flag '%.*s'%s", static_cast<int>(name.size()),
                           name.data(),
                           guess.empty()
                               ? ""
                               : ("; did you mean '" + guess + "'?").c_str());
  }
  flag->given = true;
  if (!flag->unsupported.empty())
    return unimplemented("not supported yet: %s", flag->unsupported.c_str());
  if (flag->metavar.empty()) {
    if (value)
      return invalidArgument("flag '%.*s' takes no value",
                             static_cast<int>(name.size()), name.data());
    return flag->set("");
  }
  if (!value) {
    if (index + 1 >= argc)
      return invalidArgument("flag '%.*s' needs a value (%s)",
                             static_cast<int>(name.size()), name.data(),
                             flag->metavar.c_str());
    value = argv[++index];
  }
  Status status = flag->set(*value);
  if (!status.isOk())
    return invalidArgument("flag '%.*s': %s", static_cast<int>(name.size()),
                           name.data(), status.message().c_str());
  return {};
}

Flags::Result Flags::parse(int argc, char **argv) {
  bool onlyPositionals = false;
  auto failed = [&](const Status &status) {
    std::fprintf(stderr, "%s: error: %s\n", tool.c_str(),
                 status.message().c_str());
    if (status.code() != StatusCode::unimplemented)
      std::fprintf(stderr, "usage: %s; --help shows all flags\n", usage.c_str());
    return Result::failed;
  };
  for (int i = 1; i < argc; ++i) {
    std::string_view text = argv[i];
    if (!onlyPositionals && text == "--") {
      onlyPositionals = true;
      continue;
    }
    if (!onlyPositionals && (text == "--help" || text == "-h" || text == "-help")) {
      // -h is also a height in diffusion command lines: help only when alone.
      if (text != "-h" || argc == 2) {
        std::fputs(helpText().c_str(), stdout);
        return Result::done;
      }
    }
    if (!onlyPositionals && text == "--version") {
      std::printf("%s (lowbit %s)\n", tool.c_str(), lowbitVersion);
      return Result::done;
    }
    if (!onlyPositionals && text.size() > 1 && text[0] == '-') {
      Status status = parseFlag(text, i, argc, argv);
      if (!status.isOk())
        return failed(status);
      continue;
    }
    auto free = std::find_if(positionals.begin(), positionals.end(),
                             [](const Positional &p) { return !p.given; });
    if (free == positionals.end())
      return failed(invalidArgument("unexpected argument '%.*s'",
                                    static_cast<int>(text.size()), text.data()));
    *free->target = text;
    free->given = true;
  }
  return Result::proceed;
}

std::string Flags::helpText() const {
  std::string text = "usage: " + usage + "\n";
  for (const Flag &flag : flags) {
    if (flag.names.empty()) {
      text += "\n" + flag.shown + "\n";
      continue;
    }
    if (flag.help.empty())
      continue;
    std::string left = "  " + flag.shown;
    if (!flag.metavar.empty())
      left += (flag.names.back().substr(0, 2) == "--" ? "=" : " ") + flag.metavar;
    text += left;
    text += left.size() < 34 ? std::string(34 - left.size(), ' ')
                             : "\n" + std::string(34, ' ');
    text += flag.help;
    text += "\n";
  }
  text += "  --help, --version\n\nexamples:\n" + examples;
  return text;
}

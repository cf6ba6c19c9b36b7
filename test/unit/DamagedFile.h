//===- DamagedFile.h - Truncations and byte flips of one file -*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Damages a file in place and mends it again, so that thousands of cases cost
// no thousands of copies. Nothing may map the file between two cases.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TEST_UNIT_DAMAGEDFILE_H
#define LOWBIT_TEST_UNIT_DAMAGEDFILE_H

#include <cstdint>
#include <fstream>
#include <iterator>
#include <random>
#include <regex>
#include <string>
#include <unistd.h>

#include <fcntl.h>
#include <gtest/gtest.h>

namespace lowbit::test {

/// What issue 3 asks for each container.
inline constexpr int damageTruncations = 200;
inline constexpr int damageFlips = 5000;

class DamagedFile {
public:
  explicit DamagedFile(std::string path) : name(std::move(path)) {
    std::ifstream file(name, std::ios::binary);
    original.assign(std::istreambuf_iterator<char>(file),
                    std::istreambuf_iterator<char>());
    descriptor = ::open(name.c_str(), O_RDWR | O_CLOEXEC);
  }
  ~DamagedFile() {
    if (descriptor >= 0)
      ::close(descriptor);
  }
  DamagedFile(const DamagedFile &) = delete;
  DamagedFile &operator=(const DamagedFile &) = delete;

  bool isOpen() const { return descriptor >= 0 && !original.empty(); }
  const std::string &path() const { return name; }
  const std::string &bytes() const { return original; }

  /// Runs `check(what)` on the first `length` bytes.
  template <typename Check>
  void truncated(size_t length, Check check) {
    ASSERT_EQ(::ftruncate(descriptor, static_cast<off_t>(length)), 0);
    check("the first " + std::to_string(length) + " bytes of " + name);
    put(length, original.substr(length));
  }

  /// Runs `check(what)` with the bits of `mask` flipped in one byte.
  template <typename Check>
  void flipped(size_t offset, uint8_t mask, Check check) {
    put(offset, std::string(1, static_cast<char>(original[offset] ^ mask)));
    check("bits " + std::to_string(mask) + " flipped at offset " +
          std::to_string(offset) + " of " + name);
    put(offset, original.substr(offset, 1));
  }

  /// `damageTruncations` and `damageFlips` seeded cases. Four of five lie in
  /// the first `head` bytes, where the structure of the file is.
  template <typename CheckTruncated, typename CheckFlipped>
  void forEachDamage(size_t head, CheckTruncated checkTruncated,
                     CheckFlipped checkFlipped) {
    std::mt19937_64 random(20251123);
    auto place = [&](int round) {
      return random() % (round % 5 ? head : original.size());
    };
    for (int i = 0; i < damageTruncations; ++i)
      truncated(place(i), checkTruncated);
    for (int i = 0; i < damageFlips; ++i) {
      size_t offset = place(i);
      flipped(offset, static_cast<uint8_t>(1 + random() % 255), checkFlipped);
    }
  }

private:
  void put(size_t offset, const std::string &bytes) {
    ASSERT_EQ(::pwrite(descriptor, bytes.data(), bytes.size(),
                       static_cast<off_t>(offset)),
              static_cast<ssize_t>(bytes.size()));
  }

  std::string name;
  std::string original;
  int descriptor = -1;
};

/// An error message about damage: one line that names the file at `path` (or
/// one below that folder) and, besides, an offset or something in quotes: a
/// field, a tensor, a section.
inline void expectNamesPlace(const std::string &message,
                             const std::string &path) {
  EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  EXPECT_LT(message.size(), 4000u);
  size_t begin = message.find(path);
  if (begin == std::string::npos) {
    ADD_FAILURE() << "the file '" << path << "' is not named: " << message;
    return;
  }
  size_t end = message.find_first_of("':", begin + path.size());
  std::string rest = message.substr(0, begin);
  if (!rest.empty() && rest.back() == '\'')
    rest.pop_back();
  if (end != std::string::npos)
    rest += message.substr(end + 1);
  static const std::regex place("offset [0-9]|[0-9] bytes|['\"][^'\"]*['\"]");
  EXPECT_TRUE(std::regex_search(rest, place))
      << "neither a field nor an offset is named: " << message;
}

} // namespace lowbit::test

#endif // LOWBIT_TEST_UNIT_DAMAGEDFILE_H

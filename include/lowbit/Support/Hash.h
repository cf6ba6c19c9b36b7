//===- Hash.h - Content hashes -------------------------------- -*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// SHA-256 (FIPS 180-4) for provenance, XXH3 for checksums of sections and for
// telling equal parameters apart. XXH3 is not cryptographic.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_SUPPORT_HASH_H
#define LOWBIT_SUPPORT_HASH_H

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace lowbit {

using Sha256Digest = std::array<uint8_t, 32>;

/// Incremental SHA-256.
class Sha256 {
public:
  Sha256();
  void update(std::span<const uint8_t> bytes);
  /// The digest of everything so far; the object may not be used afterwards.
  Sha256Digest finish();

private:
  friend Sha256Digest sha256Portable(std::span<const uint8_t> bytes);
  void compress(const uint8_t *blocks, size_t count);
  void compressBlock(const uint8_t *block);

  bool portable = false;
  std::array<uint32_t, 8> state;
  std::array<uint8_t, 64> pending;
  uint64_t total = 0;
};

Sha256Digest sha256(std::span<const uint8_t> bytes);
/// The same without the CPU's SHA instructions; for tests.
Sha256Digest sha256Portable(std::span<const uint8_t> bytes);

/// XXH3, 64 bits, seed 0.
uint64_t xxh3(std::span<const uint8_t> bytes);

/// XXH3, 128 bits, seed 0.
struct Hash128 {
  uint64_t low = 0;
  uint64_t high = 0;
  bool operator==(const Hash128 &) const = default;
  auto operator<=>(const Hash128 &) const = default;
};
Hash128 xxh3Wide(std::span<const uint8_t> bytes);

/// Incremental XXH3-64 and XXH3-128 of the same bytes.
class Xxh3Stream {
public:
  Xxh3Stream();
  ~Xxh3Stream();
  Xxh3Stream(const Xxh3Stream &) = delete;
  Xxh3Stream &operator=(const Xxh3Stream &) = delete;
  void update(std::span<const uint8_t> bytes);
  uint64_t digest() const;    ///< equals xxh3() of the bytes so far
  Hash128 digestWide() const; ///< equals xxh3Wide() of the bytes so far

private:
  void *state;
  void *wideState;
};

/// Lower-case hexadecimal, two characters a byte.
std::string toHex(std::span<const uint8_t> bytes);
/// High half first, 32 characters, as `xxh128sum` prints it.
std::string toHex(const Hash128 &hash);

} // namespace lowbit

#endif // LOWBIT_SUPPORT_HASH_H

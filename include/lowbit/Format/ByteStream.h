//===- ByteStream.h - Little-endian numbers in byte strings -----*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The sections of a module file are written and read through these two classes.
// The reader never reads outside its bytes: the first violation is remembered
// with its offset and everything read afterwards is zero, so a parser can read
// straight on and check once.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_FORMAT_BYTESTREAM_H
#define LOWBIT_FORMAT_BYTESTREAM_H

#include "lowbit/Support/Status.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lowbit {

/// Appends little-endian values to a byte string.
class ByteWriter {
public:
  void u8(uint8_t value) { data.push_back(value); }
  void u16(uint16_t value) { little(value, 2); }
  void u32(uint32_t value) { little(value, 4); }
  void u64(uint64_t value) { little(value, 8); }
  void i64(int64_t value) { little(static_cast<uint64_t>(value), 8); }
  void f32(float value);
  void f64(double value);
  /// u32 length, then the bytes.
  void string(std::string_view text);
  void bytes(std::span<const uint8_t> raw) {
    data.insert(data.end(), raw.begin(), raw.end());
  }
  /// Zero bytes up to a multiple of `alignment`.
  void padTo(size_t alignment);
  size_t size() const { return data.size(); }
  const std::vector<uint8_t> &result() const { return data; }
  std::vector<uint8_t> take() { return std::move(data); }

private:
  void little(uint64_t value, unsigned count) {
    for (unsigned i = 0; i < count; ++i)
      data.push_back(static_cast<uint8_t>(value >> (8 * i)));
  }
  std::vector<uint8_t> data;
};

/// Reads what ByteWriter wrote; hostile bytes give a Status, never a crash.
class ByteReader {
public:
  explicit ByteReader(std::span<const uint8_t> bytes) : data(bytes) {}

  uint8_t u8() { return static_cast<uint8_t>(little(1)); }
  uint16_t u16() { return static_cast<uint16_t>(little(2)); }
  uint32_t u32() { return static_cast<uint32_t>(little(4)); }
  uint64_t u64() { return little(8); }
  int64_t i64() { return static_cast<int64_t>(little(8)); }
  float f32();
  double f64();
  /// A string of at most `maxLength` bytes. Names are printed in messages, so
  /// bytes below 0x20 are an error unless `binary` is set.
  std::string string(size_t maxLength = 1u << 16, bool binary = false);
  /// The next `count` bytes, without a copy.
  std::span<const uint8_t> bytes(uint64_t count);
  /// A u32 element count; fails when `count * minBytesEach` is more than what is
  /// left, so that no hostile count makes the caller reserve memory.
  uint32_t count(size_t minBytesEach);

  size_t offset() const { return position; }
  size_t remaining() const { return data.size() - position; }
  bool failed() const { return !error.isOk(); }
  /// Remembers an error of the caller's at the current offset.
  void fail(Status status);
  /// Ok when nothing failed so far. The message names the byte offset.
  const Status &status() const { return error; }
  /// As status(), and everything must have been read.
  Status finish();

private:
  uint64_t little(unsigned count);

  std::span<const uint8_t> data;
  size_t position = 0;
  Status error;
};

} // namespace lowbit

#endif // LOWBIT_FORMAT_BYTESTREAM_H

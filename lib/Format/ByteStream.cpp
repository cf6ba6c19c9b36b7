//===- ByteStream.cpp - Little-endian numbers in byte strings -------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Format/ByteStream.h"

#include <bit>

using namespace lowbit;

void ByteWriter::f32(float value) { u32(std::bit_cast<uint32_t>(value)); }
void ByteWriter::f64(double value) { u64(std::bit_cast<uint64_t>(value)); }

void ByteWriter::string(std::string_view text) {
  u32(static_cast<uint32_t>(text.size()));
  data.insert(data.end(), text.begin(), text.end());
}

void ByteWriter::padTo(size_t alignment) {
  while (data.size() % alignment != 0)
    data.push_back(0);
}

float ByteReader::f32() { return std::bit_cast<float>(u32()); }
double ByteReader::f64() { return std::bit_cast<double>(u64()); }

void ByteReader::fail(Status status) {
  if (failed())
    return;
  error = std::move(status).addNote(
      formatString("at byte offset %zu of the section", position));
}

uint64_t ByteReader::little(unsigned count) {
  std::span<const uint8_t> raw = bytes(count);
  uint64_t value = 0;
  for (size_t i = 0; i < raw.size(); ++i)
    value |= static_cast<uint64_t>(raw[i]) << (8 * i);
  return value;
}

std::span<const uint8_t> ByteReader::bytes(uint64_t count) {
  if (failed())
    return {};
  if (count > remaining()) {
    fail(invalidArgument("ends early: %llu bytes are needed, %zu are left",
                         static_cast<unsigned long long>(count), remaining()));
    return {};
  }
  std::span<const uint8_t> result = data.subspan(position, count);
  position += count;
  return result;
}

std::string ByteReader::string(size_t maxLength, bool binary) {
  uint32_t length = u32();
  if (length > maxLength) {
    fail(invalidArgument("a string of %u bytes is longer than the limit of %zu",
                         length, maxLength));
    return {};
  }
  std::span<const uint8_t> raw = bytes(length);
  if (!binary)
    for (uint8_t byte : raw)
      if (byte < 0x20 || byte == 0x7f) {
        fail(invalidArgument("a name contains the control character 0x%02x",
                             byte));
        return {};
      }
  return std::string(raw.begin(), raw.end());
}

uint32_t ByteReader::count(size_t minBytesEach) {
  uint32_t value = u32();
  if (minBytesEach != 0 && value > remaining() / minBytesEach) {
    fail(invalidArgument("a count of %u entries of at least %zu bytes does not "
                         "fit the %zu bytes left",
                         value, minBytesEach, remaining()));
    return 0;
  }
  return value;
}

Status ByteReader::finish() {
  if (!failed() && remaining() != 0)
    fail(invalidArgument("%zu bytes follow the last entry", remaining()));
  return error;
}

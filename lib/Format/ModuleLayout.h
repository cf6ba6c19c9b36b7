//===- ModuleLayout.h - Header and section table as bytes -------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Header, 64 bytes: magic (8 bytes), u32 version, u32 header size, u64 file size,
// u64 table offset, u64 table size, u64 table checksum, u64 reserved (0),
// u64 XXH3 of the first 56 bytes.
// The magic has a byte above 0x7f and both line endings, so that a transfer as
// text is noticed at once.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_FORMAT_MODULELAYOUT_H
#define LOWBIT_LIB_FORMAT_MODULELAYOUT_H

#include "lowbit/Format/ByteStream.h"
#include "lowbit/Format/Module.h"

#include <array>

namespace lowbit {

inline constexpr std::array<uint8_t, 8> moduleMagic = {0x8f, 'L', 'B', 'I',
                                                       'T',  '\r', '\n', 0x1a};
inline constexpr size_t moduleHeaderSize = 64;

struct ModuleHeader {
  uint64_t fileSize = 0;
  uint64_t tableOffset = 0;
  uint64_t tableSize = 0;
  uint64_t tableChecksum = 0;
};

inline std::vector<uint8_t> serializeHeader(const ModuleHeader &header) {
  ByteWriter out;
  out.bytes(moduleMagic);
  out.u32(moduleVersion);
  out.u32(moduleHeaderSize);
  out.u64(header.fileSize);
  out.u64(header.tableOffset);
  out.u64(header.tableSize);
  out.u64(header.tableChecksum);
  out.u64(0);
  out.u64(xxh3(out.result()));
  return out.take();
}

inline std::vector<uint8_t>
serializeSections(std::span<const Section> sections) {
  ByteWriter out;
  out.u32(static_cast<uint32_t>(sections.size()));
  for (const Section &section : sections) {
    out.u32(static_cast<uint32_t>(section.kind));
    out.string(section.target);
    out.u64(section.offset);
    out.u64(section.size);
    out.u32(section.alignment);
    out.u64(section.checksum);
  }
  return out.take();
}

/// Keys and values of the meta section are printed, so they are text without
/// control characters.
inline Status validateMeta(const ModuleMeta &meta) {
  for (const auto &[key, value] : meta)
    for (unsigned char c : value)
      if (c < 0x20 || c == 0x7f)
        return invalidArgument("the value of '%s' has the control character "
                               "0x%02x",
                               key.c_str(), c);
  return {};
}

} // namespace lowbit

#endif // LOWBIT_LIB_FORMAT_MODULELAYOUT_H

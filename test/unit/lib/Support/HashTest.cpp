//===- HashTest.cpp - Hashes against published vectors --------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Support/Hash.h"

#include <gtest/gtest.h>

#include <vector>

using namespace lowbit;

namespace {

std::span<const uint8_t> bytesOf(std::string_view text) {
  return {reinterpret_cast<const uint8_t *>(text.data()), text.size()};
}

TEST(Sha256, PublishedVectors) {
  EXPECT_EQ(toHex(sha256({})),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(toHex(sha256(bytesOf("abc"))),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(toHex(sha256(bytesOf(
                "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"))),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(toHex(sha256(std::vector<uint8_t>(1000000, 'a'))),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, InstructionsAndPortableCodeAgree) {
  std::vector<uint8_t> data(1000);
  for (size_t i = 0; i < data.size(); ++i)
    data[i] = static_cast<uint8_t>(i * i + 3 * i);
  for (size_t size = 0; size < data.size(); size += 13) {
    std::span<const uint8_t> part(data.data(), size);
    ASSERT_EQ(sha256(part), sha256Portable(part)) << size;
  }
  EXPECT_EQ(toHex(sha256Portable(bytesOf("abc"))),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Sha256, ChunksDoNotMatter) {
  std::vector<uint8_t> data(777);
  for (size_t i = 0; i < data.size(); ++i)
    data[i] = static_cast<uint8_t>(i * 31);
  for (size_t step : {1, 3, 55, 56, 63, 64, 65, 128, 500}) {
    Sha256 hash;
    for (size_t at = 0; at < data.size(); at += step)
      hash.update(std::span<const uint8_t>(data).subspan(
          at, std::min(step, data.size() - at)));
    EXPECT_EQ(hash.finish(), sha256(data)) << step;
  }
}

TEST(Xxh3, VectorsAndStream) {
  // Empty input, seed 0, of the xxHash specification.
  EXPECT_EQ(xxh3({}), 0x2d06800538d394c2ull);
  EXPECT_EQ(toHex(xxh3Wide({})), "99aa06d3014798d86001c324468d497f");
  std::vector<uint8_t> data(5000, 7);
  Xxh3Stream stream;
  stream.update(std::span<const uint8_t>(data).first(1234));
  stream.update(std::span<const uint8_t>(data).subspan(1234));
  EXPECT_EQ(stream.digest(), xxh3(data));
  EXPECT_EQ(stream.digestWide(), xxh3Wide(data));
}

} // namespace

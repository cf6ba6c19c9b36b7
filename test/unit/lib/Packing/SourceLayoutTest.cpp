//===- SourceLayoutTest.cpp - Stored formats against their own formulas ---===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Packing/SourceLayout.h"
#include "lowbit/Packing/Layouts.h"
#include "lowbit/Packing/Pack.h"
#include "lowbit/Support/Float.h"
#include "lowbit/Support/MappedFile.h"

#include <gtest/gtest.h>

#include <cstring>
#include <set>

using namespace lowbit;

namespace {

using Bytes = std::vector<uint8_t>;

struct Fixture {
  int64_t rows = 0, columns = 0;
  Bytes stored;
  std::vector<float> values;
};

/// See test/Inputs/packing/make_fixtures.py.
Fixture readFixture(const std::string &name) {
  Fixture fixture;
  auto file = MappedFile::open(std::string(LOWBIT_SOURCE_DIR) +
                               "/test/Inputs/packing/" + name + ".bin");
  EXPECT_TRUE(file.isOk()) << name;
  if (!file.isOk())
    return fixture;
  uint32_t header[3];
  const uint8_t *data = file->bytes().data();
  std::memcpy(header, data, 12);
  fixture.rows = header[0];
  fixture.columns = header[1];
  fixture.stored.assign(data + 12, data + 12 + header[2]);
  fixture.values.resize(header[0] * header[1]);
  EXPECT_EQ(file->size(), 12 + header[2] + fixture.values.size() * 4);
  std::memcpy(fixture.values.data(), data + 12 + header[2],
              fixture.values.size() * 4);
  return fixture;
}

/// Streams a stored tensor into a layout, `step` rows at a time.
Status convert(const SourceLayout &source, const Bytes &stored,
               const LeafDesc &leaf, int64_t step, std::vector<Bytes> &arrays) {
  LOWBIT_ASSIGN_OR_RETURN(LeafCodec codec, LeafCodec::create(leaf));
  arrays.clear();
  for (const ComponentDesc &component : codec.components())
    arrays.emplace_back(component.bytes);
  std::vector<std::span<uint8_t>> fields(
      arrays.begin(), arrays.begin() + static_cast<long>(leaf.fields.size()));
  CanonicalRows plain;
  for (int64_t row = 0; row < leaf.rows; row += step) {
    int64_t end = std::min(leaf.rows, row + step);
    LOWBIT_RETURN_IF_ERROR(readCanonicalRows(source, stored, leaf.rows,
                                             leaf.columns, row, end, plain));
    LOWBIT_RETURN_IF_ERROR(codec.packCodes(row, end, plain.codes, fields));
    size_t i = 0;
    auto pack = [&](const ParamDesc &param) -> Status {
      size_t at = leaf.fields.size() + i;
      const Bytes &values = plain.params[i++];
      if (values.empty())
        return Status::success();
      auto [first, last] = granuleRowsOf(param, row, end);
      return packParam(param, first, last, values, arrays[at]);
    };
    for (const ParamDesc &param : leaf.scales)
      LOWBIT_RETURN_IF_ERROR(pack(param));
    for (const ParamDesc &param : leaf.offsets)
      LOWBIT_RETURN_IF_ERROR(pack(param));
  }
  return Status::success();
}

class StoredFormat : public testing::TestWithParam<const char *> {};

TEST_P(StoredFormat, DecodesToItsOwnFormula) {
  const SourceLayout *source = findSourceLayout(GetParam());
  ASSERT_NE(source, nullptr);
  Fixture fixture = readFixture(GetParam());
  ASSERT_GT(fixture.rows, 0);
  auto leaf = leafOf(*source, fixture.rows, fixture.columns);
  ASSERT_TRUE(leaf.isOk()) << leaf.status().toString();

  for (bool lanes : {false, true}) {
    if (lanes)
      ASSERT_TRUE(applyRowsInLanesLayout(*leaf).isOk());
    for (int64_t step : {1, 2, 8}) {
      std::vector<Bytes> arrays;
      Status status = convert(*source, fixture.stored, *leaf, step, arrays);
      ASSERT_TRUE(status.isOk()) << status.toString();
      std::vector<std::span<const uint8_t>> components(arrays.begin(),
                                                       arrays.end());
      std::vector<float> out(static_cast<size_t>(fixture.columns));
      for (int64_t n = 0; n < fixture.rows; ++n) {
        ASSERT_TRUE(decodeRow(*leaf, components, n, out).isOk());
        for (int64_t k = 0; k < fixture.columns; ++k) {
          float want = fixture.values[n * fixture.columns + k];
          // The formulas differ in the sign of a zero only: 0 * -8 + 0.
          if (want == 0.0f)
            ASSERT_EQ(out[k], want) << n << " " << k;
          else
            ASSERT_EQ(floatBits(out[k]), floatBits(want)) << n << " " << k;
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, StoredFormat,
                         testing::Values("F16", "BF16", "Q8_0", "Q4_0", "Q4_1",
                                         "Q5_0", "Q5_1", "Q2_K", "Q3_K", "Q4_K",
                                         "Q5_K", "Q6_K", "TQ1_0", "TQ2_0"),
                         [](const auto &info) {
                           return std::string(info.param);
                         });

TEST(SourceLayout, TablesAreConsistent) {
  std::set<std::string> names;
  for (const SourceLayout &source : allSourceLayouts()) {
    SCOPED_TRACE(source.name);
    EXPECT_TRUE(names.insert(source.name).second);
    auto check = [&](const SourceNumber &number, int32_t items) {
      // Every bit of every item is stored once, inside the block.
      std::set<std::pair<int64_t, int64_t>> places;
      std::vector<unsigned> bits(static_cast<size_t>(items));
      for (const SourcePiece &piece : number.pieces) {
        ASSERT_GE(piece.begin, 0);
        ASSERT_LE(piece.end, items);
        for (int64_t j = 0; j < piece.end - piece.begin; ++j) {
          int64_t byte = piece.byte.eval({&j, 1}),
                  bit = piece.bit.eval({&j, 1});
          ASSERT_GE(byte, 0);
          ASSERT_LE(byte * 8 + bit + (piece.radix ? 0 : piece.width),
                    source.blockBytes * 8);
          if (!piece.radix)
            for (unsigned b = 0; b < piece.width; ++b)
              EXPECT_TRUE(
                  places.insert({byte + (bit + b) / 8, (bit + b) % 8}).second);
          else
            EXPECT_TRUE(places.insert({byte, bit}).second);
          bits[static_cast<size_t>(piece.begin + j)] += piece.width;
        }
      }
      // A whole byte may hold a narrower number.
      for (unsigned count : bits)
        EXPECT_TRUE(count == number.number.width ||
                    (count == 8 && number.twosComplement));
    };
    check(source.code, source.blockElements);
    for (const SourceParam &param : source.params)
      if (param.group > 0)
        check(param.value, source.blockElements / param.group);
  }
  EXPECT_EQ(findSourceLayout("IQ2_XS"), nullptr);
}

TEST(SourceLayout, PlainFloats) {
  const float values[] = {1.5f, -0.0f, 3e-39f, 7.0f, 8.0f, 9.0f};
  Bytes stored(sizeof(values));
  std::memcpy(stored.data(), values, sizeof(values));
  const SourceLayout *source = findSourceLayout("F32");
  CanonicalRows out;
  ASSERT_TRUE(readCanonicalRows(*source, stored, 2, 3, 0, 2, out).isOk());
  EXPECT_EQ(out.codes, stored);
  ASSERT_TRUE(readCanonicalRows(*source, stored, 2, 3, 1, 2, out).isOk());
  EXPECT_EQ(out.codes, Bytes(stored.begin() + 12, stored.end()));
}

TEST(SourceLayout, BitnetRowPlanes) {
  // Ten rows in three byte rows: row r + 3 p is plane p of byte row r.
  const int64_t rows = 10, columns = 5;
  Bytes stored(3 * columns, 0x55); // value 0 everywhere
  auto set = [&](int64_t n, int64_t k, int value) {
    uint8_t &byte = stored[(n % 3) * columns + k];
    unsigned shift = 2 * static_cast<unsigned>(n / 3);
    byte = static_cast<uint8_t>((byte & ~(3u << shift)) |
                                static_cast<unsigned>(value + 1) << shift);
  };
  set(0, 0, -1);
  set(4, 2, 1);
  set(9, 4, -1);
  const SourceLayout *source = findSourceLayout("BITNET");
  CanonicalRows out;
  Status status =
      readCanonicalRows(*source, stored, rows, columns, 0, rows, out);
  ASSERT_TRUE(status.isOk()) << status.toString();
  Bytes want(rows * columns, 0);
  want[0] = 0xff;
  want[4 * columns + 2] = 1;
  want[9 * columns + 4] = 0xff;
  EXPECT_EQ(out.codes, want);
  ASSERT_EQ(out.params.size(), 1u);
  EXPECT_TRUE(out.params[0].empty());
  auto leaf = leafOf(*source, rows, columns);
  ASSERT_TRUE(leaf.isOk());
  EXPECT_EQ(describe(*leaf), "ternary, scale f32/tensor");

  set(5, 1, 2);
  status = readCanonicalRows(*source, stored, rows, columns, 0, rows, out);
  ASSERT_FALSE(status.isOk());
  EXPECT_EQ(status.message(),
            "code 2 at row 5, position 1 is outside -1..1 of BITNET");
}

TEST(SourceLayout, RefusesWrongSizes) {
  const SourceLayout *source = findSourceLayout("Q4_K");
  EXPECT_FALSE(leafOf(*source, 2, 100).isOk());
  EXPECT_FALSE(leafOf(*source, 0, 256).isOk());
  EXPECT_FALSE(leafOf(*source, INT64_MAX / 2, 256).isOk());
  CanonicalRows out;
  EXPECT_FALSE(
      readCanonicalRows(*source, Bytes(143), 1, 256, 0, 1, out).isOk());
  EXPECT_FALSE(
      readCanonicalRows(*source, Bytes(144), 1, 256, 0, 2, out).isOk());
  EXPECT_FALSE(
      readCanonicalRows(*source, Bytes(144), 1, 256, -1, 1, out).isOk());
}

TEST(SourceLayout, Describes) {
  auto text = [](const char *name) {
    return describe(*leafOf(*findSourceLayout(name), 4, 512));
  };
  EXPECT_EQ(text("Q4_1"), "uint4, scale f16/32, offset f16/32");
  EXPECT_EQ(text("Q4_K"),
            "uint4, scale f16/256 * uint6/32, offset - f16/256 * uint6/32");
  EXPECT_EQ(text("Q6_K"), "int6, scale f16/256 * int8/16");
  EXPECT_EQ(text("TQ1_0"), "ternary, scale f16/256");
  EXPECT_EQ(text("I8_ROW"), "int8, scale f32/row");
}

} // namespace

//===- NpyTest.cpp - NumPy's array files ----------------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Support/Npy.h"

#include "gtest/gtest.h"

using namespace lowbit;

namespace {

StatusOr<NpyArray> parse(const std::string &text) {
  return parseNpy({reinterpret_cast<const uint8_t *>(text.data()), text.size()},
                  "a.npy");
}

/// A version 1.0 file with this dictionary and `data` bytes of zeros.
std::string file(const std::string &dictionary, size_t data) {
  std::string text = "\x93NUMPY\x01";
  text += '\0';
  text += static_cast<char>(dictionary.size() & 0xff);
  text += static_cast<char>(dictionary.size() >> 8);
  return text + dictionary + std::string(data, '\0');
}

TEST(NpyTest, HeaderReadsBack) {
  for (std::vector<int64_t> shape :
       {std::vector<int64_t>{}, {3}, {2, 3}, {0, 5}, {1, 2, 3}}) {
    int64_t count = 4;
    for (int64_t extent : shape)
      count *= extent;
    std::string header = npyHeader("f4", shape);
    EXPECT_EQ(header.size() % 64, 0u);
    StatusOr<NpyArray> array =
        parse(header + std::string(static_cast<size_t>(count), '\0'));
    ASSERT_TRUE(array.isOk()) << array.status().message();
    EXPECT_EQ(array->shape, shape);
    EXPECT_EQ(array->dtype, "f4");
  }
}

TEST(NpyTest, FilesReadBack) {
  const std::string path = testing::TempDir() + "lowbit-npy-test.npy";
  NpyArray array{"i2", {2, 1}, {1, 2, 3, 4}};
  ASSERT_TRUE(writeNpy(path, array).isOk());
  StatusOr<NpyArray> back = readNpy(path);
  ASSERT_TRUE(back.isOk()) << back.status().message();
  EXPECT_EQ(back->bytes, array.bytes);
  EXPECT_EQ(back->shape, array.shape);
  EXPECT_FALSE(readNpy(path + ".absent").isOk());
  std::remove(path.c_str());
}

TEST(NpyTest, KeysInAnyOrderAndSpacing) {
  EXPECT_TRUE(parse(file("{\"shape\":(2,),'descr':'|u1','fortran_order':False}", 2))
                  .isOk());
}

TEST(NpyTest, HostileHeadersAreErrors) {
  const std::string good =
      "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }";
  ASSERT_TRUE(parse(file(good, 8)).isOk());
  const std::pair<std::string, size_t> cases[] = {
      {good, 7},
      {good, 9},
      {"{'descr': '<f4', 'fortran_order': True, 'shape': (2,), }", 8},
      {"{'descr': '>f4', 'fortran_order': False, 'shape': (2,), }", 8},
      {"{'descr': '|O', 'fortran_order': False, 'shape': (2,), }", 8},
      {"{'descr': '<f3', 'fortran_order': False, 'shape': (2,), }", 6},
      {"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,), }", 8},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (-2,), }", 8},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': "
       "(9223372036854775807, 9223372036854775807), }",
       0},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': "
       "(99999999999999999999,), }",
       0},
      {"{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2,)}",
       8},
      {"{'descr': '<f4', 'fortran_order': False}", 8},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,)} x", 8},
      {"{'descr': '<f4", 0},
      {"", 0},
  };
  for (const auto &[dictionary, data] : cases) {
    StatusOr<NpyArray> array = parse(file(dictionary, data));
    ASSERT_FALSE(array.isOk()) << dictionary;
    EXPECT_NE(array.status().message().find("'a.npy'"), std::string::npos);
  }
  std::string whole = file(good, 8);
  for (size_t size = 0; size < whole.size(); ++size)
    EXPECT_FALSE(parse(whole.substr(0, size)).isOk()) << size;
}

} // namespace

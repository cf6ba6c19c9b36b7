//===- Arrays.cpp - Arrays on command lines -------------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/common/Arrays.h"

#include "lowbit/Packing/IndexMap.h"
#include "lowbit/Support/CheckedMath.h"
#include "lowbit/Support/Float.h"
#include "tools/common/Flags.h"

#include <algorithm>
#include <cmath>
#include <cstring>

using namespace lowbit;

std::string lowbit::npyTypeOf(ElementType type) {
  switch (type) {
  case ElementType::f32:
    return "f4";
  case ElementType::f16:
    return "f2";
  case ElementType::bf16:
    return "u2";
  case ElementType::i8:
    return "i1";
  case ElementType::u8:
    return "u1";
  case ElementType::i32:
    return "i4";
  case ElementType::i64:
    return "i8";
  }
  return "";
}

StatusOr<std::string> lowbit::filePath(const std::string &text) {
  std::string path = text.substr(text[0] == '@' ? 1 : 0);
  if (path.empty())
    return invalidArgument("'%s' names no file; use @FILE.npy", text.c_str());
  return path;
}

std::string lowbit::describeArray(const std::vector<int64_t> &shape,
                                  const std::string &type) {
  std::string text;
  for (int64_t extent : shape)
    text += std::to_string(extent) + "x";
  return text + type;
}

/// The bytes of one number of type `type`; an error when it does not fit.
static Status appendNumber(ElementType type, std::string_view text,
                           std::vector<uint8_t> &bytes) {
  uint64_t bits = 0;
  if (type == ElementType::f32 || type == ElementType::f16 ||
      type == ElementType::bf16) {
    LOWBIT_ASSIGN_OR_RETURN(double value, parseNumber(text));
    auto single = static_cast<float>(value);
    bits = type == ElementType::f32   ? floatBits(single)
           : type == ElementType::f16 ? f32ToF16(single)
                                      : f32ToBf16(single);
  } else {
    LOWBIT_ASSIGN_OR_RETURN(int64_t value, parseInteger(text));
    unsigned width = 8 * elementTypeBytes(type);
    bool isSigned = type != ElementType::u8;
    int64_t high = width == 64 ? INT64_MAX
                   : isSigned  ? (int64_t(1) << (width - 1)) - 1
                               : (int64_t(1) << width) - 1;
    int64_t low = isSigned ? -high - 1 : 0;
    if (value < low || value > high)
      return invalidArgument("%lld does not fit type %s",
                             static_cast<long long>(value),
                             elementTypeName(type));
    bits = static_cast<uint64_t>(value);
  }
  for (unsigned i = 0; i < elementTypeBytes(type); ++i)
    bytes.push_back(static_cast<uint8_t>(bits >> (8 * i)));
  return {};
}

StatusOr<NpyArray> lowbit::parseArray(const std::string &text) {
  if (!text.empty() && text[0] == '@') {
    LOWBIT_ASSIGN_OR_RETURN(std::string path, filePath(text));
    return readNpy(path);
  }
  size_t equals = text.find('=');
  if (equals == std::string::npos)
    return invalidArgument("'%s' is not an array; write 2x3xf32=1,2,3,4,5,6 or "
                           "@FILE.npy",
                           text.c_str());
  std::string_view head = std::string_view(text).substr(0, equals);
  NpyArray array;
  while (head.find('x') != std::string_view::npos) {
    size_t cross = head.find('x');
    LOWBIT_ASSIGN_OR_RETURN(int64_t extent, parseInteger(head.substr(0, cross)));
    array.shape.push_back(extent);
    head.remove_prefix(cross + 1);
  }
  LOWBIT_ASSIGN_OR_RETURN(ElementType type, parseElementType(head));
  array.dtype = npyTypeOf(type);
  LOWBIT_ASSIGN_OR_RETURN(int64_t elements, checkedElementCount(array.shape));
  int64_t count = 0;
  std::string_view rest = std::string_view(text).substr(equals + 1);
  constexpr std::string_view separators = ", []\t\n";
  for (;;) {
    size_t begin = rest.find_first_not_of(separators);
    if (begin == std::string_view::npos)
      break;
    rest.remove_prefix(begin);
    size_t end = std::min(rest.find_first_of(separators), rest.size());
    LOWBIT_RETURN_IF_ERROR(appendNumber(type, rest.substr(0, end), array.bytes));
    rest.remove_prefix(end);
    ++count;
  }
  if (count == 1 && elements > 1) {
    std::optional<int64_t> bytes =
        checkedMul<int64_t>(elements, elementTypeBytes(type));
    if (!bytes || *bytes > (int64_t(1) << 30))
      return invalidArgument("'%s' is larger than 1 GiB; give @FILE.npy", text.c_str());
    std::vector<uint8_t> one = array.bytes;
    array.bytes.clear();
    for (int64_t i = 0; i < elements; ++i)
      array.bytes.insert(array.bytes.end(), one.begin(), one.end());
  } else if (count != elements) {
    return invalidArgument("'%s' has %lld numbers, its shape needs %lld",
                           text.c_str(), static_cast<long long>(count),
                           static_cast<long long>(elements));
  }
  return array;
}

static int64_t elementCount(const NpyArray &array) {
  int64_t count = 1;
  for (int64_t extent : array.shape)
    count *= extent;
  return count;
}

/// Element `index` as a number.
static double elementOf(const NpyArray &array, int64_t index) {
  size_t width = static_cast<size_t>(array.dtype[1] - '0');
  uint64_t bits = 0;
  std::memcpy(&bits, array.bytes.data() + index * width, width);
  if (array.dtype == "f4")
    return floatFromBits(static_cast<uint32_t>(bits));
  if (array.dtype == "f2")
    return f16ToF32(static_cast<uint16_t>(bits));
  if (array.dtype == "f8")
    return std::bit_cast<double>(bits);
  if (array.dtype[0] != 'i')
    return static_cast<double>(bits);
  unsigned shift = static_cast<unsigned>(64 - 8 * width);
  return static_cast<double>(static_cast<int64_t>(bits << shift) >> shift);
}

std::string lowbit::formatArray(const NpyArray &array) {
  std::string text = describeArray(array.shape, array.dtype) + "=";
  for (int64_t i = 0; i < elementCount(array); ++i)
    text += (i ? " " : "") + formatString("%.9g", elementOf(array, i));
  return text;
}

StatusOr<ArrayDifference> lowbit::compareArrays(const NpyArray &actual,
                                                const NpyArray &expected,
                                                double tolerance) {
  ArrayDifference difference;
  if (actual.shape != expected.shape || actual.dtype != expected.dtype) {
    difference.equal = false;
    difference.text = "it is " + describeArray(actual.shape, actual.dtype) +
                      ", " + describeArray(expected.shape, expected.dtype) +
                      " is expected";
    return difference;
  }
  int64_t count = elementCount(actual);
  double largest = 0;
  for (int64_t i = 0; i < count; ++i)
    if (double value = std::fabs(elementOf(expected, i)); std::isfinite(value))
      largest = std::max(largest, value);
  int64_t wrong = 0, worst = -1;
  double worstError = -1;
  size_t width = static_cast<size_t>(actual.dtype[1] - '0');
  for (int64_t i = 0; i < count; ++i) {
    double a = elementOf(actual, i), e = elementOf(expected, i);
    if (std::isnan(a) && std::isnan(e))
      continue;
    bool same = std::memcmp(actual.bytes.data() + i * width,
                            expected.bytes.data() + i * width, width) == 0;
    double error = std::fabs(a - e);
    if (same || (tolerance > 0 && error <= tolerance * largest))
      continue;
    ++wrong;
    if (std::isnan(error))
      error = std::numeric_limits<double>::infinity();
    if (error > worstError) {
      worstError = error;
      worst = i;
    }
  }
  if (wrong == 0)
    return difference;
  difference.equal = false;
  difference.text = formatString(
      "%lld of %lld numbers; the worst is element %lld, %.9g for %.9g (relative "
      "to the largest %.3g)",
      static_cast<long long>(wrong), static_cast<long long>(count),
      static_cast<long long>(worst), elementOf(actual, worst),
      elementOf(expected, worst), largest > 0 ? worstError / largest : worstError);
  return difference;
}

//===- InputText.cpp - Tensors on the command line ------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "InputText.h"

#include "lowbit/Support/Float.h"
#include "lowbit/Support/Npy.h"

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <optional>

namespace lowbit::interpret {

using reference::ElementType;
using reference::Tensor;

static constexpr ElementType allTypes[] = {
    ElementType::f32, ElementType::f16, ElementType::bf16, ElementType::i1,
    ElementType::i8,  ElementType::i16, ElementType::i32,  ElementType::i64};
/// NumPy's name of each of them; bf16 has none.
static constexpr const char *npyTypes[] = {"f4", "f2", "",   "b1",
                                           "i1", "i2", "i4", "i8"};

static std::optional<ElementType> typeNamed(std::string_view name) {
  for (ElementType type : allTypes)
    if (name == reference::elementTypeName(type))
      return type;
  return std::nullopt;
}

static StatusOr<Tensor> readTensor(const std::string &path) {
  LOWBIT_ASSIGN_OR_RETURN(NpyArray array, readNpy(path));
  for (ElementType type : allTypes)
    if (array.dtype == npyTypes[static_cast<int>(type)])
      return reference::tensorFromBytes(type, array.shape, array.bytes);
  return unimplemented("'%s': numbers of type '%s'; use f4, f2, i1, i2, i4 or i8",
                       path.c_str(), array.dtype.c_str());
}

/// Rounds to the element type, so that printing shows what is computed on.
static float roundTo(ElementType type, float value) {
  if (type == ElementType::f16)
    return f16ToF32(f32ToF16(value));
  if (type == ElementType::bf16)
    return bf16ToF32(f32ToBf16(value));
  return value;
}

static Status parseNumber(std::string_view text, Tensor &tensor) {
  const std::string copy(text);
  char *end = nullptr;
  if (reference::isFloat(tensor.element)) {
    const float value = std::strtof(copy.c_str(), &end);
    tensor.floats.push_back(roundTo(tensor.element, value));
  } else {
    int64_t value = 0;
    auto [stop, error] =
        std::from_chars(text.data(), text.data() + text.size(), value);
    const unsigned bits = reference::elementBytes(tensor.element) * 8;
    const bool fits = bits == 64 || (value >= -(int64_t{1} << (bits - 1)) &&
                                     value < (int64_t{1} << bits));
    if (error != std::errc() || !fits)
      return invalidArgument("'%s' is not a number of type %s", copy.c_str(),
                             reference::elementTypeName(tensor.element));
    const unsigned unused = 64 - bits;
    tensor.integers.push_back(
        static_cast<int64_t>(static_cast<uint64_t>(value) << unused) >> unused);
    end = const_cast<char *>(copy.c_str()) + (stop - text.data());
  }
  if (end != copy.c_str() + copy.size())
    return invalidArgument("'%s' is not a number of type %s", copy.c_str(),
                           reference::elementTypeName(tensor.element));
  return Status::success();
}

StatusOr<Tensor> parseInput(std::string_view text) {
  if (text.starts_with("@"))
    return readTensor(std::string(text.substr(1)));
  const size_t equal = text.find('=');
  if (equal == std::string_view::npos)
    return invalidArgument("input '%s': expected TYPE=NUMBERS ('2x3xf32=1 2 3 4 "
                           "5 6') or @FILE.npy",
                           std::string(text).c_str());
  std::string_view type = text.substr(0, equal);
  std::vector<int64_t> shape;
  while (!type.empty() && type[0] >= '0' && type[0] <= '9') {
    int64_t extent = 0;
    auto [stop, error] =
        std::from_chars(type.data(), type.data() + type.size(), extent);
    const size_t used = stop - type.data();
    if (error != std::errc() || used == type.size() || type[used] != 'x')
      break;
    shape.push_back(extent);
    type.remove_prefix(used + 1);
  }
  std::optional<ElementType> element = typeNamed(type);
  if (!element)
    return invalidArgument("input '%s': expected a type such as 2x3xf32 or i64",
                           std::string(text).c_str());
  StatusOr<int64_t> count = checkedElementCount(shape);
  if (!count.isOk() || *count > (int64_t{1} << 32))
    return invalidArgument("input '%s': the tensor is too large",
                           std::string(text).c_str());

  Tensor tensor;
  tensor.element = *element;
  tensor.shape = std::move(shape);
  std::string_view rest = text.substr(equal + 1);
  while (true) {
    const size_t begin = rest.find_first_not_of(", ");
    if (begin == std::string_view::npos)
      break;
    rest.remove_prefix(begin);
    const size_t end = std::min(rest.find_first_of(", "), rest.size());
    LOWBIT_RETURN_IF_ERROR(parseNumber(rest.substr(0, end), tensor));
    rest.remove_prefix(end);
  }
  const size_t size = static_cast<size_t>(*count);
  if (tensor.floats.size() == 1)
    tensor.floats.assign(size, tensor.floats[0]);
  if (tensor.integers.size() == 1)
    tensor.integers.assign(size, tensor.integers[0]);
  if (tensor.floats.size() + tensor.integers.size() != size)
    return invalidArgument("input %s: %zu numbers where %zu are needed",
                           tensor.typeName().c_str(),
                           tensor.floats.size() + tensor.integers.size(), size);
  return tensor;
}

std::string printTensor(const Tensor &tensor) {
  std::string text = tensor.typeName() + "=";
  for (int64_t i = 0; i < tensor.size(); ++i) {
    char buffer[40];
    std::to_chars_result end{};
    if (reference::isFloat(tensor.element))
      end = std::to_chars(buffer, std::end(buffer), tensor.floats[i]);
    else
      end = std::to_chars(buffer, std::end(buffer), tensor.integers[i]);
    text += i ? " " : "";
    text.append(buffer, end.ptr);
  }
  return text;
}

Status writeTensor(const std::string &path, const Tensor &tensor) {
  Tensor stored = tensor;
  if (stored.element == ElementType::bf16)
    stored.element = ElementType::f32;
  return writeNpy(path, {npyTypes[static_cast<int>(stored.element)],
                         stored.shape, reference::tensorToBytes(stored)});
}

} // namespace lowbit::interpret

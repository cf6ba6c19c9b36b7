//===- Npy.cpp - NumPy's array files --------------------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Support/Npy.h"

#include "lowbit/Support/CheckedMath.h"
#include "lowbit/Support/MappedFile.h"

#include <optional>

namespace lowbit {
namespace {

/// Reads the header's Python dictionary: three known keys in any order.
class HeaderParser {
public:
  HeaderParser(std::string_view text, const std::string &file)
      : text(text), file(file) {}

  Status parse(std::string &descr, bool &fortran, std::vector<int64_t> &shape) {
    bool hasDescr = false, hasOrder = false, hasShape = false;
    if (!take('{'))
      return fail("a dictionary");
    while (!take('}')) {
      std::optional<std::string> key = string();
      if (!key || !take(':'))
        return fail("a key");
      bool *seen = *key == "descr"           ? &hasDescr
                   : *key == "fortran_order" ? &hasOrder
                   : *key == "shape"         ? &hasShape
                                             : nullptr;
      if (!seen || *seen)
        return fail("the keys descr, fortran_order and shape once each");
      *seen = true;
      if (seen == &hasDescr) {
        std::optional<std::string> value = string();
        if (!value)
          return fail("a plain number type ('<f4')");
        descr = *value;
      } else if (seen == &hasOrder) {
        fortran = word("True");
        if (!fortran && !word("False"))
          return fail("True or False");
      } else if (!tuple(shape)) {
        return fail("a shape of integers below 2^63");
      }
      if (!take(',') && peek() != '}')
        return fail("',' or '}'");
    }
    skip();
    if (at != text.size() || !hasDescr || !hasOrder || !hasShape)
      return fail("the keys descr, fortran_order and shape once each");
    return Status::success();
  }

private:
  Status fail(const char *expected) {
    return invalidArgument("'%s': the array header at byte %zu: expected %s",
                           file.c_str(), at, expected);
  }
  void skip() {
    while (at < text.size() && (text[at] == ' ' || text[at] == '\n'))
      ++at;
  }
  char peek() {
    skip();
    return at < text.size() ? text[at] : '\0';
  }
  bool take(char c) {
    if (peek() != c)
      return false;
    ++at;
    return true;
  }
  bool word(std::string_view expected) {
    skip();
    if (text.substr(at, expected.size()) != expected)
      return false;
    at += expected.size();
    return true;
  }
  std::optional<std::string> string() {
    const char quote = peek();
    if (quote != '\'' && quote != '"')
      return std::nullopt;
    const size_t end = text.find(quote, at + 1);
    if (end == std::string_view::npos)
      return std::nullopt;
    std::string value(text.substr(at + 1, end - at - 1));
    at = end + 1;
    return value;
  }
  bool tuple(std::vector<int64_t> &shape) {
    if (!take('('))
      return false;
    while (!take(')')) {
      skip();
      int64_t value = 0;
      size_t digits = 0;
      for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at) {
        std::optional<int64_t> next = checkedMul(value, 10);
        next = next ? checkedAdd(*next, text[at] - '0') : next;
        if (!next)
          return false;
        value = *next;
        ++digits;
      }
      if (digits == 0 || shape.size() == 32)
        return false;
      shape.push_back(value);
      if (!take(',') && peek() != ')')
        return false;
    }
    return true;
  }

  std::string_view text;
  const std::string &file;
  size_t at = 0;
};

} // namespace

StatusOr<NpyArray> parseNpy(std::span<const uint8_t> bytes,
                            const std::string &name) {
  const std::string_view text(reinterpret_cast<const char *>(bytes.data()),
                              bytes.size());
  if (text.size() < 12 || text.substr(0, 6) != "\x93NUMPY")
    return invalidArgument("'%s' is not an .npy file", name.c_str());
  const unsigned major = bytes[6];
  if (major < 1 || major > 3)
    return invalidArgument("'%s': .npy version %u is not known", name.c_str(),
                           major);
  const size_t start = major == 1 ? 10 : 12;
  size_t length = bytes[8] | bytes[9] << 8;
  if (major > 1)
    length |= static_cast<size_t>(bytes[10]) << 16 |
              static_cast<size_t>(bytes[11]) << 24;
  if (!rangeFits(start, length, bytes.size()))
    return invalidArgument("'%s': the header of %zu bytes leaves the file",
                           name.c_str(), length);

  NpyArray array;
  std::string descr;
  bool fortran = false;
  HeaderParser parser(text.substr(start, length), name);
  LOWBIT_RETURN_IF_ERROR(parser.parse(descr, fortran, array.shape));
  if (fortran)
    return unimplemented("'%s' is in Fortran order; save a C-ordered copy",
                         name.c_str());
  if (descr.size() != 3 || (descr[0] != '<' && descr[0] != '|') ||
      std::string_view("fiub").find(descr[1]) == std::string_view::npos ||
      std::string_view("1248").find(descr[2]) == std::string_view::npos)
    return unimplemented("'%s': numbers of type '%s'; use little-endian "
                         "numbers of 1 to 8 bytes",
                         name.c_str(), descr.c_str());
  array.dtype = descr.substr(1);

  int64_t count = descr[2] - '0';
  for (int64_t extent : array.shape) {
    std::optional<int64_t> product = checkedMul(count, extent);
    if (!product)
      return invalidArgument("'%s': the shape overflows 63 bits", name.c_str());
    count = *product;
  }
  const uint64_t rest = bytes.size() - start - length;
  if (rest != static_cast<uint64_t>(count))
    return invalidArgument("'%s': the shape needs %lld bytes, the file has %llu",
                           name.c_str(), static_cast<long long>(count),
                           static_cast<unsigned long long>(rest));
  array.bytes.assign(bytes.begin() + start + length, bytes.end());
  return array;
}

StatusOr<NpyArray> readNpy(const std::string &path) {
  LOWBIT_ASSIGN_OR_RETURN(MappedFile file, MappedFile::open(path));
  return parseNpy(file.bytes(), path);
}

std::string npyHeader(std::string_view dtype, std::span<const int64_t> shape) {
  std::string dictionary = "{'descr': '";
  dictionary += dtype.ends_with("1") ? "|" : "<";
  dictionary += dtype;
  dictionary += "', 'fortran_order': False, 'shape': (";
  for (size_t i = 0; i < shape.size(); ++i)
    dictionary += (i ? ", " : "") + std::to_string(shape[i]);
  dictionary += shape.size() == 1 ? ",), }" : "), }";
  while ((10 + dictionary.size() + 1) % 64 != 0)
    dictionary += ' ';
  dictionary += '\n';
  std::string header = "\x93NUMPY\x01";
  header += '\0';
  header += static_cast<char>(dictionary.size() & 0xff);
  header += static_cast<char>(dictionary.size() >> 8);
  return header + dictionary;
}

Status writeNpy(const std::string &path, const NpyArray &array) {
  LOWBIT_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::create(path));
  LOWBIT_RETURN_IF_ERROR(file.write(npyHeader(array.dtype, array.shape)));
  LOWBIT_RETURN_IF_ERROR(
      file.write(std::span<const uint8_t>(array.bytes)));
  return file.commit();
}

} // namespace lowbit

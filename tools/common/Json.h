//===- Json.h - Writing JSON ------------------------------------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_COMMON_JSON_H
#define LOWBIT_TOOLS_COMMON_JSON_H

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace lowbit {

/// Writes indented JSON in the order of the calls. Numbers that are not finite
/// become null, bytes that are not UTF-8 become U+FFFD.
class JsonWriter {
public:
  void beginObject() { open('{'); }
  void endObject() { close('}'); }
  void beginArray() { open('['); }
  void endArray() { close(']'); }
  JsonWriter &key(std::string_view name);
  void value(std::string_view text);
  void value(const char *text) { value(std::string_view(text)); }
  void value(const std::string &text) { value(std::string_view(text)); }
  void value(bool truth);
  void value(int64_t number);
  void value(uint64_t number);
  void value(int number) { value(static_cast<int64_t>(number)); }
  void value(unsigned number) { value(static_cast<uint64_t>(number)); }
  void value(double number);
  /// JSON text that is known to be valid; inserted as it is.
  void raw(std::string_view json);
  template <typename T> void field(std::string_view name, const T &v) {
    key(name);
    value(v);
  }
  /// The text, with a final newline.
  std::string result() const { return out + "\n"; }

private:
  void open(char bracket);
  void close(char bracket);
  void beforeValue();
  void newLine();

  std::string out;
  std::vector<bool> empty; ///< one for each open bracket
  bool afterKey = false;
};

/// The quoted form of a text.
std::string jsonQuote(std::string_view text);

} // namespace lowbit

#endif // LOWBIT_TOOLS_COMMON_JSON_H

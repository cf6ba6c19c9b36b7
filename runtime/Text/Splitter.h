//===- Splitter.h - Cutting text into words ---------------------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_RUNTIME_TEXT_SPLITTER_H
#define LOWBIT_RUNTIME_TEXT_SPLITTER_H

#include "lowbit/Support/Status.h"

#include <string_view>

namespace lowbit::text {

/// Applies regular expressions one after another. Each cuts every piece it gets
/// into its non-empty matches and the texts between them, all kept. Bytes that
/// are not UTF-8 are pieces of their own.
class Splitter {
public:
  /// Fails when PCRE2 refuses a pattern. White space in patterns (\s, \S) means
  /// Unicode White_Space, as in the engines the models were trained with.
  static StatusOr<Splitter> create(const std::vector<std::string> &patterns);

  Splitter();
  Splitter(Splitter &&);
  Splitter &operator=(Splitter &&);
  ~Splitter();

  /// Appends the pieces of `text`, in order; together they are `text`. Fails
  /// when a match needs more than PCRE2's limits allow.
  Status split(std::string_view text,
               std::vector<std::string_view> &pieces) const;

private:
  struct Pattern;
  Status apply(const Pattern &pattern, std::string_view text,
               std::vector<std::string_view> &pieces) const;
  std::vector<Pattern> patterns;
};

} // namespace lowbit::text

#endif // LOWBIT_RUNTIME_TEXT_SPLITTER_H

//===- Codec.h - What a LeafCodec holds ------------------------ -*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_PACKING_CODEC_H
#define LOWBIT_LIB_PACKING_CODEC_H

#include "lowbit/Packing/Pack.h"

#include "FieldTable.h"
#include "Pattern.h"

namespace lowbit {

namespace packing {

/// A parameter along a row: the first column of each run of equal granules.
struct ParamTable {
  const ParamDesc *desc = nullptr;
  size_t component = 0;
  std::vector<int64_t> runs; ///< ends with `columns`
};

/// Entry `at` (row-major) of a stored parameter array.
uint32_t paramBits(const ParamDesc &param, std::span<const uint8_t> stored,
                   int64_t at);
/// Its value as an integer; `bits` from paramBits.
int64_t paramInteger(const ParamDesc &param, uint32_t bits);

} // namespace packing

using Components = std::span<const std::span<const uint8_t>>;

struct LeafCodec::Impl {
  LeafDesc leaf;
  std::vector<ComponentDesc> components;
  std::vector<packing::FieldTable> fields;
  std::vector<packing::ParamTable> scales;
  std::optional<packing::ParamTable> zero;
  std::vector<packing::ParamTable> offsets;
  /// Dense, without table, rank or packed parameters: decoded by runs.
  bool byRuns = false;
  bool hasEntropy = false;
  bool hasDigits = false;
  size_t tableComponent = 0; ///< of lut; else of the first prefix code
  size_t indexComponent = 0;

  void buildTables();
  packing::ParamTable tableOf(const ParamDesc &param, size_t component) const;
  Status checkComponents(Components stored) const;

  template <typename Code>
  Status packRows(int64_t rowBegin, int64_t rowEnd, const uint8_t *plain,
                  std::span<const std::span<uint8_t>> stored) const;
  /// The stored codes of one stored row.
  template <typename Code>
  Status gatherRow(Components stored, int64_t row,
                   std::vector<Code> &codes) const;
  template <typename Code>
  Status unpackRows(int64_t rowBegin, int64_t rowEnd, Components stored,
                    uint8_t *plain) const;

  /// The same where codes are digits of group numbers.
  void packDigits(int64_t row, const uint8_t *codes,
                  std::span<const std::span<uint8_t>> stored) const;
  template <typename Code>
  void gatherDigits(Components stored, int64_t row,
                    std::vector<Code> &codes) const;

  /// The components of the prefix-coded field `field`: its lengths and starts.
  std::pair<size_t, size_t> entropyComponents(const FieldDesc &field) const;
  /// Symbols of the stored elements [begin, end) into `symbols`.
  Status entropySymbols(const FieldDesc &field, Components stored,
                        int64_t begin, int64_t end,
                        std::vector<uint8_t> &symbols) const;
  Status packEntropy(const FieldDesc &field, const uint8_t *plain,
                     std::span<const std::span<uint8_t>> stored) const;

  template <typename Visit>
  void forEachRun(const packing::ParamTable &table, Components stored,
                  int64_t row, Visit visit) const;
  bool factors(const std::vector<packing::ParamTable> &tables,
               Components stored, int64_t row, std::vector<float> &out) const;
  Status decodeByRuns(Components stored, int64_t row,
                      std::span<float> out) const;
  Status decodeByElements(Components stored, int64_t row,
                          std::span<float> out) const;
};

} // namespace lowbit

#endif // LOWBIT_LIB_PACKING_CODEC_H

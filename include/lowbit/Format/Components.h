//===- Components.h - The stored arrays of a module -------------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A module's weights are components (arrays of bytes) grouped into parameters
// (tensors with an encoding). The table is generic: nothing here depends on what
// codes or patterns an encoding uses; the encoding itself is stored twice, as
// text for people and as LeafDesc for decoding.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_FORMAT_COMPONENTS_H
#define LOWBIT_FORMAT_COMPONENTS_H

#include "lowbit/Packing/Encoding.h"
#include "lowbit/Support/Hash.h"

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lowbit {

/// One array of bytes in the weights section.
struct Component {
  std::string symbol;      ///< unique: "blk.0.attn_q.weight:codes"
  std::string role;        ///< "codes", "scale", "zero", "offset", "table"...
  std::string elementType; ///< of a stored word: "i8", "f16", "f32", "i32"...
  std::vector<int64_t> shape; ///< extents of the stored array, in words
  uint64_t offset = 0; ///< from the start of the weights section, 64-byte aligned
  uint64_t size = 0;   ///< bytes; the file holds zeros up to the next multiple of 64
  Hash128 hash;        ///< XXH3-128 of the `size` bytes
  bool operator==(const Component &) const = default;
};

/// A tensor: its logical shape, its encoding and its components.
struct Parameter {
  std::string symbol;           ///< unique: "blk.0.attn_q.weight"
  std::vector<int64_t> shape;   ///< logical extents
  std::string elementType;      ///< logical element type: "f32"
  std::string encoding;         ///< text of the encoding attribute
  /// For decoding; absent where a parameter is not a leaf (a plain table).
  /// rows * columns is the number of logical elements.
  std::optional<LeafDesc> leaf;
  /// In the order of componentsOf(leaf).
  std::vector<uint32_t> components;
  bool operator==(const Parameter &) const = default;
};

struct ComponentTable {
  std::vector<Component> components;
  std::vector<Parameter> parameters;

  const Parameter *findParameter(std::string_view symbol) const;
  bool operator==(const ComponentTable &) const = default;
};

/// The components section's bytes (deterministic) and back. parse checks
/// structure only.
std::vector<uint8_t> serializeComponents(const ComponentTable &table);
StatusOr<ComponentTable> parseComponents(std::span<const uint8_t> bytes);

/// Checks the table against a weights section of `weightsBytes`: unique names,
/// offsets aligned and in range, size equal to shape times word size for the
/// element types that we know, parameters' leaves valid (lowbit::validate) and
/// their components of exactly the roles and sizes that componentsOf(leaf) says.
Status validateComponents(const ComponentTable &table, uint64_t weightsBytes);

/// Encodings as bytes; also used for report tools and tests.
void serializeLeaf(class ByteWriter &writer, const LeafDesc &leaf);
LeafDesc parseLeaf(class ByteReader &reader);

} // namespace lowbit

#endif // LOWBIT_FORMAT_COMPONENTS_H

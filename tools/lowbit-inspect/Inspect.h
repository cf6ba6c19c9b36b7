//===- Inspect.h - What lowbit-inspect shows --------------------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_LOWBIT_INSPECT_INSPECT_H
#define LOWBIT_TOOLS_LOWBIT_INSPECT_INSPECT_H

#include "lowbit/Support/Status.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace lowbit {

class ModuleReader;

/// One tensor of a file.
struct InspectTensor {
  std::string name;
  std::vector<int64_t> shape; ///< logical extents, outermost first
  std::string encoding;       ///< for people: "uint4, scale f16/32"
  uint64_t bytes = 0;         ///< stored
  double codeBits = 0;        ///< bits an element, codes alone
  double totalBits = 0;       ///< with scales, zeros, offsets and padding
  /// Stored arrays: name and bytes.
  std::vector<std::pair<std::string, uint64_t>> components;

  uint64_t elements() const;
};

/// A file that can be inspected. A checkpoint format is another of these.
class InspectSource {
public:
  virtual ~InspectSource() = default;
  /// "module", "gguf", ...
  virtual std::string kind() const = 0;
  /// Lines of the summary: key and value, in order.
  virtual std::vector<std::pair<std::string, std::string>> summary() const = 0;
  virtual const std::vector<InspectTensor> &tensors() const = 0;
  /// Calls `row` with every row of a tensor, decoded to f32: the last axis is the
  /// columns, all others together the rows.
  virtual Status
  decode(size_t tensor,
         const std::function<Status(std::span<const float>)> &row) const = 0;
  /// The module behind it, for --ledger, --kernels and --memory; else null.
  virtual const ModuleReader *module() const { return nullptr; }
};

struct InspectOptions {
  std::string file;
  bool tensors = false;
  bool ledger = false;
  bool kernels = false;
  bool memory = false;
  bool report = false;
  bool noVerify = false;
  std::string plot;
  std::vector<std::string> dumps; ///< TENSOR=FILE.npy
  std::string format = "text";
  int64_t context = 0;
  int64_t ubatch = 128;
};

/// Opens a module file.
StatusOr<std::unique_ptr<InspectSource>>
openModuleSource(const InspectOptions &options);

/// Opens a GGUF file, a Hugging Face folder or a .safetensors file.
StatusOr<std::unique_ptr<InspectSource>>
openCheckpointSource(const InspectOptions &options);

/// Prints what the options ask for.
Status printText(const InspectSource &source, const InspectOptions &options);
Status printJson(const InspectSource &source, const InspectOptions &options);
/// Writes one decoded tensor: "TENSOR=FILE.npy".
Status dumpTensor(const InspectSource &source, const std::string &request);
/// A picture of all tensors: bits an element (codes dark, the rest light) and
/// share of the bytes.
Status plotTensors(const InspectSource &source, const std::string &path);

/// The ledger of a module as a picture: one point a parameter and step, bits a
/// weight to the right, error of the weights upwards.
Status plotLedger(const ModuleReader &module, const std::string &path);

} // namespace lowbit

#endif // LOWBIT_TOOLS_LOWBIT_INSPECT_INSPECT_H

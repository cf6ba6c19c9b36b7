//===- TinyModule.h - A hand-made module for tests of the runtime -*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TEST_CONFORMANCE_TINYMODULE_H
#define LOWBIT_TEST_CONFORMANCE_TINYMODULE_H

#include "lowbit/Format/GpuCode.h"
#include "lowbit/Format/Module.h"

#include <string>

namespace lowbit::test {

inline constexpr int64_t tinyVocabulary = 11;
inline constexpr int64_t tinyStride = 16; ///< floats of a hidden or logit row

/// A folder of its own, removed with the object.
class TemporaryFolder {
public:
  TemporaryFolder();
  ~TemporaryFolder();
  std::string file(const std::string &name) const { return path + "/" + name; }

private:
  std::string path;
};

/// True when a C compiler is at hand for the code of the tiny module.
bool haveCompiler();
/// Compiles C text to a shared object and gives its bytes; empty on failure.
std::vector<uint8_t> compileShared(const std::string &source);
/// The code of the tiny module, compiled once in each process.
const std::vector<uint8_t> &tinyCode();

/// The same stages as PTX written by hand.
GpuCode tinyGpuCode();

/// A plan of a language model with two layers that share one procedure:
///   h = table[id];  layer: h += weight * sum of h over positions 0..here;
///   logits = table * h, plus functions "twice" (y = 2 x) and "bad".
/// The kernels' last items touch the last bytes of every binding.
Plan tinyPlan();
/// Adds components (table, two layer weights) and everything else to a writer.
Status fillTinyModule(ModuleWriter &writer, const Plan &plan);
/// Writes it to `path`.
Status writeTinyModule(const std::string &path);

/// Logits after `ids` (one row each), computed in plain C++.
std::vector<std::vector<float>> tinyReference(const std::vector<int32_t> &ids);

} // namespace lowbit::test

#endif // LOWBIT_TEST_CONFORMANCE_TINYMODULE_H

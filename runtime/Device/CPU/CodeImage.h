//===- CodeImage.h - A shared object loaded from memory ---------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_RUNTIME_DEVICE_CPU_CODEIMAGE_H
#define LOWBIT_RUNTIME_DEVICE_CPU_CODEIMAGE_H

#include "lowbit-c/kernel.h"
#include "lowbit/Runtime/Device.h"

#include <map>

namespace lowbit {

/// The ELF shared object of a module's code section. The code is trusted, as a
/// program is; what is checked is that it is the kind of thing we expect.
class CodeImage final : public Executable {
public:
  /// Loads `bytes`; `target` names it in messages.
  static StatusOr<std::unique_ptr<Executable>>
  load(std::span<const uint8_t> bytes, const std::string &target);
  ~CodeImage() override;

  std::string_view target() const override { return name; }
  StatusOr<uint32_t> findStage(std::string_view symbol) const override;
  lowbit_stage_fn stage(uint32_t index) const { return table->stages[index]; }
  uint32_t stageCount() const { return table->stage_count; }

private:
  CodeImage() = default;
  Status open(std::span<const uint8_t> bytes);
  Status readTable();

  std::string name;
  int descriptor = -1; ///< kept open: see CodeImage.cpp
  void *library = nullptr;
  const lowbit_code_table *table = nullptr;
  std::map<std::string, uint32_t, std::less<>> numbers;
};

} // namespace lowbit

#endif // LOWBIT_RUNTIME_DEVICE_CPU_CODEIMAGE_H

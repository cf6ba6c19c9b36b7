//===- Module.h - The module file -------------------------------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One file holds a compiled model:
//
//   0         header (64 bytes): magic, version, place and checksum of the table
//   4096      weights section (page aligned; components 64-byte aligned)
//   ...       the other sections, in order of kind, then target
//   end       section table
//
// All numbers are little-endian. Every section has an XXH3-64 checksum; bytes
// between sections are zero. Same inputs give the same bytes.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_FORMAT_MODULE_H
#define LOWBIT_FORMAT_MODULE_H

#include "lowbit/Format/Components.h"
#include "lowbit/Format/Plan.h"
#include "lowbit/Format/Schedule.h"
#include "lowbit/Support/MappedFile.h"

#include <map>
#include <memory>
#include <optional>

namespace lowbit {

inline constexpr uint32_t moduleVersion = 1;
inline constexpr std::string_view moduleExtension = ".lowbit";
inline constexpr uint64_t modulePage = 4096;

/// Kinds of sections; the numbers are part of the format.
enum class SectionKind : uint32_t {
  weights = 1,
  meta = 2,
  plan = 3,
  components = 4,
  tokenizer = 5,
  ledger = 6,
  report = 7,
  code = 8,
  schedule = 9,
};
const char *sectionKindName(SectionKind kind);

/// One entry of the section table.
struct Section {
  SectionKind kind = SectionKind::meta;
  /// Code sections: "cpu:x86-64-v3" (an ELF shared object), "nvptx:sm_80"
  /// (see GpuCode.h). Empty otherwise.
  std::string target;
  uint64_t offset = 0;
  uint64_t size = 0;
  uint32_t alignment = 64;
  uint64_t checksum = 0; ///< XXH3-64
};

/// Key/value strings about the module. Keys the runtime reads:
///   "model.kind"          "llm", "diffusion" (then there is a schedule section);
///                         others are run by --function only
///   "model.name"          for titles and bench tables
///   "model.architecture"  "llama", "bitnet"...
///   "model.activations"   "int8", "f32"...
///   "llm.vocabulary"      number of logits, decimal
///   "llm.hidden"          columns of the hidden state
///   "llm.context"         trained context length; default for -c
///   "llm.positions"       rows of the rotary table, the largest context
///   "model.parameters"    number of logical weights
///   "producer"            "lowbit-compile 0.1.0"
///   "source.name", "source.sha256"
using ModuleMeta = std::map<std::string, std::string>;

/// Named texts as bytes and back.
std::vector<uint8_t>
serializeTextTable(const std::map<std::string, std::string> &texts);
StatusOr<std::map<std::string, std::string>>
parseTextTable(std::span<const uint8_t> bytes);

/// Writes a module. Weights are streamed in first, one component at a time, so
/// memory stays O(1) in their size; everything else is set in any order and
/// written by finish(). If anything fails, or finish() is not reached, no file
/// is left behind. Not thread-safe.
class ModuleWriter {
public:
  /// Begins `path` (a temporary file beside it until finish()).
  static StatusOr<ModuleWriter> create(const std::string &path);
  ModuleWriter(ModuleWriter &&) noexcept;
  ModuleWriter &operator=(ModuleWriter &&) noexcept;
  ~ModuleWriter();

  /// Begins a component; offset, size and hash of `description` are ignored.
  Status beginComponent(Component description);
  /// Appends bytes to the component begun last.
  Status append(std::span<const uint8_t> bytes);
  /// Ends it and returns its index.
  StatusOr<uint32_t> endComponent();
  /// The three above in one.
  StatusOr<uint32_t> addComponent(Component description,
                                  std::span<const uint8_t> bytes);
  /// Another name for the bytes of component `original`.
  StatusOr<uint32_t> shareComponent(Component description, uint32_t original);
  /// Registers a tensor over components already ended; returns its index.
  StatusOr<uint32_t> addParameter(Parameter parameter);
  /// What was added so far.
  const ComponentTable &components() const;

  void setMeta(std::string key, std::string value);
  void setPlan(Plan plan);
  void setTokenizer(std::vector<uint8_t> bytes);
  void setSchedule(DenoiseSchedule schedule);
  void setLedger(std::string json);
  void setReport(std::string json);
  /// Adds the code for a target; a target given twice is an error at finish().
  void addCode(std::string target, std::vector<uint8_t> bytes);

  /// Validates components, plan and schedule, writes the rest and renames the file into
  /// place. Returns the size of the file.
  StatusOr<uint64_t> finish();

private:
  struct Impl;
  explicit ModuleWriter(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl;
};

struct ModuleReadOptions {
  /// False skips the checksum of the weights section (--no-verify).
  bool verifyWeights = true;
};

/// A module file, mapped and completely validated. Immutable; may be shared by
/// threads. Every error names the file, the section and the byte offset.
class ModuleReader {
public:
  static StatusOr<ModuleReader> open(const std::string &path,
                                     const ModuleReadOptions &options = {});
  /// The same on bytes in memory, which must outlive the reader and be aligned
  /// to 64 bytes. `name` is used in messages.
  static StatusOr<ModuleReader> fromBytes(std::span<const uint8_t> bytes,
                                          const std::string &name,
                                          const ModuleReadOptions &options = {});
  /// True when the bytes begin like a module file.
  static bool isModule(std::span<const uint8_t> bytes);

  const std::string &name() const { return fileName; }
  uint64_t fileSize() const { return file.size(); }
  std::span<const Section> sections() const { return table; }
  const ModuleMeta &meta() const { return metaData; }
  /// The value of a key, or `fallback`.
  std::string metaValue(const std::string &key,
                        const std::string &fallback = "") const;
  const Plan &plan() const { return planData; }
  const ComponentTable &components() const { return componentData; }
  /// How the model is stepped; null when there is no such section.
  const DenoiseSchedule *schedule() const {
    return scheduleData ? &*scheduleData : nullptr;
  }
  /// The bytes of the weights section (64-byte aligned in memory).
  std::span<const uint8_t> weights() const { return bytesOf(SectionKind::weights); }
  /// The bytes of a component.
  std::span<const uint8_t> componentBytes(uint32_t index) const;
  std::span<const uint8_t> tokenizer() const { return bytesOf(SectionKind::tokenizer); }
  /// Says that the weights are not read for a while (they have been copied): the
  /// system may take their pages. A hint; the bytes stay valid.
  void releaseWeights() const;
  /// The same for some components: those that lie side by side go together.
  void releaseComponents(std::span<const uint32_t> components) const;
  std::string_view ledger() const { return textOf(SectionKind::ledger); }
  std::string_view report() const { return textOf(SectionKind::report); }
  /// Targets that have code, sorted.
  std::vector<std::string> codeTargets() const;
  /// Code for a target; empty when there is none.
  std::span<const uint8_t> code(std::string_view target) const;

private:
  bool hasSection(SectionKind kind) const;
  std::span<const uint8_t> bytesOf(SectionKind kind) const;
  std::string_view textOf(SectionKind kind) const;
  Status load(const ModuleReadOptions &options);
  Status readTable();
  Status checkSections(const ModuleReadOptions &options);

  std::string fileName;
  MappedFile mapped;
  std::span<const uint8_t> file;
  std::vector<Section> table;
  ModuleMeta metaData;
  Plan planData;
  ComponentTable componentData;
  std::optional<DenoiseSchedule> scheduleData;
};

} // namespace lowbit

#endif // LOWBIT_FORMAT_MODULE_H

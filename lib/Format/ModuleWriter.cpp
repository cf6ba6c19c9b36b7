//===- ModuleWriter.cpp - Streams a module into a file --------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ModuleLayout.h"

#include "lowbit/Format/Module.h"

#include <algorithm>
#include <optional>

using namespace lowbit;

const char *lowbit::sectionKindName(SectionKind kind) {
  switch (kind) {
  case SectionKind::weights:
    return "weights";
  case SectionKind::meta:
    return "meta";
  case SectionKind::plan:
    return "plan";
  case SectionKind::components:
    return "components";
  case SectionKind::tokenizer:
    return "tokenizer";
  case SectionKind::ledger:
    return "ledger";
  case SectionKind::report:
    return "report";
  case SectionKind::code:
    return "code";
  case SectionKind::schedule:
    return "schedule";
  }
  return "unknown";
}

static std::span<const uint8_t> asBytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t *>(text.data()), text.size()};
}

std::vector<uint8_t>
lowbit::serializeTextTable(const std::map<std::string, std::string> &texts) {
  ByteWriter out;
  out.u32(static_cast<uint32_t>(texts.size()));
  for (const auto &[key, value] : texts) {
    out.string(key);
    out.string(value);
  }
  return out.take();
}

StatusOr<std::map<std::string, std::string>>
lowbit::parseTextTable(std::span<const uint8_t> bytes) {
  ByteReader in(bytes);
  std::map<std::string, std::string> texts;
  uint32_t count = in.count(8);
  for (uint32_t i = 0; i < count && !in.failed(); ++i) {
    std::string key = in.string();
    std::string value = in.string(size_t(1) << 30, /*binary=*/true);
    if (!in.failed() && !texts.emplace(key, std::move(value)).second)
      in.fail(invalidArgument("the key '%s' occurs twice", key.c_str()));
  }
  LOWBIT_RETURN_IF_ERROR(in.finish());
  return texts;
}

struct ModuleWriter::Impl {
  AtomicFile file;
  ComponentTable table;
  std::optional<Component> open;
  std::unique_ptr<Xxh3Stream> openHash;
  Xxh3Stream weightsHash;
  ModuleMeta meta;
  Plan plan;
  std::optional<std::vector<uint8_t>> tokenizer;
  std::optional<DenoiseSchedule> schedule;
  std::optional<std::string> ledger;
  std::optional<std::string> report;
  std::vector<std::pair<std::string, std::vector<uint8_t>>> code;
  std::vector<Section> sections;

  uint64_t weightsSize() const { return file.position() - modulePage; }

  Status appendWeights(std::span<const uint8_t> bytes) {
    weightsHash.update(bytes);
    return file.write(bytes);
  }
  Status padWeights(uint64_t alignment) {
    static constexpr uint8_t zeros[64] = {};
    while (weightsSize() % alignment != 0) {
      uint64_t missing = alignment - weightsSize() % alignment;
      LOWBIT_RETURN_IF_ERROR(appendWeights(
          {zeros, static_cast<size_t>(std::min<uint64_t>(missing, 64))}));
    }
    return {};
  }
  Status addSection(SectionKind kind, const std::string &target,
                    std::span<const uint8_t> bytes) {
    LOWBIT_RETURN_IF_ERROR(file.padTo(64));
    Section section;
    section.kind = kind;
    section.target = target;
    section.offset = file.position();
    section.size = bytes.size();
    section.checksum = xxh3(bytes);
    sections.push_back(section);
    return file.write(bytes);
  }
};

ModuleWriter::ModuleWriter(std::unique_ptr<Impl> impl) : impl(std::move(impl)) {}
ModuleWriter::ModuleWriter(ModuleWriter &&) noexcept = default;
ModuleWriter &ModuleWriter::operator=(ModuleWriter &&) noexcept = default;
ModuleWriter::~ModuleWriter() = default;

StatusOr<ModuleWriter> ModuleWriter::create(const std::string &path) {
  auto impl = std::make_unique<Impl>();
  LOWBIT_ASSIGN_OR_RETURN(impl->file, AtomicFile::create(path));
  std::vector<uint8_t> blank(modulePage);
  LOWBIT_RETURN_IF_ERROR(impl->file.write(blank));
  return ModuleWriter(std::move(impl));
}

Status ModuleWriter::beginComponent(Component description) {
  if (impl->open)
    return failedPrecondition("component '%s' begins before '%s' has ended",
                              description.symbol.c_str(),
                              impl->open->symbol.c_str());
  LOWBIT_RETURN_IF_ERROR(impl->padWeights(64));
  description.offset = impl->weightsSize();
  description.size = 0;
  impl->open = std::move(description);
  impl->openHash = std::make_unique<Xxh3Stream>();
  return {};
}

Status ModuleWriter::append(std::span<const uint8_t> bytes) {
  if (!impl->open)
    return failedPrecondition("bytes appended outside a component");
  impl->openHash->update(bytes);
  impl->open->size += bytes.size();
  return impl->appendWeights(bytes);
}

StatusOr<uint32_t> ModuleWriter::endComponent() {
  if (!impl->open)
    return failedPrecondition("no component has begun");
  impl->open->hash = impl->openHash->digestWide();
  impl->table.components.push_back(std::move(*impl->open));
  impl->open.reset();
  LOWBIT_RETURN_IF_ERROR(impl->padWeights(64));
  return static_cast<uint32_t>(impl->table.components.size() - 1);
}

StatusOr<uint32_t> ModuleWriter::addComponent(Component description,
                                              std::span<const uint8_t> bytes) {
  LOWBIT_RETURN_IF_ERROR(beginComponent(std::move(description)));
  LOWBIT_RETURN_IF_ERROR(append(bytes));
  return endComponent();
}

StatusOr<uint32_t> ModuleWriter::shareComponent(Component description,
                                                uint32_t original) {
  std::vector<Component> &components = impl->table.components;
  if (original >= components.size())
    return invalidArgument("component '%s' shares the bytes of component %u of "
                           "%zu",
                           description.symbol.c_str(), original,
                           components.size());
  description.offset = components[original].offset;
  description.size = components[original].size;
  description.hash = components[original].hash;
  components.push_back(std::move(description));
  return static_cast<uint32_t>(components.size() - 1);
}

StatusOr<uint32_t> ModuleWriter::addParameter(Parameter parameter) {
  for (uint32_t index : parameter.components)
    if (index >= impl->table.components.size())
      return invalidArgument("parameter '%s' names component %u of %zu",
                             parameter.symbol.c_str(), index,
                             impl->table.components.size());
  impl->table.parameters.push_back(std::move(parameter));
  return static_cast<uint32_t>(impl->table.parameters.size() - 1);
}

const ComponentTable &ModuleWriter::components() const { return impl->table; }

void ModuleWriter::setMeta(std::string key, std::string value) {
  impl->meta[std::move(key)] = std::move(value);
}
void ModuleWriter::setPlan(Plan plan) { impl->plan = std::move(plan); }
void ModuleWriter::setTokenizer(std::vector<uint8_t> bytes) {
  impl->tokenizer = std::move(bytes);
}
void ModuleWriter::setSchedule(DenoiseSchedule schedule) {
  impl->schedule = std::move(schedule);
}
void ModuleWriter::setLedger(std::string json) { impl->ledger = std::move(json); }
void ModuleWriter::setReport(std::string json) { impl->report = std::move(json); }
void ModuleWriter::addCode(std::string target, std::vector<uint8_t> bytes) {
  impl->code.emplace_back(std::move(target), std::move(bytes));
}

StatusOr<uint64_t> ModuleWriter::finish() {
  if (impl->open)
    return failedPrecondition("component '%s' has not ended",
                              impl->open->symbol.c_str());
  // The weights section ends at a page border so that the mapped pages of the
  // weights hold nothing else.
  LOWBIT_RETURN_IF_ERROR(impl->padWeights(modulePage));
  Section weights;
  weights.kind = SectionKind::weights;
  weights.offset = modulePage;
  weights.size = impl->weightsSize();
  weights.alignment = modulePage;
  weights.checksum = impl->weightsHash.digest();
  impl->sections.push_back(weights);

  LOWBIT_RETURN_IF_ERROR(validateComponents(impl->table, weights.size));
  LOWBIT_RETURN_IF_ERROR(validatePlan(impl->plan, impl->table));
  if (impl->schedule)
    LOWBIT_RETURN_IF_ERROR(
        validateSchedule(*impl->schedule, impl->plan));
  LOWBIT_RETURN_IF_ERROR(validateMeta(impl->meta));
  std::sort(impl->code.begin(), impl->code.end());
  for (size_t i = 1; i < impl->code.size(); ++i)
    if (impl->code[i].first == impl->code[i - 1].first)
      return invalidArgument("code for target '%s' was added twice",
                             impl->code[i].first.c_str());

  LOWBIT_RETURN_IF_ERROR(impl->addSection(SectionKind::meta, "",
                                          serializeTextTable(impl->meta)));
  LOWBIT_RETURN_IF_ERROR(
      impl->addSection(SectionKind::plan, "", serializePlan(impl->plan)));
  LOWBIT_RETURN_IF_ERROR(impl->addSection(SectionKind::components, "",
                                          serializeComponents(impl->table)));
  if (impl->tokenizer)
    LOWBIT_RETURN_IF_ERROR(
        impl->addSection(SectionKind::tokenizer, "", *impl->tokenizer));
  if (impl->ledger)
    LOWBIT_RETURN_IF_ERROR(
        impl->addSection(SectionKind::ledger, "", asBytes(*impl->ledger)));
  if (impl->report)
    LOWBIT_RETURN_IF_ERROR(
        impl->addSection(SectionKind::report, "", asBytes(*impl->report)));
  for (const auto &[target, bytes] : impl->code)
    LOWBIT_RETURN_IF_ERROR(impl->addSection(SectionKind::code, target, bytes));
  if (impl->schedule)
    LOWBIT_RETURN_IF_ERROR(impl->addSection(SectionKind::schedule, "",
                                            serializeSchedule(*impl->schedule)));

  LOWBIT_RETURN_IF_ERROR(impl->file.padTo(64));
  ModuleHeader header;
  header.tableOffset = impl->file.position();
  std::vector<uint8_t> table = serializeSections(impl->sections);
  header.tableSize = table.size();
  header.tableChecksum = xxh3(table);
  header.fileSize = header.tableOffset + header.tableSize;
  LOWBIT_RETURN_IF_ERROR(impl->file.write(table));
  LOWBIT_RETURN_IF_ERROR(impl->file.writeAt(0, serializeHeader(header)));
  LOWBIT_RETURN_IF_ERROR(impl->file.commit());
  return header.fileSize;
}

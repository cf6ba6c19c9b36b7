//===- ModuleReader.cpp - Maps and validates a module ---------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ModuleLayout.h"

#include "lowbit/Support/CheckedMath.h"

#include <algorithm>
#include <cstring>

using namespace lowbit;

static unsigned long long printable(uint64_t value) { return value; }

/// "MESSAGE; NOTE": an error within another one has to stay on its line.
static std::string oneLine(const Status &status) {
  std::string text = status.message();
  for (const std::string &note : status.notes())
    text += "; " + note;
  return text;
}

bool ModuleReader::isModule(std::span<const uint8_t> bytes) {
  return bytes.size() >= moduleMagic.size() &&
         std::memcmp(bytes.data(), moduleMagic.data(), moduleMagic.size()) == 0;
}

StatusOr<ModuleReader> ModuleReader::open(const std::string &path,
                                          const ModuleReadOptions &options) {
  ModuleReader reader;
  reader.fileName = path;
  LOWBIT_ASSIGN_OR_RETURN(reader.mapped, MappedFile::open(path));
  reader.file = reader.mapped.bytes();
  LOWBIT_RETURN_IF_ERROR(reader.load(options));
  return reader;
}

StatusOr<ModuleReader>
ModuleReader::fromBytes(std::span<const uint8_t> bytes, const std::string &name,
                        const ModuleReadOptions &options) {
  ModuleReader reader;
  reader.fileName = name;
  reader.file = bytes;
  LOWBIT_RETURN_IF_ERROR(reader.load(options));
  return reader;
}

Status ModuleReader::load(const ModuleReadOptions &options) {
  LOWBIT_RETURN_IF_ERROR(readTable());
  LOWBIT_RETURN_IF_ERROR(checkSections(options));
  auto inSection = [&](Status status, SectionKind kind) {
    if (status.isOk())
      return status;
    uint64_t offset = 0;
    for (const Section &section : table)
      if (section.kind == kind)
        offset = section.offset;
    return Status(status.code(),
                  formatString("%s: section '%s' at offset %llu: %s",
                               fileName.c_str(), sectionKindName(kind),
                               printable(offset), oneLine(status).c_str()));
  };
  StatusOr<ModuleMeta> meta = parseTextTable(bytesOf(SectionKind::meta));
  if (!meta.isOk())
    return inSection(std::move(meta).status(), SectionKind::meta);
  metaData = std::move(*meta);
  LOWBIT_RETURN_IF_ERROR(
      inSection(validateMeta(metaData), SectionKind::meta));
  StatusOr<ComponentTable> components =
      parseComponents(bytesOf(SectionKind::components));
  if (!components.isOk())
    return inSection(std::move(components).status(), SectionKind::components);
  componentData = std::move(*components);
  LOWBIT_RETURN_IF_ERROR(
      inSection(validateComponents(componentData, weights().size()),
                SectionKind::components));
  StatusOr<Plan> plan = parsePlan(bytesOf(SectionKind::plan));
  if (!plan.isOk())
    return inSection(std::move(plan).status(), SectionKind::plan);
  planData = std::move(*plan);
  LOWBIT_RETURN_IF_ERROR(
      inSection(validatePlan(planData, componentData), SectionKind::plan));
  if (!hasSection(SectionKind::schedule))
    return {};
  StatusOr<DenoiseSchedule> schedule =
      parseSchedule(bytesOf(SectionKind::schedule));
  if (!schedule.isOk())
    return inSection(std::move(schedule).status(), SectionKind::schedule);
  scheduleData = std::move(*schedule);
  return inSection(validateSchedule(*scheduleData, planData),
                   SectionKind::schedule);
}

Status ModuleReader::readTable() {
  const char *path = fileName.c_str();
  if (!isModule(file))
    return invalidArgument("%s: offset 0: not a lowbit module (the magic number "
                           "is missing); make one with lowbit-compile",
                           path);
  if (file.size() < moduleHeaderSize)
    return invalidArgument("%s: the header ends early: %zu of %zu bytes", path,
                           file.size(), moduleHeaderSize);
  ByteReader in(file.first(moduleHeaderSize));
  in.bytes(moduleMagic.size());
  uint32_t version = in.u32();
  uint32_t headerSize = in.u32();
  ModuleHeader header;
  header.fileSize = in.u64();
  header.tableOffset = in.u64();
  header.tableSize = in.u64();
  header.tableChecksum = in.u64();
  uint64_t reserved = in.u64();
  uint64_t checksum = in.u64();
  if (version != moduleVersion)
    return invalidArgument("%s: offset 8: module version %u is not supported "
                           "(this build reads %u); compile the model again",
                           path, version, moduleVersion);
  if (checksum != xxh3(file.first(moduleHeaderSize - 8)) ||
      headerSize != moduleHeaderSize || reserved != 0)
    return invalidArgument("%s: offset 0: the header is damaged (checksum "
                           "mismatch); copy or compile the file again",
                           path);
  if (header.fileSize != file.size())
    return invalidArgument("%s: the file has %zu bytes, its header says %llu; "
                           "copy or compile it again",
                           path, file.size(), printable(header.fileSize));
  if (!rangeFits(header.tableOffset, header.tableSize, file.size()) ||
      header.tableOffset + header.tableSize != file.size())
    return invalidArgument("%s: offset 24: the section table (%llu bytes at "
                           "%llu) does not end the file",
                           path, printable(header.tableSize),
                           printable(header.tableOffset));
  std::span<const uint8_t> bytes =
      file.subspan(header.tableOffset, header.tableSize);
  if (xxh3(bytes) != header.tableChecksum)
    return invalidArgument("%s: the section table at offset %llu is damaged "
                           "(checksum mismatch); copy or compile the file again",
                           path, printable(header.tableOffset));
  ByteReader entries(bytes);
  uint32_t count = entries.count(36);
  for (uint32_t i = 0; i < count && !entries.failed(); ++i) {
    Section section;
    uint32_t kind = entries.u32();
    if (kind < 1 || kind > static_cast<uint32_t>(SectionKind::schedule))
      entries.fail(invalidArgument("unknown section kind %u", kind));
    section.kind = static_cast<SectionKind>(kind);
    section.target = entries.string(256);
    section.offset = entries.u64();
    section.size = entries.u64();
    section.alignment = entries.u32();
    section.checksum = entries.u64();
    table.push_back(std::move(section));
  }
  Status status = entries.finish();
  if (!status.isOk())
    return invalidArgument("%s: section table at offset %llu: %s", path,
                           printable(header.tableOffset),
                           oneLine(status).c_str());
  // The table itself ends the last gap.
  Section end;
  end.offset = header.tableOffset;
  uint64_t position = moduleHeaderSize;
  for (size_t i = 0; i <= table.size(); ++i) {
    const Section &section = i < table.size() ? table[i] : end;
    const char *name =
        i < table.size() ? sectionKindName(section.kind) : "table";
    if (section.offset < position ||
        !rangeFits(section.offset, section.size, header.tableOffset) ||
        section.alignment < 1 ||
        (section.alignment & (section.alignment - 1)) != 0 ||
        section.offset % section.alignment != 0)
      return invalidArgument("%s: section '%s' (%llu bytes at offset %llu, "
                             "alignment %u) overlaps another, is misaligned or "
                             "leaves the file",
                             path, name, printable(section.size),
                             printable(section.offset), section.alignment);
    for (uint64_t gap = position; gap < section.offset; ++gap)
      if (file[gap] != 0)
        return invalidArgument("%s: offset %llu: a byte before section '%s' is "
                               "not zero; the file is damaged",
                               path, printable(gap), name);
    position = section.offset + section.size;
  }
  return {};
}

Status ModuleReader::checkSections(const ModuleReadOptions &options) {
  const char *path = fileName.c_str();
  for (size_t i = 0; i < table.size(); ++i) {
    const Section &section = table[i];
    for (size_t j = 0; j < i; ++j)
      if (table[j].kind == section.kind && table[j].target == section.target)
        return invalidArgument("%s: two sections '%s' for target '%s'", path,
                               sectionKindName(section.kind),
                               section.target.c_str());
    if ((section.kind == SectionKind::code) == section.target.empty())
      return invalidArgument("%s: section '%s' at offset %llu %s", path,
                             sectionKindName(section.kind),
                             printable(section.offset),
                             section.target.empty() ? "names no target"
                                                    : "names a target");
    if (section.kind == SectionKind::weights) {
      if (section.offset % modulePage != 0)
        return invalidArgument("%s: the weights section at offset %llu is not "
                               "page aligned",
                               path, printable(section.offset));
      if (!options.verifyWeights)
        continue;
    }
    if (xxh3(file.subspan(section.offset, section.size)) != section.checksum)
      return invalidArgument(
          "%s: section '%s'%s%s at offset %llu is damaged (checksum mismatch); "
          "copy or compile the file again",
          path, sectionKindName(section.kind), section.target.empty() ? "" : " ",
          section.target.c_str(), printable(section.offset));
  }
  for (SectionKind kind : {SectionKind::weights, SectionKind::meta,
                           SectionKind::plan, SectionKind::components})
    if (!hasSection(kind))
      return invalidArgument("%s: there is no section '%s'; compile the model "
                             "again",
                             path, sectionKindName(kind));
  return {};
}

bool ModuleReader::hasSection(SectionKind kind) const {
  return std::any_of(table.begin(), table.end(),
                     [&](const Section &s) { return s.kind == kind; });
}

std::span<const uint8_t> ModuleReader::bytesOf(SectionKind kind) const {
  for (const Section &section : table)
    if (section.kind == kind)
      return file.subspan(section.offset, section.size);
  return {};
}

void ModuleReader::releaseWeights() const {
  // Nothing is mapped when the module was given as bytes in memory.
  for (const Section &section : table)
    if (section.kind == SectionKind::weights && mapped.size() != 0)
      mapped.doneWith(section.offset, section.size);
}

void ModuleReader::releaseComponents(
    std::span<const uint32_t> components) const {
  uint64_t section = 0;
  for (const Section &one : table)
    if (one.kind == SectionKind::weights)
      section = one.offset;
  std::vector<std::pair<uint64_t, uint64_t>> ranges;
  for (uint32_t index : components) {
    const Component &component = componentData.components[index];
    // Up to the next multiple of 64 there is only padding.
    ranges.emplace_back(component.offset,
                        (component.offset + component.size + 63) / 64 * 64);
  }
  std::sort(ranges.begin(), ranges.end());
  for (size_t i = 0; i < ranges.size() && mapped.size() != 0;) {
    auto [first, end] = ranges[i];
    for (++i; i < ranges.size() && ranges[i].first <= end; ++i)
      end = std::max(end, ranges[i].second);
    // Only whole pages: what shares a page with others stays.
    first = (section + first + modulePage - 1) / modulePage * modulePage;
    end = (section + end) / modulePage * modulePage;
    if (first < end)
      mapped.doneWith(first, end - first);
  }
}

std::string_view ModuleReader::textOf(SectionKind kind) const {
  std::span<const uint8_t> bytes = bytesOf(kind);
  return {reinterpret_cast<const char *>(bytes.data()), bytes.size()};
}

std::string ModuleReader::metaValue(const std::string &key,
                                    const std::string &fallback) const {
  auto found = metaData.find(key);
  return found == metaData.end() ? fallback : found->second;
}

std::span<const uint8_t> ModuleReader::componentBytes(uint32_t index) const {
  const Component &component = componentData.components[index];
  return weights().subspan(component.offset, component.size);
}

std::vector<std::string> ModuleReader::codeTargets() const {
  std::vector<std::string> targets;
  for (const Section &section : table)
    if (section.kind == SectionKind::code)
      targets.push_back(section.target);
  std::sort(targets.begin(), targets.end());
  return targets;
}

std::span<const uint8_t> ModuleReader::code(std::string_view target) const {
  for (const Section &section : table)
    if (section.kind == SectionKind::code && section.target == target)
      return file.subspan(section.offset, section.size);
  return {};
}

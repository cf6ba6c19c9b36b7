//===- Stats.cpp - Counters as JSON ---------------------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Simulator/Launch.h"

#include <map>

using namespace lowbit;
using namespace lowbit::ptx;

static std::string quoted(const std::string &s) {
  std::string out = "\"";
  for (char c : s) {
    if (c == '"' || c == '\\')
      out += '\\';
    if (static_cast<unsigned char>(c) < 0x20)
      out += formatString("\\u%04x", c);
    else
      out += c;
  }
  return out + "\"";
}

using U64 = unsigned long long;

std::vector<LineStats>
lowbit::ptx::statsByLine(const std::vector<LineStats> &lines, bool source) {
  std::map<uint32_t, LineStats> sums;
  for (const LineStats &l : lines) {
    uint32_t at = source ? l.sourceLine : l.loc.line;
    if (!at || !l.issues)
      continue;
    auto [it, isNew] = sums.try_emplace(at, l);
    if (isNew)
      continue;
    LineStats &s = it->second;
    s.issues += l.issues;
    s.lanes += l.lanes;
    s.requests += l.requests;
    s.sectors += l.sectors;
    s.bytes += l.bytes;
    s.passes += l.passes;
    s.minimumPasses += l.minimumPasses;
    s.divergent += l.divergent;
  }
  std::vector<LineStats> result;
  for (auto &s : sums)
    result.push_back(std::move(s.second));
  return result;
}

/// ,"name": [...] with what a tool needs to colour lines.
static std::string linesJson(const char *name, const std::vector<LineStats> &lines,
                             bool source) {
  std::string s = formatString(",\n   \"%s\": [", name);
  for (const LineStats &l : lines)
    s += formatString("%s\n    {\"line\": %u, \"issues\": %llu, \"active_lanes\": %.2f, "
                      "\"sectors\": %llu, \"ideal_sectors\": %llu, \"passes\": %llu, "
                      "\"minimum_passes\": %llu, \"divergent\": %llu}",
                      &l == lines.data() ? "" : ",", source ? l.sourceLine : l.loc.line,
                      U64(l.issues), double(l.lanes) / double(l.issues), U64(l.sectors),
                      U64(l.idealSectors()), U64(l.passes), U64(l.minimumPasses),
                      U64(l.divergent));
  return s + "]";
}

static std::string launchJson(const std::string &kernel,
                              const LaunchResult &r) {
  uint64_t pipes[unsigned(Pipe::count)] = {}, lanes = 0, divergent = 0;
  uint64_t requests = 0, sectors = 0, ideal = 0, bytes = 0, passes = 0, minimum = 0;
  uint64_t sharedBytes = 0;
  std::map<std::string, uint64_t> mma;
  for (const LineStats &l : r.lines) {
    pipes[unsigned(l.pipe)] += l.issues;
    lanes += l.lanes;
    divergent += l.divergent;
    if (l.sectors) {
      requests += l.requests;
      sectors += l.sectors;
      ideal += l.idealSectors();
      bytes += l.bytes;
    } else if (l.passes) {
      sharedBytes += l.bytes;
    }
    passes += l.passes;
    minimum += l.minimumPasses;
    if (l.issues && l.spelling.compare(0, 4, "mma.") == 0)
      mma[l.spelling] += l.issues;
  }
  std::string s = formatString(
      "  {\"kernel\": %s, \"warp_instructions\": %llu, \"thread_instructions\": "
      "%llu, \"seconds\": %.6f,\n   \"barriers\": %llu, \"divergent_branches\": "
      "%llu,\n   \"pipes\": {",
      quoted(kernel).c_str(), U64(r.warpInstructions), U64(lanes), r.seconds,
      U64(r.barriers), U64(divergent));
  for (unsigned p = 0; p < unsigned(Pipe::count); ++p)
    s += formatString("%s\"%s\": %llu", p ? ", " : "", pipeName(Pipe(p)),
                      U64(pipes[p]));
  s += formatString("},\n   \"global\": {\"requests\": %llu, \"sectors\": %llu, "
                    "\"ideal_sectors\": %llu, \"bytes_used\": %llu, "
                    "\"bytes_moved\": %llu, \"unique_bytes\": %llu, "
                    "\"unique_bytes_moved\": %llu},\n   "
                    "\"shared\": {\"passes\": %llu, \"minimum_passes\": %llu, "
                    "\"bytes\": %llu},\n   \"mma\": {",
                    U64(requests), U64(sectors), U64(ideal), U64(bytes),
                    U64(sectors * 32), U64(r.uniqueBytes),
                    U64(r.uniqueSectors * 32), U64(passes), U64(minimum),
                    U64(sharedBytes));
  bool first = true;
  for (auto &m : mma) {
    s += formatString("%s%s: %llu", first ? "" : ", ", quoted(m.first).c_str(),
                      U64(m.second));
    first = false;
  }
  s += "},\n   \"findings\": [";
  first = true;
  for (const Finding &f : r.findings) {
    s += formatString("%s\n    {\"kind\": %s, \"line\": %u, \"column\": %u, "
                      "\"source_line\": %u, \"count\": %llu, \"text\": %s}",
                      first ? "" : ",", quoted(findingKindName(f.kind)).c_str(),
                      f.loc.line, f.loc.column, f.sourceLine, U64(f.count),
                      quoted(findingToString(f)).c_str());
    first = false;
  }
  s += "],\n   \"lines\": [";
  first = true;
  for (const LineStats &l : r.lines) {
    if (!l.issues)
      continue;
    s += formatString("%s\n    {\"line\": %u, \"source_line\": %u, \"op\": %s, "
                      "\"pipe\": \"%s\", \"issues\": %llu, \"lanes\": %llu",
                      first ? "" : ",", l.loc.line, l.sourceLine,
                      quoted(l.spelling).c_str(), pipeName(l.pipe),
                      U64(l.issues), U64(l.lanes));
    if (l.sectors)
      s += formatString(", \"requests\": %llu, \"sectors\": %llu, \"bytes\": "
                        "%llu",
                        U64(l.requests), U64(l.sectors), U64(l.bytes));
    if (l.passes)
      s += formatString(", \"passes\": %llu, \"minimum_passes\": %llu",
                        U64(l.passes), U64(l.minimumPasses));
    if (l.divergent)
      s += formatString(", \"divergent\": %llu", U64(l.divergent));
    s += "}";
    first = false;
  }
  s += "]";
  s += linesJson("ptx_lines", statsByLine(r.lines, false), false);
  s += linesJson("source_lines", statsByLine(r.lines, true), true);
  return s + "}";
}

std::string lowbit::ptx::statsToJson(
    const std::vector<std::pair<std::string, LaunchResult>> &launches) {
  std::string s = "{\"simulator\": \"lowbit PTX simulator\", \"launches\": [";
  bool first = true;
  for (auto &l : launches) {
    s += first ? "\n" : ",\n";
    s += launchJson(l.first, l.second);
    first = false;
  }
  return s + "\n]}\n";
}

//===- Page.cpp - Counters as a page that shows hot lines -----------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Simulator/Launch.h"

#include <map>

using namespace lowbit;
using namespace lowbit::ptx;

using U64 = unsigned long long;

namespace {

/// Launches of one kernel added up.
struct KernelSum {
  std::string kernel;
  std::shared_ptr<const std::string> text;
  uint64_t launches = 0, warpInstructions = 0, barriers = 0, uniqueBytes = 0;
  size_t findings = 0;
  std::vector<LineStats> lines; ///< Of every instruction of every launch.
};

std::string escaped(std::string_view s) {
  std::string out;
  for (char c : s)
    switch (c) {
    case '&': out += "&amp;"; break;
    case '<': out += "&lt;"; break;
    case '>': out += "&gt;"; break;
    case '"': out += "&quot;"; break;
    case '\'': out += "&#39;"; break;
    case '\t': out += "    "; break;
    default:
      if (static_cast<unsigned char>(c) >= 0x20)
        out += c;
    }
  return out;
}

std::string row(const char *name, const std::string &value) {
  return formatString("<tr><th>%s</th><td>%s</td></tr>\n", name, value.c_str());
}
std::string number(uint64_t n) { return formatString("%llu", U64(n)); }
/// "12 (3 at least, 4.0x)"
std::string against(uint64_t n, uint64_t least) {
  return formatString("%llu (%llu at least, %.2fx)", U64(n), U64(least), least ? double(n) / double(least) : 1.0);
}

std::string totals(const KernelSum &k) {
  uint64_t lanes = 0, requests = 0, sectors = 0, ideal = 0, passes = 0, minimum = 0, divergent = 0;
  uint64_t pipes[unsigned(Pipe::count)] = {};
  std::map<std::string, uint64_t> mma;
  for (const LineStats &l : k.lines) {
    lanes += l.lanes;
    divergent += l.divergent;
    pipes[unsigned(l.pipe)] += l.issues;
    passes += l.passes;
    minimum += l.minimumPasses;
    if (l.sectors)
      requests += l.requests;
    sectors += l.sectors;
    ideal += l.idealSectors();
    if (l.issues && l.spelling.compare(0, 4, "mma.") == 0)
      mma[l.spelling] += l.issues;
  }
  uint64_t all = std::max<uint64_t>(k.warpInstructions, 1);
  std::string s = "<table class=\"sums\">\n";
  s += row("launches", number(k.launches)) + row("warp instructions", number(k.warpInstructions));
  s += row("active lanes", formatString("%.2f of 32", double(lanes) / double(all)));
  s += row("divergent branches", number(divergent)) + row("barriers", number(k.barriers)) + row("findings", number(k.findings));
  s += row("global requests", number(requests)) + row("sectors of 32 bytes", against(sectors, ideal));
  s += row("bytes moved", formatString("%llu (%llu different bytes)", U64(sectors * 32), U64(k.uniqueBytes)));
  s += row("shared memory passes", against(passes, minimum));
  for (unsigned p = 0; p < unsigned(Pipe::count); ++p)
    if (pipes[p])
      s += formatString("<tr><th>%s</th><td><i style=\"width:%.1fpx\"></i>%llu, %.1f %%</td></tr>\n", pipeName(Pipe(p)),
                        200.0 * double(pipes[p]) / double(all), U64(pipes[p]), 100.0 * double(pipes[p]) / double(all));
  for (auto &m : mma)
    s += row(escaped(m.first).c_str(), number(m.second));
  return s + "</table>\n";
}

/// The lines from the kernel's first to its last instruction.
std::string listing(const KernelSum &k) {
  std::map<uint32_t, LineStats> byLine;
  uint64_t most = 1;
  for (LineStats &l : statsByLine(k.lines, false)) {
    most = std::max(most, l.issues);
    byLine.emplace(l.loc.line, std::move(l));
  }
  uint32_t first = ~0u, last = 0;
  for (const LineStats &l : k.lines) {
    first = std::min(first, l.loc.line);
    last = std::max(last, l.loc.line);
  }
  std::string s = "<table class=\"lines\">\n<tr><th>line</th><th>issues</th><th>lanes</th><th>sectors</th>"
                  "<th>passes</th><th>splits</th><th class=\"code\">PTX</th></tr>\n";
  std::string_view rest = *k.text;
  for (uint32_t line = 1; !rest.empty() && line <= last; ++line) {
    size_t end = std::min(rest.find('\n'), rest.size());
    std::string_view text = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (line < first)
      continue;
    auto found = byLine.find(line);
    if (found == byLine.end()) {
      s += formatString("<tr><td>%u</td><td></td><td></td><td></td><td></td><td></td><td class=\"code\">%s</td></tr>\n", line, escaped(text).c_str());
      continue;
    }
    const LineStats &l = found->second;
    std::string sectors = l.sectors ? formatString("%llu/%llu", U64(l.sectors), U64(l.idealSectors())) : "";
    std::string passes = l.passes ? formatString("%llu/%llu", U64(l.passes), U64(l.minimumPasses)) : "";
    bool wasteful = l.sectors > l.idealSectors() || l.passes > l.minimumPasses;
    s += formatString("<tr style=\"background:rgba(255,90,0,%.3f)\"><td>%u</td><td>%llu</td><td>%.1f</td><td%s>%s</td><td%s>%s</td>"
                      "<td>%s</td><td class=\"code\">%s</td></tr>\n",
                      0.6 * double(l.issues) / double(most), line, U64(l.issues), double(l.lanes) / double(l.issues),
                      wasteful && l.sectors ? " class=\"bad\"" : "", sectors.c_str(), wasteful && l.passes ? " class=\"bad\"" : "",
                      passes.c_str(), l.divergent ? number(l.divergent).c_str() : "", escaped(text).c_str());
  }
  return s + "</table>\n";
}

} // namespace

std::string lowbit::ptx::statsToPage(const std::vector<std::pair<std::string, LaunchResult>> &launches) {
  std::map<std::pair<const std::string *, std::string>, KernelSum> sums;
  for (auto &l : launches) {
    KernelSum &k = sums[{l.second.text.get(), l.first}];
    k.kernel = l.first;
    k.text = l.second.text;
    ++k.launches;
    k.warpInstructions += l.second.warpInstructions;
    k.barriers += l.second.barriers;
    k.uniqueBytes += l.second.uniqueBytes;
    k.findings += l.second.findings.size();
    if (k.lines.empty()) {
      k.lines = l.second.lines;
      continue;
    }
    // Launches of one kernel have the same instructions.
    for (size_t i = 0; i < k.lines.size() && i < l.second.lines.size(); ++i) {
      LineStats &to = k.lines[i];
      const LineStats &from = l.second.lines[i];
      to.issues += from.issues, to.lanes += from.lanes, to.requests += from.requests, to.sectors += from.sectors;
      to.bytes += from.bytes, to.passes += from.passes, to.minimumPasses += from.minimumPasses, to.divergent += from.divergent;
    }
  }
  std::vector<const KernelSum *> order;
  for (auto &s : sums)
    order.push_back(&s.second);
  std::sort(order.begin(), order.end(), [](const KernelSum *a, const KernelSum *b) {
    return a->warpInstructions != b->warpInstructions ? a->warpInstructions > b->warpInstructions : a->kernel < b->kernel;
  });
  std::string page = "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>lowbit PTX simulator</title>\n<style>\n"
                     "body{font:14px sans-serif;margin:1.5em}table{border-collapse:collapse}th,td{padding:1px 8px;text-align:right;"
                     "font-weight:normal}.sums td{text-align:left}.lines{font:12px monospace}.lines td{border-left:1px solid #ddd}"
                     ".code{text-align:left!important;white-space:pre}.bad{color:#b00;font-weight:bold}i{display:inline-block;"
                     "height:9px;background:#48c;margin-right:6px}\n</style></head><body>\n<h1>lowbit PTX simulator</h1>\n"
                     "<p>Counted by a simulator; nothing here is a time. Sectors and passes: done / needed at least.</p>\n";
  for (const KernelSum *k : order) {
    page += "<h2>" + escaped(k->kernel) + "</h2>\n" + totals(*k);
    if (k->text)
      page += listing(*k);
  }
  return page + "</body></html>\n";
}

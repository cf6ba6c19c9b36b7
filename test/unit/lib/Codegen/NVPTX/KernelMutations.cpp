//===- KernelMutations.cpp - Faults that can be put into our PTX -----------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelMutations.h"

#include <algorithm>
#include <regex>

using namespace lowbit::test;

namespace {

/// What becomes of the number that a pattern's second group matched; '#' in the
/// replacement stands for the result. No match counts as 0.
enum class Change {
  none,
  plus1,
  plus2,
  plus4,
  plus32,
  minus1,
  twice,
  half,
  distance, ///< of a butterfly: the next one
  bits,     ///< of a float in hexadecimal: an upper bit of its significand
};

/// Lines with `key` that match `pattern` become `replacement` (regex format).
/// Several rules may share a kind.
struct Rule {
  const char *kind, *key, *pattern, *replacement;
  Change change = Change::none;
  const char *kernel = ""; ///< only in kernels with this in their name
  unsigned threads = 0;    ///< only in blocks of at least as many
};

const Rule rules[] = {
    // Synchronisation.
    {"dropped barrier", "barrier.sync", R"(barrier\.sync\s+0;)", ""},
    {"barrier of a warp for one of the block", "barrier.sync", R"(barrier\.sync\s+0;)",
     "bar.warp.sync -1;", Change::none, "", 64},
    {"barrier under a guard", "barrier.sync", R"(barrier\.sync\s+0;)",
     "@%p1 barrier.sync 0;"},
    // Exchange of lanes.
    {"dropped shuffle step", "shfl", R"(shfl\.sync\.bfly\.b32\s+(\S+), (\S+), .*;)",
     "mov.b32 $1, $2;"},
    {"wrong shuffle distance", "shfl", R"((shfl\S+\s+\S+, \S+), (\d+), )", "$1, #, ",
     Change::distance},
    {"shuffle up for butterfly", "shfl", R"(shfl\.sync\.bfly(.*), 31, -1)",
     "shfl.sync.up$1, 0, -1"},
    {"shuffle in half a warp", "shfl", R"(, 31, -1;)", ", 15, -1;"},
    {"member mask of half a warp", "shfl", R"(, 31, -1;)", ", 31, 0xffff;"},
    // Bounds.
    {"loop bound off by one", "setp.lt", R"(setp\.lt\.([us]64))", "setp.le.$1"},
    {"guard off by one", "setp.gt.u32", R"(setp\.gt\.u32)", "setp.ge.u32"},
    {"guard off by one", "setp.gt.s64", R"(setp\.gt\.s64)", "setp.ge.s64"},
    {"guard off by one", "setp.ge.s64", R"(setp\.ge\.s64)", "setp.gt.s64"},
    {"guard off by one", "setp.lt.u32", R"(setp\.lt\.u32)", "setp.le.u32"},
    {"loop of twice the length", "setp.lt", R"((setp\.lt\.[us]64\s+\S+, \S+), ([1-9]\d*);)",
     "$1, #;", Change::twice},
    {"loop of half the length", "setp.ne.b64", R"((setp\.ne\.b64\s+\S+, \S+), (\d\d+);)",
     "$1, #;", Change::half},
    {"loop of half the length", "setp.lt", R"((setp\.lt\.[us]64\s+\S+, \S+), ([1-9]\d*);)",
     "$1, #;", Change::half},
    {"missing tail mask", "@%p", R"(@%p\d+ bra\s+\S+;)", ""},
    {"branch always taken", "@%p", R"(@%p\d+ (bra\s+\S+;))", "$1"},
    {"negated guard", "@%p", R"(@%p(\d+ bra))", "@!%p$1"},
    {"least for greatest bound", "min.", R"(min\.([us]64))", "max.$1"},
    {"greatest for least bound", "max.s64", R"(max\.s64)", "min.s64"},
    // Dot products and codes.
    {"s8 as u8", "dp4a", R"(dp4a\.u32\.s32)", "dp4a.u32.u32"},
    {"u8 as s8", "dp4a", R"(dp4a\.u32\.s32)", "dp4a.s32.s32", Change::none,
     "int8"},
    {"swapped dot operands", "dp4a", R"((dp4a\S+\s+\S+,) (%r\d+), (%r\d+),)",
     "$1 $3, $2,"},
    {"wrong accumulator", "dp4a", R"((dp4a\S+\s+\S+,) (%r\d+), (%r\d+), %r\d+;)",
     "$1 $2, $3, $2;"},
    {"dropped dot", "dp4a", R"(dp4a\S+\s+(\S+,) %r\d+, %r\d+, (%r\d+);)", "mov.b32 $1 $2;"},
    {"wrong mask of codes", "50529027", R"(50529027)", "16843009"},
    {"wrong mask of codes", "252645135", R"(252645135)", "117901063"},
    {"codes not masked", "50529027", R"(and\.b32\s+(\S+, \S+), 50529027;)",
     "mov.b32 $1;"},
    {"codes not masked", "252645135", R"(and\.b32\s+(\S+, \S+), 252645135;)",
     "mov.b32 $1;"},
    {"wrong field of codes", "shr.u32", R"((shr\.u32\s+\S+, \S+), (\d+);)", "$1, #;",
     Change::plus2},
    {"bias of codes off by one", "add.s32", R"((add\.s32\s+\S+, \S+), (-\d{1,3});)",
     "$1, #;", Change::plus1},
    // Memory.
    {"element beside", "ld.global", R"((ld\.global\S*\.b32\s+\S+), \[(?:(%rd\d+)\+(-?\d+)|(%rd\d+))\];)",
     "$1, [%@+#];", Change::plus4},
    {"row beside", "ld.global", R"((ld\.global\S*\.b32\s+\S+), \[(?:(%rd\d+)\+(-?\d+)|(%rd\d+))\];)",
     "$1, [%@+#];", Change::plus32},
    {"scale beside", "b16", R"((ld\.global\S*\.b16\s+\S+), \[(?:(%rd\d+)\+(-?\d+)|(%rd\d+))\];)",
     "$1, [%@+#];", Change::plus2},
    {"byte beside", "b8", R"((ld\.global\S*\.b8\s+\S+), \[(?:(%rd\d+)\+(-?\d+)|(%rd\d+))\];)",
     "$1, [%@+#];", Change::plus1},
    {"half the width of a load", "ld.global", R"((ld\.global\S*)\.b32(\s+%r\d))",
     "$1.u16$2"},
    {"byte with a sign", "b8", R"((ld\.global\S*)\.b8)", "$1.s8", Change::none,
     "gather"},
    {"f16 as bf16", "cvt.f32.f16", R"(cvt\.f32\.f16)", "cvt.f32.bf16"},
    {"half the width of a store", "st.global", R"((st\.global)\.b32)", "$1.b16"},
    {"dropped store", "st.global", R"(st\.global.*;)", ""},
    {"dropped store to shared memory", "st.shared", R"(st\.shared.*;)", ""},
    {"store beside", "st.global", R"((st\.global\S*\s*)\[(?:(%rd\d+)\+(-?\d+)|(%rd\d+))\])",
     "$1[%@+#]", Change::plus4},
    {"store beside in shared memory", "st.shared",
     R"((st\.shared\S*\s*)\[(?:([%\w]+)\+(-?\d+)|([%\w]+))\])", "$1[%@+#]",
     Change::plus4},
    {"load beside in shared memory", "ld.shared",
     R"((ld\.shared\S*\s+\S+ )\[(?:([%\w]+)\+(-?\d+)|([%\w]+))\])", "$1[%@+#]",
     Change::plus4},
    // Arithmetic.
    {"greater for less", "setp.gt.f32", R"(setp\.gt\.f32)", "setp.lt.f32"},
    {"greater for less", "setp.lt.f32", R"(setp\.lt\.f32)", "setp.gt.f32"},
    {"swapped selection", "selp", R"((selp\S+\s+\S+,) (\S+), (\S+),)", "$1 $3, $2,"},
    {"subtraction for addition", "add.rn", R"(add\.rn\.f32(?!.*0f00000000))", "sub.rn.f32"},
    {"subtraction for addition", "add.s32", R"(add\.s32(\s+%r\d+, %r\d+, %r))",
     "sub.s32$1"},
    {"addition for subtraction", "sub.rn", R"(sub\.rn\.f32)", "add.rn.f32"},
    {"addition for subtraction", "sub.s32", R"(sub\.s32)", "add.s32"},
    {"lost sign", "neg.f32", R"(neg\.f32)", "mov.b32"},
    {"lost absolute value", "abs.f32", R"(abs\.f32)", "mov.b32"},
    {"fma that truncates", "fma.rn", R"(fma\.rn(?!.*0f00000000))", "fma.rz"},
    {"fma that rounds twice", "fma.rn", R"(fma\.rn\.f32\s+(\S+), (\S+), (\S+), (%\S+);)",
     "{ .reg .b32 product; mul.rn.f32 product, $2, $3; add.rn.f32 $1, product, $4; }"},
    {"product that truncates", "mul.rn", R"(mul\.rn(?!.*0f[0-9A-F]{2}[08]0{5}))", "mul.rz"},
    {"sum that truncates", "add.rn", R"(add\.rn(?!.*0f00000000))", "add.rz"},
    {"quotient or root that truncates", "div.rn", R"(div\.rn)", "div.rz"},
    {"quotient or root that truncates", "rcp.rn", R"(rcp\.rn)", "rcp.rz"},
    {"quotient or root that truncates", "sqrt.rn", R"(sqrt\.rn)", "sqrt.rz"},
    {"signed number as unsigned", "cvt.rn.f32.s32", R"(cvt\.rn\.f32\.s32)",
     "cvt.rn.f32.u32"},
    {"wrong constant", ", 0f", R"(((?:add|mul|fma)\.rn.*), 0f(?!00000000)([0-9A-F]{8}))", "$1, 0f#",
     Change::bits},
    // Places.
    {"wrong axis of blocks", "%ctaid", R"(%ctaid\.x)", "%ctaid.y"},
    {"wrong axis of blocks", "%ctaid", R"(%ctaid\.y)", "%ctaid.x"},
    {"wrong axis of threads", "%tid", R"(%tid\.x)", "%tid.y"},
    {"wrong shift of an index", "sh", R"((sh[lr]\.[bu]64\s+\S+, \S+), (\d+);)", "$1, #;",
     Change::plus1},
    {"wrong mask of an index", "and.b64", R"((and\.b64\s+\S+, \S+), (\d+);)", "$1, #;",
     Change::half},
    {"wrong stride", "mad.lo", R"((mad\.lo\.s64\s+\S+ \S+), (\d+),)", "$1, #,",
     Change::twice},
    {"wrong stride", "mul.wide", R"((mul\.wide\.u32\s+\S+ \S+), (\d+);)", "$1, #;",
     Change::twice},
    {"wrong stride", "mul.lo", R"((mul\.lo\.s64\s+\S+ \S+), (\d+);)", "$1, #;",
     Change::twice},
    {"wrong step of a loop", "add.s64", R"((add\.s64\s+(?:%rd\d+), %rd\d+), (\d+);)",
     "$1, #;", Change::twice},
    {"wrong argument", "ld.param", R"((ld\.param.*_param_)(1[1-9]|2\d)\])", "$1#]",
     Change::minus1},
    {"wrong dimension", "ld.param", R"((ld\.param.*_param_)([01])\])", "$1#]",
     Change::plus1},
};

std::string changed(const std::string &number, Change change) {
  if (change == Change::bits) {
    char text[16];
    std::snprintf(text, sizeof(text), "%08lX",
                  std::stoul(number, nullptr, 16) ^ 0x00100000ul);
    return text;
  }
  const int64_t n = number.empty() ? 0 : std::stoll(number);
  switch (change) {
  case Change::plus1: return std::to_string(n + 1);
  case Change::plus2: return std::to_string(n + 2);
  case Change::plus4: return std::to_string(n + 4);
  case Change::plus32: return std::to_string(n + 32);
  case Change::minus1: return std::to_string(n - 1);
  case Change::twice: return std::to_string(n * 2);
  case Change::half: return std::to_string(n / 2);
  case Change::distance: return std::to_string(n == 16 ? 8 : n * 2);
  case Change::none:
  case Change::bits: break;
  }
  return number;
}

/// The line with the fault of `rule`; "" where there is no place for it.
std::string apply(const Rule &rule, const std::regex &pattern, const std::string &line) {
  std::smatch match;
  if (!std::regex_search(line, match, pattern))
    return "";
  std::string format = rule.replacement;
  auto put = [&](const char *mark, const std::string &value) {
    if (size_t at = format.find(mark); at != std::string::npos)
      format.replace(at, std::string(mark).size(), value);
  };
  // An address: base and offset, or a base alone.
  const bool address = format.find("%@") != std::string::npos;
  if (address)
    put("%@", match[2].matched ? match[2].str() : match[4].str());
  // The number comes last: "$1" before a digit would be another group.
  format = match.format(format);
  if (rule.change != Change::none)
    put("#", changed(match[address ? 3 : 2].str(), rule.change));
  return match.prefix().str() + format + match.suffix().str();
}

} // namespace

std::vector<std::string> lowbit::test::mutationKinds() {
  std::vector<std::string> kinds;
  for (const Rule &rule : rules)
    if (std::find(kinds.begin(), kinds.end(), rule.kind) == kinds.end())
      kinds.push_back(rule.kind);
  return kinds;
}

std::vector<Mutant> lowbit::test::mutate(const MutationTarget &target, unsigned sites) {
  std::vector<Mutant> mutants;
  const std::string &text = target.text;
  size_t begin = text.find(".entry " + target.kernel + "(");
  if (begin == std::string::npos)
    return mutants;
  begin = text.find('{', begin);
  const size_t end = std::min(text.find("\n}", begin), text.size());
  struct Site {
    size_t at, length;
    std::string line;
  };
  for (const std::string &kind : mutationKinds()) {
    std::vector<Site> found;
    for (const Rule &rule : rules) {
      if (kind != rule.kind || target.threads < rule.threads ||
          target.kernel.find(rule.kernel) == std::string::npos)
        continue;
      const std::regex pattern(rule.pattern);
      for (size_t at = text.find(rule.key, begin); at < end;
           at = text.find(rule.key, at)) {
        const size_t start = text.rfind('\n', at) + 1, stop = text.find('\n', at);
        at = stop;
        const auto number = uint32_t(
            std::count(text.begin(), text.begin() + ptrdiff_t(start), '\n') + 1);
        if (target.idleLines.count(number))
          continue;
        std::string line = apply(rule, pattern, text.substr(start, stop - start));
        if (!line.empty())
          found.push_back({start, stop - start, std::move(line)});
      }
    }
    std::sort(found.begin(), found.end(),
              [](const Site &a, const Site &b) { return a.at < b.at; });
    const size_t count = std::min<size_t>(found.size(), sites);
    for (size_t i = 0; i < count; ++i) {
      const Site &site = found[(2 * i + 1) * found.size() / (2 * count)];
      std::string whole = text;
      whole.replace(site.at, site.length, site.line);
      // Some faults need a later version than the kernel does.
      const size_t version = whole.find(".version ");
      whole.replace(version, whole.find('\n', version) - version, ".version 8.0");
      mutants.push_back({kind, text.substr(site.at, site.length), std::move(whole)});
    }
  }
  return mutants;
}

//===----------------------------------------------------------------------===//
// Faults that nobody can see
//===----------------------------------------------------------------------===//

namespace {

const char *const noTileBeyond =
    "the grid ends with the last tile of tokens: no block begins behind them";
const char *const firstUse =
    "this barrier parts two uses of shared memory, and nothing was used before it";
const char *const powerOfTwo = "a product with a power of two is exact";
const char *const polynomial =
    "an ulp inside the polynomial of the exponential, which its last steps round away "
    "for these arguments";
const char *const beforeInt8 =
    "an ulp before numbers are rounded to int8: none of these rows has one so close to a "
    "boundary";
const char *const oneTurn =
    "the loop has one turn, and its test compares numbers that are never equal";
const char *const allHaveColumns =
    "the branch is for slices without columns, and here every slice has some";
const char *const deadStore =
    "the place is written again before anybody reads it: the number stays in a register";
const char *const sumsAgain =
    "sums of activations do not depend on the row: the first matrix left the same numbers";
const char *const everyLane =
    "after a butterfly every lane has the sum, so any of them, or all, may store it";
const char *const smallIds = "a token's number is below 65536 here";

} // namespace

const std::vector<ExpectedSurvivor> &lowbit::test::expectedSurvivors() {
  static const std::vector<ExpectedSurvivor> expected = {
      {"guard off by one", "_matmul", noTileBeyond},
      {"dropped barrier", "products/matmul_int8_528x20_prologue", firstUse},
      {"dropped barrier", "ternary/matmul_f32_256x512_prologue", firstUse},
      {"dropped barrier", "dit/matmul_int2_64x256_matmul", firstUse},
      {"barrier of a warp for one of the block", "products/matmul_int8_528x20_prologue",
       firstUse},
      {"barrier of a warp for one of the block", "ternary/matmul_f32_256x512_prologue",
       firstUse},
      {"barrier of a warp for one of the block", "int8/rope",
       "the heads are so small that one warp has all work on both sides of the barrier"},
      {"barrier under a guard", "matmul_int2",
       "the guard holds in all threads that come here"},
      {"missing tail mask", "products/matmul_", allHaveColumns},
      {"missing tail mask", "dit/matmul_int2_64x256_matmul",
       "the rows are whole blocks: no block begins behind them"},
      {"missing tail mask", "ternary/matmul_int2_512x256_prologue", everyLane},
      {"negated guard", "ternary/matmul_int2_512x256_prologue", everyLane},
      {"negated guard", "ternary/rope",
       "indices are masked, so the other half of the threads has the same pairs"},
      {"loop bound off by one", "gather", oneTurn},
      {"loop bound off by one", "dit/matmul_int2_64x256_prologue", oneTurn},
      {"loop bound off by one", "products/matmul_f32_72x20_matmul",
       "one column more is the padding, whose weights are zeros"},
      {"wrong step of a loop", "gather", oneTurn},
      {"wrong step of a loop", "dit/matmul_int2_64x256_prologue", oneTurn},
      {"half the width of a load", "gather", smallIds},
      {"dropped store to shared memory", "attention", deadStore},
      {"dropped store to shared memory", "ternary/matmul_int2_256x512_512", sumsAgain},
      {"store beside in shared memory", "ternary/matmul_int2_256x512_512", sumsAgain},
      {"fma that truncates", "addf", polynomial},
      {"fma that truncates", "ternary/attention", polynomial},
      {"fma that truncates", "dit/matmul_int2_64x256_prologue", beforeInt8},
      {"fma that rounds twice", "addf", polynomial},
      {"fma that rounds twice", "sequence/attention", polynomial},
      {"fma that rounds twice", "_prologue", beforeInt8},
      {"sum that truncates", "ternary/attention",
       "taking the bias of rounding away again is exact"},
      {"sum that truncates", "ternary/matmul_f32_256x512_prologue",
       "an ulp of a sum of squares, of which the root keeps half"},
      {"product that truncates", "addf", powerOfTwo},
      {"product that truncates", "attention", powerOfTwo},
      {"product that truncates", "dit/matmul_int2_64x256_matmul", powerOfTwo},
      {"product that truncates", "gather", "11 bits of f16 times 8 bits fit a float"},
      {"product that truncates", "_prologue", beforeInt8},
      {"quotient or root that truncates", "_prologue", beforeInt8},
  };
  return expected;
}

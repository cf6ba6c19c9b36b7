//===- MutationTest.cpp - Faults injected into correct kernels must be reported ===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/unit/runtime/Simulator/Cases.h"

#include <cstdio>
#include <regex>

using namespace lowbit::ptx::testing;

namespace {

/// One fault: the n-th match of `pattern` in the kernel's text is replaced.
struct Mutation {
  const char *fault;
  const char *kernel;
  const char *pattern, *replacement;
  int occurrence = 1;
};

const Mutation mutations[] = {
    {"dropped bar.sync after a store", "reduce_block", R"(bar\.sync\s+0;)", ""},
    {"dropped bar.sync in a reduction", "reduce_block", R"(bar\.sync\s+0;)", "", 3},
    {"dropped bar.sync of a transpose", "transpose", R"(bar\.sync\s+0;)", ""},
    {"dropped bar.sync between kernel phases", "rms_norm", R"(bar\.sync\s+0;)", ""},
    {"dropped bar.warp.sync", "reduce_warp_shared", R"(bar\.warp\.sync\s+-1;)", ""},
    {"dropped second bar.warp.sync", "reduce_warp_shared", R"(bar\.warp\.sync\s+-1;)", "", 2},
    {"bar.warp.sync of half a warp", "reduce_warp_shared", R"(bar\.warp\.sync\s+-1;)", "bar.warp.sync 0xffff;", 3},
    {"dropped cp.async.wait_group", "copies", R"(cp\.async\.wait_group 2;)", ""},
    {"wait_group that waits for too few", "copies", R"(cp\.async\.wait_group 2;)", "cp.async.wait_group 3;"},
    {"dropped cp.async.wait_all", "copies", R"(cp\.async\.wait_all;)", ""},
    {"dropped cp.async.commit_group", "copies_small", R"(cp\.async\.commit_group;)", ""},
    {"dropped bar.sync after cp.async", "copies", R"(bar\.sync\s+0;)", ""},
    {"lost zero fill", "copies", R"((cp\.async\.cg\.shared\.global \[%r\d+\], \[%rd\d+\], 16), %r\d+;)", "$1;", 4},
    {"cp.async of half the bytes", "copies", R"((cp\.async)\.cg(\.shared\.global \[%r\d+\], \[%rd\d+\], )16, %r\d+;)", "$1.ca$2 8;"},
    {"double buffer waits for the wrong tile", "gemm_int8", R"(cp\.async\.wait_group 1;)", "cp.async.wait_group 2;"},
    {"dropped bar.sync at the end of a tile", "gemm_int8", R"(bar\.sync\s+0;)", "", 2},
    {"wrong swizzle", "gemm_int8", R"(xor\.b32)", "or.b32"},
    {"wrong swizzle of the second operand", "gemm_int8", R"(xor\.b32(\s+%r\d+, %r\d+), )", "add.s32$1, ", 2},
    {"swapped A registers", "mma_s8_k32", R"(,\{(%r\d+),(%r\d+),(%r\d+),(%r\d+)\},)", ",{$1,$3,$2,$4},"},
    {"swapped B registers", "mma_s8_k32", R"(\},\{(%r\d+),(%r\d+)\},\{)", "},{$2,$1},{"},
    {"swapped accumulator registers", "mma_s8_k32", R"(\{(%r\d+),(%r\d+),(%r\d+),(%r\d+)\};)", "{$1,$3,$2,$4};"},
    {"swapped registers of f16 A", "mma_f16_k16", R"(,\{(%r\d+),(%r\d+),(%r\d+),(%r\d+)\},)", ",{$2,$1,$3,$4},"},
    {"s8 as u8", "mma_s8_k32", R"(\.s8\.s8)", ".u8.s8"},
    {"s4 as u4", "mma_s4_k64", R"(\.s4\.s4)", ".s4.u4"},
    {"bf16 as f16", "mma_bf16_k16", R"(\.bf16\.bf16)", ".f16.f16"},
    {"xor instead of and", "mma_b1_and", R"(\.and\.popc)", ".xor.popc"},
    {"lost .satfinite", "mma_u8s8_k32", R"(\.satfinite)", ""},
    {"lost .trans", "matrix_moves", R"(\.x2\.trans)", ".x2"},
    {"wrong row address of ldmatrix", "matrix_moves", R"((shl\.b32\s+%r\d+, %r\d+, )4;)", "$1 5;"},
    {"misaligned row of ldmatrix", "matrix_moves", R"((shl\.b32\s+%r\d+, %r\d+, )4;)", "$1 3;"},
    {"swapped registers of stmatrix", "stores_matrix", R"(\{(%r\d+),(%r\d+),)", "{$2,$1,"},
    {"wrong shuffle mode", "shuffles", R"(shfl\.sync\.bfly)", "shfl.sync.down"},
    {"wrong shuffle direction", "shuffles", R"(shfl\.sync\.up)", "shfl.sync.down"},
    {"wrong shuffle distance", "shuffles", R"(shfl\.sync\.down\.b32 (%r\d+)\|q, (%r\d+), 7,)", "shfl.sync.down.b32 $1|q, $2, 6,"},
    {"wrong shuffle clamp", "shuffles", R"(7, 31, -1)", "7, 15, -1"},
    {"member mask without half the lanes", "shuffles", R"(7, 31, -1)", "7, 31, 0xffff"},
    {"reduction over too few lanes", "gemv_int8", R"(shfl\.sync\.bfly\.b32\s+(%r\d+)\|(%p\d+), (%r\d+), %r\d+,)", "shfl.sync.bfly.b32 $1|$2, $3, 0,"},
    {"off-by-one bound", "vec_add", R"(setp\.ge\.s32)", "setp.gt.s32"},
    {"missing tail mask", "vec_add", R"(@%p1 bra\s+\S+;)", ""},
    {"missing tail mask of rows", "gemv_int8", R"(@%p1 bra\s+\S+;)", ""},
    {"negated guard", "reduce_block", R"(@%p1 bra)", "@!%p1 bra"},
    {"off-by-one in a loop bound", "quantize", R"(setp\.lt\.s32(\s+%p2))", "setp.le.s32$1"},
    {"signed dot as unsigned", "gemv_int8", R"(dp4a\.s32\.s32)", "dp4a.u32.s32"},
    {"wrong element size in an address", "gemv_int8", R"((mul\.wide\.[us]32\s+%rd\d+, %r\d+, )16;)", "$1 8;"},
    {"wrong scale index", "gemv_ternary", R"(ld\.global(\.nc)?\.f32(\s+%f\d+), \[(%rd\d+)\];)", "ld.global.f32$2, [$3+4];"},
    {"wrong mask of a two-bit code", "gemv_ternary", R"(50529027)", "16843009"},
    {"subtraction for addition", "vec_add", R"(add\.f32)", "sub.f32"},
    {"min for max", "quantize", R"(max\.f32)", "min.f32"},
    {"truncation for rounding", "quantize", R"(cvt\.rni\.s32)", "cvt.rzi.s32"},
    {"directed rounding", "rms_norm", R"(fma\.rn\.f32)", "fma.rz.f32"},
    {"atomic of another kind", "atomics", R"(atom\.global\.add\.u32)", "atom.global.max.u32"},
    {"signed atomic as unsigned", "atomics", R"(atom\.global\.max\.s32)", "atom.global.max.u32"},
    {"atomic as plain store", "atomics", R"(atom\.global\.or\.b32\s+%r\d+, (\[%rd\d+\]), (%r\d+);)", "st.global.b32 $1, $2;"},
    {"lock that is never released", "spin_lock", R"(st\.release\.gpu\.global\.u32 \[%rd1\], 0;)", ""},
    {"lock that does not lock", "spin_lock", R"(, 0, 1;)", ", 0, 0;"},
    {"grid barrier that does not wait", "grid_barrier", R"(@%p2 bra\s+\S+;)", ""},
    {"different barrier numbers", "barriers", R"(bar\.sync 3, 128)", "bar.sync 4, 128"},
    {"wrong thread count of a barrier", "barriers", R"(bar\.arrive 3, 128)", "bar.arrive 3, 64"},
    {"barrier in divergent code", "reduce_block", R"(bar\.sync\s+0;)", "@%p1 bar.sync 0;", 2},
    {"mbarrier that expects too many", "mbarriers", R"(\], 64;)", "], 65;"},
    {"mbarrier that expects too few", "mbarriers", R"(\], 64;)", "], 32;"},
    {"wrong parity", "wait_parity", R"(p, (\[%r\d+\]), 0;)", "p, $1, 1;"},
    {"store left out", "dynamic_reverse", R"(st\.shared\.u32\s+\[%r\d+\], %r\d+;)", ""},
    {"wrong offset in shared memory", "reduce_block", R"(\+512\])", "+516]"},
    {"read behind shared memory", "dynamic_reverse", R"((ld\.shared\.u32\s+%r\d+, \[%r\d+)\];)", "$1+384];"},
    {"misaligned vector", "vectors", R"((ld\.global\.v4\.u32[^\[]*\[%rd\d+)\])", "$1+4]"},
    {"sign lost in a load", "vectors", R"(ld\.global\.s8)", "ld.global.u8"},
    {"partial initialisation of an array", "local_arrays", R"(st\.local\.v4\.u32\s+\[%rd\d+\+32\][^;]*;)", ""},
    {"shared address used as generic", "generic_addresses", R"(cvta\.shared\.u64\s+(%rd\d+), (%tmp|%rd\d+);)", "mov.b64 $1, $2;"},
    {"wrong branch", "diverge", R"(@%p6 bra)", "@!%p6 bra"},
    {"any for uniform", "votes", R"(vote\.sync\.uni)", "vote.sync.any"},
    {"wrong warp reduction", "votes", R"(redux\.sync\.add)", "redux.sync.max"},
    {"wrong sparsity selector", "sp_f16_k32", R"(,(%r\d+),1;)", ",$1,0;"},
    {"wrong sparsity selector of four", "sp_f16_k16", R"(,(%r\d+),2;)", ",$1,1;"},
    {"swapped metadata and values", "sp_s8_k32", R"(,\{(%r\d+),(%r\d+)\},(.*),(%r\d+),1;)", ",{$1,$4},$3,$2,1;"},
    {"swapped registers of sparse A", "sp_u8s8_k64", R"(,\{(%r\d+),(%r\d+),(%r\d+),(%r\d+)\},)", ",{$1,$3,$2,$4},"},
    {"swapped registers of B of a sparse product", "sp_tf32_k16", R"(\},\{(%r\d+),(%r\d+),(%r\d+),(%r\d+)\},\{(%f|%r)(\d+))", "},{$1,$3,$2,$4},{$5$6"},
    {"wrong transposition", "matrix_moves", R"(movmatrix\.sync\.aligned\.m8n8\.trans\.b16 (%r\d+), (%r\d+);)", "mov.b32 $1, $2;"},
};

const KernelCase *find(const std::vector<KernelCase> &cases, const std::string &name) {
  for (const KernelCase &c : cases)
    if (name == c.kernel)
      return &c;
  return nullptr;
}

/// The module with one fault, "" when the pattern does not occur.
std::string mutate(const std::string &text, const Mutation &m) {
  size_t begin = text.find(std::string(".entry ") + m.kernel + "(");
  if (begin == std::string::npos)
    return "";
  size_t end = text.find(".entry ", begin + 8);
  std::string body = text.substr(begin, end == std::string::npos ? end : end - begin);
  std::regex pattern(m.pattern);
  std::sregex_iterator it(body.begin(), body.end(), pattern), none;
  for (int n = 1; it != none && n < m.occurrence; ++n)
    ++it;
  if (it == none)
    return "";
  std::string changed = body.substr(0, size_t(it->position())) + it->format(m.replacement) + body.substr(size_t(it->position()) + size_t(it->length()));
  return text.substr(0, begin) + changed + (end == std::string::npos ? "" : text.substr(end));
}

} // namespace

TEST(SimulatorMutation, FaultsAreReported) {
  std::vector<KernelCase> cases = allCases();
  unsigned reported = 0, total = 0;
  std::string survivors;
  for (const Mutation &m : mutations) {
    const KernelCase *c = find(cases, m.kernel);
    ASSERT_NE(c, nullptr) << m.kernel;
    std::string text = mutate(readFile(inputPath(c->file)), m);
    if (text.empty()) {
      ADD_FAILURE() << "the text of '" << m.fault << "' in " << m.kernel << " does not occur";
      continue;
    }
    ++total;
    std::string how;
    for (uint64_t seed = 0; seed < 3 && how.empty(); ++seed)
      for (bool races : {false, true}) {
        Bench bench(text, c->arch);
        how = bench.error.empty() ? c->run(bench, seed, races) : "refused: " + bench.error;
        if (!how.empty())
          break;
      }
    if (how.empty())
      survivors += std::string("\n  ") + m.fault + " in " + m.kernel;
    else
      ++reported;
    if (std::getenv("LOWBIT_SHOW_MUTATIONS"))
      std::printf("%-45s %-20s %s\n", m.fault, m.kernel, how.substr(0, 150).c_str());
  }
  RecordProperty("reported", int(reported));
  EXPECT_GE(total, 40u);
  EXPECT_GE(reported * 100, total * 95) << reported << " of " << total << "; survivors:" << survivors;
  EXPECT_EQ(survivors, "");
}

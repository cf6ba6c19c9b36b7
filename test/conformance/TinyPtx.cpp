//===- TinyPtx.cpp - The tiny module's stages as PTX --------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/conformance/TinyModule.h"

using namespace lowbit;
using namespace lowbit::test;

namespace {

struct TinyStage {
  const char *symbol;
  uint32_t threads;
  std::vector<uint32_t> bindings;
  const char *body;
};

} // namespace

// In every body: %token is the work item, %i the thread, %p0... the pointers, %at the
// place of element %i of the token's row of 16 numbers in bytes.
static const TinyStage tinyStages[] = {
    {"embed", 16, {0, 1, 2}, R"(
  shl.b64 %a, %token, 2;
  add.s64 %a, %p0, %a;
  ld.global.s32 %a, [%a];
  shl.b64 %a, %a, 6;
  shl.b64 %b, %i, 2;
  add.s64 %a, %a, %b;
  add.s64 %a, %p1, %a;
  ld.global.f32 %f, [%a];
  add.s64 %b, %p2, %at;
  st.global.f32 [%b], %f;
)"},
    {"keep", 16, {0, 1}, R"(
  add.s64 %a, %p0, %at;
  ld.global.f32 %f, [%a];
  shl.b64 %b, %position, 6;
  add.s64 %b, %b, %at;
  add.s64 %b, %p1, %b;
  st.global.f32 [%b], %f;
)"},
    {"mix", 16, {0, 1, 2}, R"(
  add.s64 %n, %position, %token;
  shl.b64 %b, %i, 2;
  add.s64 %a, %p1, %b;
  add.s64 %b, %p2, %b;
  ld.global.f32 %g, [%b];
  mov.f32 %f, 0f00000000;
next:
  ld.global.f32 %h, [%a];
  add.rn.f32 %f, %f, %h;
  add.s64 %a, %a, 64;
  sub.s64 %n, %n, 1;
  setp.ge.s64 %q, %n, 0;
  @%q bra next;
  mul.rn.f32 %f, %g, %f;
  add.s64 %a, %p0, %at;
  ld.global.f32 %h, [%a];
  add.rn.f32 %f, %h, %f;
  st.global.f32 [%a], %f;
)"},
    {"head", 16, {0, 1, 2}, R"(
  mov.f32 %f, 0f7FFFFFFF;
  setp.ge.s64 %q, %i, 11;
  @%q bra done;
  mov.f32 %f, 0f00000000;
  shl.b64 %a, %token, 6;
  add.s64 %a, %p0, %a;
  shl.b64 %b, %i, 6;
  add.s64 %b, %p1, %b;
  mov.u64 %n, 16;
next:
  ld.global.f32 %g, [%a];
  ld.global.f32 %h, [%b];
  mul.rn.f32 %g, %g, %h;
  add.rn.f32 %f, %f, %g;
  add.s64 %a, %a, 4;
  add.s64 %b, %b, 4;
  sub.s64 %n, %n, 1;
  setp.ne.s64 %q, %n, 0;
  @%q bra next;
done:
  add.s64 %b, %p2, %at;
  st.global.f32 [%b], %f;
)"},
    {"copyOne", 16, {0, 1}, R"(
  add.s64 %a, %p0, %at;
  ld.global.f32 %f, [%a];
  add.s64 %b, %p1, %at;
  st.global.f32 [%b], %f;
)"},
    {"twice", 16, {0, 1}, R"(
  add.s64 %a, %p0, %at;
  ld.global.f32 %f, [%a];
  add.rn.f32 %f, %f, %f;
  add.s64 %b, %p1, %at;
  st.global.f32 [%b], %f;
)"},
    {"ranges", 1, {0}, R"(
  rem.s64 %a, %token, %grain;
  sub.s64 %a, %token, %a;
  shl.b64 %b, %token, 3;
  add.s64 %b, %p0, %b;
  st.global.u64 [%b], %a;
)"},
    {"floats", 1, {0}, R"(
  shl.b64 %b, %token, 3;
  add.s64 %b, %p0, %b;
  mov.f32 %f, 0f3F800000;
  mov.f32 %g, 0f40400000;
  div.rn.f32 %f, %f, %g;
  st.global.f32 [%b], %f;
  mov.f32 %f, 0f0DA24260;
  mov.f32 %g, 0f2B8CBCCC;
  mul.rn.f32 %f, %f, %g;
  st.global.f32 [%b+4], %f;
)"}};

static std::string kernelText(const TinyStage &stage) {
  std::string text = std::string(".visible .entry ") + stage.symbol + "(";
  unsigned count = gpuLeadingArguments + unsigned(stage.bindings.size());
  for (unsigned i = 0; i < count; ++i)
    text += (i ? ", " : "") + std::string(".param .u64 a") + std::to_string(i);
  text += ")\n{\n  .reg .b64 %position, %grain, %token, %i, %at, %a, %b, %n;\n"
          "  .reg .b32 %w;\n  .reg .f32 %f, %g, %h;\n  .reg .pred %q;\n";
  for (size_t i = 0; i < stage.bindings.size(); ++i)
    text += "  .reg .b64 %p" + std::to_string(i) + ";\n";
  for (size_t i = 0; i < stage.bindings.size(); ++i)
    text += "  ld.param.u64 %p" + std::to_string(i) + ", [a" +
            std::to_string(gpuLeadingArguments + i) + "];\n";
  text += "  ld.param.u64 %position, [a1];\n  ld.param.u64 %grain, [a9];\n"
          "  mov.u32 %w, %ctaid.x;\n  cvt.u64.u32 %token, %w;\n"
          "  mov.u32 %w, %tid.x;\n  cvt.u64.u32 %i, %w;\n"
          "  shl.b64 %at, %token, 4;\n  add.s64 %at, %at, %i;\n"
          "  shl.b64 %at, %at, 2;\n";
  return text + stage.body + "  ret;\n}\n";
}

GpuCode test::tinyGpuCode() {
  GpuCode code;
  GpuText text{"all", ".version 6.3\n.target sm_75\n.address_size 64\n"};
  for (const TinyStage &stage : tinyStages) {
    text.text += kernelText(stage);
    code.stages.push_back(
        {stage.symbol, 0, stage.threads, 0, 0, 1, 0, stage.bindings});
  }
  code.texts.push_back(std::move(text));
  return code;
}

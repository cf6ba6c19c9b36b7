//===- PlanTest.cpp - Plans: expressions, bytes, validation ---------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Format/Components.h"
#include "lowbit/Format/Plan.h"
#include "test/conformance/TinyModule.h"

#include <gtest/gtest.h>

#include <functional>
#include <random>

using namespace lowbit;
using namespace lowbit::test;

namespace {

PlanDims dimsOf(int64_t tokens, int64_t position = 0, int64_t capacity = 128) {
  PlanDims dims = {};
  dims[LOWBIT_DIM_TOKENS] = tokens;
  dims[LOWBIT_DIM_POSITION] = position;
  dims[LOWBIT_DIM_CAPACITY] = capacity;
  return dims;
}

/// Three components, as the tiny plan wants.
ComponentTable tinyTable() {
  ComponentTable table;
  for (const char *name : {"a", "b", "c"}) {
    Component component;
    component.symbol = name;
    component.size = 64;
    table.components.push_back(component);
  }
  return table;
}

TEST(LinearExprTest, Evaluates) {
  LinearExpr expr = LinearExpr::of(LOWBIT_DIM_TOKENS, 64) +
                    LinearExpr::of(LOWBIT_DIM_POSITION, 3, 4) + 100;
  EXPECT_EQ(*expr.evaluate(dimsOf(2, 9)), 128 + 9 + 100);
  EXPECT_EQ(*expr.evaluate(dimsOf(0, 8)), 106);
  EXPECT_EQ(expr.toString(), "64 * tokens + 3 * ceil(position / 4) + 100");
  EXPECT_EQ((expr * 2).toString(),
            "128 * tokens + 6 * ceil(position / 4) + 200");
  EXPECT_EQ((expr + LinearExpr::of(LOWBIT_DIM_TOKENS)).terms.size(), 2u);
  EXPECT_EQ(LinearExpr(7).toString(), "7");
  EXPECT_TRUE((expr * 0).isConstant());
}

TEST(LinearExprTest, OverflowIsAnError) {
  LinearExpr big = LinearExpr::of(LOWBIT_DIM_TOKENS, INT64_MAX / 2);
  EXPECT_TRUE(big.evaluate(dimsOf(2)).isOk());
  EXPECT_FALSE(big.evaluate(dimsOf(3)).isOk());
  EXPECT_FALSE((big + INT64_MAX).evaluate(dimsOf(1)).isOk());
  EXPECT_FALSE(big.evaluate(dimsOf(-1)).isOk());
  LinearExpr bad = LinearExpr::of(200);
  EXPECT_FALSE(bad.evaluate(dimsOf(1)).isOk());
}

TEST(PlanTest, BytesComeBack) {
  Plan plan = tinyPlan();
  std::vector<uint8_t> bytes = serializePlan(plan);
  EXPECT_EQ(bytes, serializePlan(plan));
  auto back = parsePlan(bytes);
  ASSERT_TRUE(back.isOk()) << back.status().toString();
  EXPECT_TRUE(*back == plan);
  EXPECT_TRUE(validatePlan(*back, tinyTable()).isOk());
}

TEST(PlanTest, EveryTruncationIsAnError) {
  std::vector<uint8_t> bytes = serializePlan(tinyPlan());
  for (size_t length = 0; length < bytes.size(); ++length) {
    auto parsed = parsePlan(std::span(bytes).first(length));
    ASSERT_FALSE(parsed.isOk()) << length;
    ASSERT_FALSE(parsed.status().notes().empty());
  }
  bytes.push_back(0);
  EXPECT_FALSE(parsePlan(bytes).isOk());
}

TEST(PlanTest, FlippedBytesNeverCrash) {
  std::vector<uint8_t> bytes = serializePlan(tinyPlan());
  std::mt19937_64 random(7);
  int valid = 0;
  for (int round = 0; round < 20000; ++round) {
    std::vector<uint8_t> damaged = bytes;
    for (int flips = 1 + static_cast<int>(random() % 3); flips > 0; --flips)
      damaged[random() % damaged.size()] ^= static_cast<uint8_t>(1 + random() % 255);
    auto parsed = parsePlan(damaged);
    if (parsed.isOk() && validatePlan(*parsed, tinyTable()).isOk())
      ++valid;
  }
  // Some flips change a number or a name and give another valid plan.
  EXPECT_GT(valid, 0);
  EXPECT_LT(valid, 15000);
}

/// A change that makes the tiny plan invalid, and a part of the message.
struct BadPlan {
  const char *name;
  std::function<void(Plan &)> change;
  const char *message;
};

class BadPlanTest : public ::testing::TestWithParam<BadPlan> {};

TEST_P(BadPlanTest, IsRefused) {
  Plan plan = tinyPlan();
  GetParam().change(plan);
  Status status = validatePlan(plan, tinyTable());
  ASSERT_FALSE(status.isOk());
  EXPECT_NE(status.message().find(GetParam().message), std::string::npos)
      << status.message();
}

Dispatch &firstDispatch(Plan &plan) {
  return std::get<Dispatch>(plan.functions[0].steps[0]);
}
Call &firstCall(Plan &plan) {
  return std::get<Call>(plan.functions[0].steps[1]);
}

INSTANTIATE_TEST_SUITE_P(
    Rules, BadPlanTest,
    ::testing::Values(
        BadPlan{"buffer_name", [](Plan &p) { p.buffers[1].name = "h0"; },
                "two buffers"},
        BadPlan{"buffer_slot", [](Plan &p) { p.buffers[1].slot = 3; }, "slot 3"},
        BadPlan{"negative_size", [](Plan &p) { p.buffers[0].bytes.constant = -1; },
                "negative"},
        BadPlan{"negative_coefficient",
                [](Plan &p) { p.buffers[0].bytes.terms[0].coefficient = -4; },
                "not allowed"},
        BadPlan{"zero_divisor",
                [](Plan &p) { p.buffers[0].bytes.terms[0].divisor = 0; },
                "not allowed"},
        BadPlan{"unknown_dimension",
                [](Plan &p) { p.buffers[0].bytes.terms[0].dim = 8; },
                "not allowed"},
        BadPlan{"state_size",
                [](Plan &p) { p.states[0].bytesPerSlot.terms[0].dim = 0; },
                "capacity only"},
        BadPlan{"state_slots", [](Plan &p) { p.states[0].slots = 0; }, "slots"},
        BadPlan{"kernel_name", [](Plan &p) { p.kernels[0].name = ""; },
                "without a name"},
        BadPlan{"kernel_stages", [](Plan &p) { p.kernels[0].stages.clear(); },
                "stages"},
        BadPlan{"stage_symbol",
                [](Plan &p) { p.kernels[0].stages[0].symbol = ""; }, "symbol"},
        BadPlan{"stage_grain", [](Plan &p) { p.kernels[0].stages[0].grain = 0; },
                "grain"},
        BadPlan{"set_component", [](Plan &p) { p.sets[0].components[0] = 3; },
                "component 3 of 3"},
        BadPlan{"no_variants", [](Plan &p) { firstDispatch(p).variants.clear(); },
                "variants"},
        BadPlan{"variant_kernel",
                [](Plan &p) { firstDispatch(p).variants[0].kernel = 6; },
                "kernel 6"},
        BadPlan{"variant_limit",
                [](Plan &p) { firstDispatch(p).variants[0].maxTokens = 4; },
                "any number"},
        BadPlan{"variant_order",
                [](Plan &p) {
                  std::get<Dispatch>(p.functions[0].steps[2]).variants[0].maxTokens =
                      anyTokens;
                },
                "rise"},
        BadPlan{"binding_count",
                [](Plan &p) { firstDispatch(p).bindings.pop_back(); },
                "2 bindings"},
        BadPlan{"binding_buffer",
                [](Plan &p) { firstDispatch(p).bindings[2].index = 3; },
                "buffer 3 of 3"},
        BadPlan{"binding_input",
                [](Plan &p) { firstDispatch(p).bindings[0].index = 1; },
                "input 1 of 1"},
        BadPlan{"set_component_outside",
                [](Plan &p) {
                  firstDispatch(p).bindings[1] = Binding::setComponent(0);
                },
                "setComponent 0 of 0"},
        BadPlan{"offset_alignment",
                [](Plan &p) { firstDispatch(p).bindings[2].offset = 32; },
                "multiple of 64"},
        BadPlan{"component_offset",
                [](Plan &p) { firstDispatch(p).bindings[1].offset = 64; },
                "outside"},
        BadPlan{"state_without_slot",
                [](Plan &p) { firstDispatch(p).bindings[2] = Binding::state(0); },
                "without a slot"},
        BadPlan{"state_slot_in_procedure",
                [](Plan &p) { p.procedures[0].steps[0].bindings[1].slot = 0; },
                "slot of their call"},
        BadPlan{"slot_elsewhere",
                [](Plan &p) { firstDispatch(p).bindings[2].slot = 0; },
                "not a state"},
        BadPlan{"shared_slot",
                [](Plan &p) {
                  std::get<Dispatch>(p.functions[0].steps[2]).bindings = {
                      Binding::buffer(1), Binding::buffer(2)};
                },
                "share slot"},
        BadPlan{"input_in_procedure",
                [](Plan &p) {
                  p.procedures[0].steps[0].bindings[0] = Binding::input(0);
                },
                "input 0 of 0"},
        BadPlan{"call_procedure", [](Plan &p) { firstCall(p).procedure = 1; },
                "procedure 1 of 1"},
        BadPlan{"call_set", [](Plan &p) { firstCall(p).set = 2; }, "set 2 of 2"},
        BadPlan{"call_set_size",
                [](Plan &p) { p.sets[0].components.push_back(0); },
                "has 2 components"},
        BadPlan{"call_arguments", [](Plan &p) { firstCall(p).arguments.clear(); },
                "0 arguments"},
        BadPlan{"call_argument_kind",
                [](Plan &p) { firstCall(p).arguments[0] = Binding::component(0); },
                "only buffers"},
        BadPlan{"call_slot", [](Plan &p) { firstCall(p).slot = 2; }, "slot 2"},
        BadPlan{"call_no_slot", [](Plan &p) { firstCall(p).slot = callSlot; },
                "slot"},
        BadPlan{"function_name", [](Plan &p) { p.functions[1].name = "forward"; },
                "two functions"},
        BadPlan{"tensor_rank",
                [](Plan &p) { p.functions[0].inputs[0].shape.clear(); }, "axes"},
        BadPlan{"tensor_columns",
                [](Plan &p) { p.functions[1].outputs[0].columns = 17; },
                "17 columns"}),
    [](const ::testing::TestParamInfo<BadPlan> &info) {
      return std::string(info.param.name);
    });

TEST(PlanTest, ArgumentsSharingASlotWithTheProcedureAreRefused) {
  Plan plan = tinyPlan();
  // The procedure itself uses buffer "unused" (slot 1), its second call passes
  // buffer "h1" of the same slot.
  plan.kernels[1].bindings = 4;
  plan.procedures[0].steps[0].bindings.push_back(Binding::buffer(1));
  Status status = validatePlan(plan, tinyTable());
  ASSERT_FALSE(status.isOk());
  EXPECT_NE(status.message().find("share slot 1"), std::string::npos);
}

} // namespace

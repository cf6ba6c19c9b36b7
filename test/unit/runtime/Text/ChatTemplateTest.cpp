//===- ChatTemplateTest.cpp - Errors of chat rendering --------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Text/ChatTemplate.h"

#include <gtest/gtest.h>

using namespace lowbit;

static StatusOr<std::string> render(std::string text,
                                    std::vector<ChatMessage> messages) {
  TokenizerSpec spec;
  spec.chatTemplateText = std::move(text);
  spec.chatTemplate = recognizeChatTemplate(spec.chatTemplateText);
  return renderChat(spec, messages);
}

TEST(ChatTemplate, UnknownAndMissingAreClearErrors) {
  StatusOr<std::string> none = render("", {{ChatRole::user, "x"}});
  ASSERT_FALSE(none.isOk());
  EXPECT_EQ(none.status().code(), StatusCode::unimplemented);
  EXPECT_NE(none.status().message().find("no chat template"),
            std::string::npos);
  StatusOr<std::string> unknown =
      render("{{ messages }}", {{ChatRole::user, "x"}});
  ASSERT_FALSE(unknown.isOk());
  EXPECT_NE(unknown.status().message().find("none of chatml"),
            std::string::npos);
}

TEST(ChatTemplate, OrderOfMessages) {
  std::string chatml = "<|im_start|><|im_end|>";
  std::string gemma = "<start_of_turn>{{ raise_exception('x') }}";
  EXPECT_FALSE(render(chatml, {}).isOk());
  EXPECT_FALSE(
      render(chatml, {{ChatRole::user, "a"}, {ChatRole::system, "b"}}).isOk());
  EXPECT_TRUE(
      render(chatml, {{ChatRole::user, "a"}, {ChatRole::user, "b"}}).isOk());
  EXPECT_FALSE(
      render(gemma, {{ChatRole::user, "a"}, {ChatRole::user, "b"}}).isOk());
  EXPECT_FALSE(
      render(gemma, {{ChatRole::system, "a"}, {ChatRole::user, "b"}}).isOk());
}

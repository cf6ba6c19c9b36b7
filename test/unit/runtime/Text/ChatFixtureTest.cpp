//===- ChatFixtureTest.cpp - Chat rendering against jinja2 ----------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FixtureFiles.h"

#include "runtime/Text/ChatTemplate.h"

#include <gtest/gtest.h>

using namespace lowbit;
using namespace lowbit::test;

static ChatRole roleOf(llvm::StringRef name) {
  return name == "system" ? ChatRole::system
         : name == "user" ? ChatRole::user
                          : ChatRole::assistant;
}

TEST(ChatFixture, EqualsJinja) {
  llvm::json::Value file = readJson(fixturePath("chat.json"));
  size_t compared = 0;
  for (const llvm::json::Value &value : *file.getAsArray()) {
    const llvm::json::Object &entry = *value.getAsObject();
    TokenizerSpec spec;
    spec.kind = TokenizerKind::byteLevelBpe;
    spec.tokens = {entry.getString("bos")->str(),
                   entry.getString("eos")->str()};
    spec.types = {TokenType::control, TokenType::control};
    spec.bosId = 0;
    spec.eosId = 1;
    spec.chatTemplateText = entry.getString("template")->str();
    finishTokenizerSpec(spec);
    for (const llvm::json::Value &caseValue : *entry.getArray("cases")) {
      const llvm::json::Object &one = *caseValue.getAsObject();
      std::vector<ChatMessage> messages;
      for (const llvm::json::Value &message : *one.getArray("messages"))
        messages.push_back(
            {roleOf(*message.getAsObject()->getString("role")),
             message.getAsObject()->getString("content")->str()});
      StatusOr<std::string> text =
          renderChat(spec, messages, *one.getBoolean("generate"));
      std::optional<llvm::StringRef> expected = one.getString("expected");
      std::string where =
          entry.getString("name")->str() + ", case " + std::to_string(compared);
      if (!expected) {
        EXPECT_FALSE(text.isOk()) << where;
      } else {
        ASSERT_TRUE(text.isOk()) << where << text.status().toString();
        EXPECT_EQ(*text, expected->str()) << where;
      }
      ++compared;
    }
  }
  EXPECT_GT(compared, 100u);
}

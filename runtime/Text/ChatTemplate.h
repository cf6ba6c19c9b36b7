//===- ChatTemplate.h - Conversations as prompts ----------------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Renders the chat templates that recognizeChatTemplate knows without a Jinja
// engine. Variants inside a family (spaces around [INST], Llama 3.1's dates)
// are told apart by the template's own text.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_RUNTIME_TEXT_CHATTEMPLATE_H
#define LOWBIT_RUNTIME_TEXT_CHATTEMPLATE_H

#include "lowbit/Format/Tokenizer.h"

namespace lowbit {

enum class ChatRole : uint8_t { system, user, assistant };

struct ChatMessage {
  ChatRole role = ChatRole::user;
  std::string content;
};

/// The prompt for `messages`, including BOS as text where the template has it:
/// encode it with {addSpecial = false, parseSpecial = true}. With
/// `addGenerationPrompt` it ends where the assistant's answer starts.
///
/// A system message is allowed only first; user and assistant must alternate
/// where the template demands it. Fails with unimplemented when the model has
/// no template or one that is not recognised.
StatusOr<std::string> renderChat(const TokenizerSpec &spec,
                                 std::span<const ChatMessage> messages,
                                 bool addGenerationPrompt = true);

} // namespace lowbit

#endif // LOWBIT_RUNTIME_TEXT_CHATTEMPLATE_H

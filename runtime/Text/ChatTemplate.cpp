//===- ChatTemplate.cpp - Conversations as prompts ------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Text/ChatTemplate.h"

using namespace lowbit;

namespace {
/// Renders one conversation; a method for each family of templates.
class ChatRenderer {
public:
  ChatRenderer(const TokenizerSpec &spec, std::span<const ChatMessage> messages,
               bool generate)
      : spec(spec), messages(messages), generate(generate) {}

  StatusOr<std::string> run();

private:
  bool has(std::string_view part) const {
    return spec.chatTemplateText.find(part) != std::string::npos;
  }
  std::string tokenText(int32_t id) const {
    return id >= 0 && static_cast<size_t>(id) < spec.tokens.size()
               ? spec.tokens[static_cast<size_t>(id)]
               : std::string();
  }
  std::string bos() const { return tokenText(spec.bosId); }
  std::string eos() const { return tokenText(spec.eosId); }
  /// BOS where the template writes it.
  std::string leadingBos() const { return has("bos_token") ? bos() : ""; }

  /// A system message comes first; user and assistant take turns where the
  /// template raises an error otherwise.
  Status checkOrder() const;
  /// Takes the system message off the front; empty when there is none.
  std::string takeSystem();
  Status refuseSystem() const;

  Status chatml();
  Status llama2();
  Status llama3();
  Status mistral();
  Status gemma();
  Status phi3();
  Status zephyr();

  const TokenizerSpec &spec;
  std::span<const ChatMessage> messages;
  bool generate;
  std::string out;
};
} // namespace

static const char *roleName(ChatRole role) {
  switch (role) {
  case ChatRole::system:
    return "system";
  case ChatRole::user:
    return "user";
  case ChatRole::assistant:
    return "assistant";
  }
  return "user";
}

static std::string trim(std::string_view text) {
  constexpr std::string_view space = " \t\n\r\v\f";
  size_t start = text.find_first_not_of(space);
  if (start == std::string_view::npos)
    return "";
  return std::string(
      text.substr(start, text.find_last_not_of(space) - start + 1));
}

Status ChatRenderer::checkOrder() const {
  bool alternate = has("raise_exception");
  if (messages.empty())
    return invalidArgument("a conversation needs at least one message");
  ChatRole expected = ChatRole::user;
  for (size_t i = 0; i < messages.size(); ++i) {
    if (messages[i].role == ChatRole::system) {
      if (i != 0)
        return invalidArgument("a system message may only come first, message "
                               "%zu is one",
                               i);
      continue;
    }
    if (alternate && messages[i].role != expected)
      return invalidArgument(
          "the chat template '%s' requires user and assistant in turn, message "
          "%zu is from the %s",
          chatTemplateKindName(spec.chatTemplate), i,
          roleName(messages[i].role));
    expected = messages[i].role == ChatRole::user ? ChatRole::assistant
                                                  : ChatRole::user;
  }
  return Status::success();
}

std::string ChatRenderer::takeSystem() {
  if (messages.empty() || messages[0].role != ChatRole::system)
    return "";
  std::string system = messages[0].content;
  messages = messages.subspan(1);
  return system;
}

Status ChatRenderer::refuseSystem() const {
  return invalidArgument("the chat template '%s' of this model has no system "
                         "message: put it into the first user message",
                         chatTemplateKindName(spec.chatTemplate));
}

Status ChatRenderer::chatml() {
  LOWBIT_RETURN_IF_ERROR(checkOrder());
  auto add = [&](std::string_view role, std::string_view content) {
    out.append("<|im_start|>").append(role).append("\n");
    out.append(content).append("<|im_end|>\n");
  };
  out += leadingBos();
  if (messages[0].role != ChatRole::system && !spec.chatDefaultSystem.empty())
    add("system", spec.chatDefaultSystem);
  for (const ChatMessage &message : messages)
    add(roleName(message.role), message.content);
  if (generate)
    out += "<|im_start|>assistant\n";
  return Status::success();
}

Status ChatRenderer::llama2() {
  LOWBIT_RETURN_IF_ERROR(checkOrder());
  bool withSystem = messages[0].role == ChatRole::system;
  std::string system = takeSystem();
  for (size_t i = 0; i < messages.size(); ++i) {
    std::string content = messages[i].content;
    if (i == 0 && withSystem)
      content = "<<SYS>>\n" + system + "\n<</SYS>>\n\n" + content;
    if (messages[i].role == ChatRole::user)
      out += bos() + "[INST] " + trim(content) + " [/INST]";
    else
      out += " " + trim(content) + " " + eos();
  }
  return Status::success();
}

Status ChatRenderer::llama3() {
  LOWBIT_RETURN_IF_ERROR(checkOrder());
  auto add = [&](const char *role, const std::string &content) {
    out += std::string("<|start_header_id|>") + role + "<|end_header_id|>\n\n" +
           content + "<|eot_id|>";
  };
  out += bos();
  // Llama 3.1 writes a system message in any case. The date is the template's
  // fallback, so that the same prompt gives the same ids every day.
  if (has("Cutting Knowledge Date"))
    add("system", "Cutting Knowledge Date: December 2023\nToday Date: 26 Jul "
                  "2024\n\n" +
                      trim(takeSystem()));
  for (const ChatMessage &message : messages)
    add(roleName(message.role), trim(message.content));
  if (generate)
    out += "<|start_header_id|>assistant<|end_header_id|>\n\n";
  return Status::success();
}

Status ChatRenderer::mistral() {
  LOWBIT_RETURN_IF_ERROR(checkOrder());
  // The versions differ only in spaces and in where the system message goes.
  bool tight = has("'[/INST]'") || has("\"[/INST]\"") || has("\"[/INST]");
  const char *open = has("[INST] ") ? "[INST] " : "[INST]";
  const char *close = tight ? "[/INST]" : " [/INST]";
  bool spaced =
      has("' ' + message['content']") || has("\" \" + message[\"content\"]") ||
      has("\" \" + message['content']") || has("' ' + message[\"content\"]");
  bool trimmed =
      has("message['content']|trim") || has("message['content'] | trim") ||
      has("message[\"content\"]|trim") || has("message[\"content\"] | trim");
  bool trailing = has("eos_token + ' '") || has("eos_token + \" \"") ||
                  has("eos_token}}{{ ' ' }}") || has("eos_token + ' ' }}");
  bool systemLast = has("loop.last and system_message");
  bool withSystem = messages[0].role == ChatRole::system;
  if (withSystem && !has("system_message"))
    return refuseSystem();
  std::string system = takeSystem();
  size_t systemAt = systemLast && !messages.empty() ? messages.size() - 1 : 0;
  out += bos();
  for (size_t i = 0; i < messages.size(); ++i) {
    const std::string &content = messages[i].content;
    if (messages[i].role == ChatRole::user) {
      out += open;
      if (withSystem && i == systemAt)
        out += system + "\n\n";
      out += content + close;
    } else {
      out += (spaced ? " " : "") + (trimmed ? trim(content) : content) + eos() +
             (trailing ? " " : "");
    }
  }
  return Status::success();
}

Status ChatRenderer::gemma() {
  LOWBIT_RETURN_IF_ERROR(checkOrder());
  std::string prefix;
  if (messages[0].role == ChatRole::system) {
    if (!has("first_user_prefix"))
      return refuseSystem();
    prefix = takeSystem() + "\n\n";
  }
  out += bos();
  for (const ChatMessage &message : messages) {
    const char *role = message.role == ChatRole::user ? "user" : "model";
    out += std::string("<start_of_turn>") + role + "\n" + prefix +
           trim(message.content) + "<end_of_turn>\n";
    prefix.clear();
  }
  if (generate)
    out += "<start_of_turn>model\n";
  return Status::success();
}

Status ChatRenderer::phi3() {
  LOWBIT_RETURN_IF_ERROR(checkOrder());
  // Phi-4-mini leaves the line breaks out.
  const char *lineBreak = has("'|>' + message['content']") ? "" : "\n";
  out += leadingBos();
  for (const ChatMessage &message : messages)
    out += std::string("<|") + roleName(message.role) + "|>" + lineBreak +
           message.content + "<|end|>" + lineBreak;
  if (generate)
    out += std::string("<|assistant|>") + lineBreak;
  return Status::success();
}

Status ChatRenderer::zephyr() {
  LOWBIT_RETURN_IF_ERROR(checkOrder());
  for (const ChatMessage &message : messages)
    out += std::string("<|") + roleName(message.role) + "|>\n" +
           message.content + eos() + "\n";
  if (generate)
    out += "<|assistant|>\n";
  return Status::success();
}

StatusOr<std::string> ChatRenderer::run() {
  switch (spec.chatTemplate) {
  case ChatTemplateKind::none:
    return unimplemented("this model has no chat template: run it without "
                         "--chat on a raw prompt");
  case ChatTemplateKind::unknown:
    return unimplemented("the chat template of this model is none of chatml, "
                         "llama2, llama3, mistral, gemma, phi3 and zephyr: run "
                         "it without --chat on a raw prompt");
  case ChatTemplateKind::chatml:
    LOWBIT_RETURN_IF_ERROR(chatml());
    break;
  case ChatTemplateKind::llama2:
    LOWBIT_RETURN_IF_ERROR(llama2());
    break;
  case ChatTemplateKind::llama3:
    LOWBIT_RETURN_IF_ERROR(llama3());
    break;
  case ChatTemplateKind::mistral:
    LOWBIT_RETURN_IF_ERROR(mistral());
    break;
  case ChatTemplateKind::gemma:
    LOWBIT_RETURN_IF_ERROR(gemma());
    break;
  case ChatTemplateKind::phi3:
    LOWBIT_RETURN_IF_ERROR(phi3());
    break;
  case ChatTemplateKind::zephyr:
    LOWBIT_RETURN_IF_ERROR(zephyr());
    break;
  }
  return std::move(out);
}

StatusOr<std::string> lowbit::renderChat(const TokenizerSpec &spec,
                                         std::span<const ChatMessage> messages,
                                         bool addGenerationPrompt) {
  return ChatRenderer(spec, messages, addGenerationPrompt).run();
}

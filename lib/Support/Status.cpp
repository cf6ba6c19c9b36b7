//===- Status.cpp - Error values ------------------------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Support/Status.h"

#include <cstdarg>
#include <cstdio>

namespace lowbit {

const char *statusCodeName(StatusCode code) {
  switch (code) {
  case StatusCode::ok:
    return "ok";
  case StatusCode::invalidArgument:
    return "invalid_argument";
  case StatusCode::notFound:
    return "not_found";
  case StatusCode::unimplemented:
    return "unimplemented";
  case StatusCode::unavailable:
    return "unavailable";
  case StatusCode::resourceExhausted:
    return "resource_exhausted";
  case StatusCode::failedPrecondition:
    return "failed_precondition";
  case StatusCode::internal:
    return "internal";
  }
  return "unknown";
}

Status::Status(StatusCode code, std::string message) {
  assert(code != StatusCode::ok && "an ok status has no message");
  state = std::make_shared<State>(State{code, std::move(message), {}});
}

const std::string &Status::message() const {
  static const std::string empty;
  return state ? state->message : empty;
}

const std::vector<std::string> &Status::notes() const {
  static const std::vector<std::string> none;
  return state ? state->notes : none;
}

Status &Status::addNote(std::string note) & {
  if (!state)
    return *this;
  // Copies share their state; a note added to one must not show in another.
  if (state.use_count() > 1)
    state = std::make_shared<State>(*state);
  state->notes.push_back(std::move(note));
  return *this;
}

Status &&Status::addNote(std::string note) && {
  addNote(std::move(note));
  return std::move(*this);
}

std::string Status::toString() const {
  if (isOk())
    return "ok";
  std::string text = state->message;
  for (const std::string &note : state->notes)
    text += "\nnote: " + note;
  return text;
}

static std::string formatList(const char *format, va_list args) {
  va_list copy;
  va_copy(copy, args);
  int size = vsnprintf(nullptr, 0, format, copy);
  va_end(copy);
  if (size < 0)
    return format;
  std::string text(static_cast<size_t>(size) + 1, '\0');
  vsnprintf(text.data(), text.size(), format, args);
  text.resize(static_cast<size_t>(size));
  return text;
}

std::string formatString(const char *format, ...) {
  va_list args;
  va_start(args, format);
  std::string text = formatList(format, args);
  va_end(args);
  return text;
}

#define LOWBIT_DEFINE_ERROR(FUNCTION, CODE)                                    \
  Status FUNCTION(const char *format, ...) {                                   \
    va_list args;                                                              \
    va_start(args, format);                                                    \
    std::string text = formatList(format, args);                               \
    va_end(args);                                                              \
    return Status(StatusCode::CODE, std::move(text));                          \
  }
LOWBIT_DEFINE_ERROR(invalidArgument, invalidArgument)
LOWBIT_DEFINE_ERROR(notFound, notFound)
LOWBIT_DEFINE_ERROR(unimplemented, unimplemented)
LOWBIT_DEFINE_ERROR(unavailable, unavailable)
LOWBIT_DEFINE_ERROR(resourceExhausted, resourceExhausted)
LOWBIT_DEFINE_ERROR(failedPrecondition, failedPrecondition)
LOWBIT_DEFINE_ERROR(internalError, internal)
#undef LOWBIT_DEFINE_ERROR

} // namespace lowbit

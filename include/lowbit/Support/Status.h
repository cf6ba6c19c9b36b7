//===- Status.h - Error values that flow through every layer ----*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Status is a cheap value when ok and otherwise carries a code from a small
// closed set, one message and notes added on the way up. StatusOr<T> carries a
// value or such an error. Nothing in lowbit throws; no error is dropped
// silently ([[nodiscard]]).
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_SUPPORT_STATUS_H
#define LOWBIT_SUPPORT_STATUS_H

#include <cassert>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace lowbit {

/// What kind of thing went wrong. Tools map every code to exit status 1 except
/// where INTERFACE says otherwise (`unavailable`: no device, exit 3).
enum class StatusCode {
  ok = 0,
  invalidArgument,    ///< The caller or the input file is wrong.
  notFound,           ///< A named thing does not exist.
  unimplemented,      ///< Valid, but not supported by this build.
  unavailable,        ///< A device or driver is not there.
  resourceExhausted,  ///< Memory, disk or a stated limit ran out.
  failedPrecondition, ///< Called in the wrong state.
  internal,           ///< Our own invariant broke.
};

/// Lower-case name of `code`, as printed in JSON reports.
const char *statusCodeName(StatusCode code);

/// An error or its absence. Copying an ok status costs one pointer.
class [[nodiscard]] Status {
public:
  Status() = default;
  Status(StatusCode code, std::string message);

  static Status success() { return Status(); }
  bool isOk() const { return !state; }
  explicit operator bool() const = delete;
  StatusCode code() const { return state ? state->code : StatusCode::ok; }
  /// The message alone, lower-case first letter, no final period. Empty if ok.
  const std::string &message() const;
  const std::vector<std::string> &notes() const;
  /// Adds context ("while reading 'x.gguf'"); no effect when ok.
  Status &&addNote(std::string note) &&;
  Status &addNote(std::string note) &;
  /// Message followed by one "note: ..." line for each note.
  std::string toString() const;

private:
  struct State {
    StatusCode code;
    std::string message;
    std::vector<std::string> notes;
  };
  std::shared_ptr<State> state;
};

#if defined(__GNUC__)
#define LOWBIT_PRINTF(F, A) __attribute__((format(printf, F, A)))
#else
#define LOWBIT_PRINTF(F, A)
#endif

/// printf-style constructors, one for each code.
Status invalidArgument(const char *format, ...) LOWBIT_PRINTF(1, 2);
Status notFound(const char *format, ...) LOWBIT_PRINTF(1, 2);
Status unimplemented(const char *format, ...) LOWBIT_PRINTF(1, 2);
Status unavailable(const char *format, ...) LOWBIT_PRINTF(1, 2);
Status resourceExhausted(const char *format, ...) LOWBIT_PRINTF(1, 2);
Status failedPrecondition(const char *format, ...) LOWBIT_PRINTF(1, 2);
Status internalError(const char *format, ...) LOWBIT_PRINTF(1, 2);

/// printf into a std::string.
std::string formatString(const char *format, ...) LOWBIT_PRINTF(1, 2);

/// A value of type T, or the error that prevented it.
template <typename T> class [[nodiscard]] StatusOr {
public:
  StatusOr(T value) : stored(std::move(value)) {}
  StatusOr(Status error) : error(std::move(error)) {
    assert(!this->error.isOk() && "an ok status carries no value");
  }

  bool isOk() const { return stored.has_value(); }
  const Status &status() const & { return error; }
  Status status() && { return std::move(error); }
  T &value() & {
    assert(isOk() && "value() of an error");
    return *stored;
  }
  const T &value() const & {
    assert(isOk() && "value() of an error");
    return *stored;
  }
  T &&value() && {
    assert(isOk() && "value() of an error");
    return std::move(*stored);
  }
  T &operator*() & { return value(); }
  const T &operator*() const & { return value(); }
  T *operator->() { return &value(); }
  const T *operator->() const { return &value(); }

private:
  Status error;
  std::optional<T> stored;
};

} // namespace lowbit

#define LOWBIT_CONCAT_IMPL(A, B) A##B
#define LOWBIT_CONCAT(A, B) LOWBIT_CONCAT_IMPL(A, B)

/// Returns from the enclosing function when EXPR (a Status) is an error.
#define LOWBIT_RETURN_IF_ERROR(EXPR)                                           \
  do {                                                                         \
    ::lowbit::Status lowbitStatus = (EXPR);                                    \
    if (!lowbitStatus.isOk())                                                  \
      return lowbitStatus;                                                     \
  } while (false)

/// Declares or assigns LHS from EXPR (a StatusOr), or returns its error.
#define LOWBIT_ASSIGN_OR_RETURN(LHS, EXPR)                                     \
  LOWBIT_ASSIGN_OR_RETURN_IMPL(LOWBIT_CONCAT(lowbitOr, __LINE__), LHS, EXPR)
#define LOWBIT_ASSIGN_OR_RETURN_IMPL(TMP, LHS, EXPR)                           \
  auto TMP = (EXPR);                                                           \
  if (!TMP.isOk())                                                             \
    return std::move(TMP).status();                                            \
  LHS = std::move(TMP).value()

#endif // LOWBIT_SUPPORT_STATUS_H

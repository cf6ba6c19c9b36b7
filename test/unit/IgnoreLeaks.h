//===- IgnoreLeaks.h - Leaks that a test provokes --------------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TEST_UNIT_IGNORELEAKS_H
#define LOWBIT_TEST_UNIT_IGNORELEAKS_H

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define LOWBIT_TEST_HAS_LSAN
#include <sanitizer/lsan_interface.h>
#endif
#endif

namespace lowbit::test {

/// What is allocated while this lives may leak: a back end of LLVM that gives up
/// is left in the middle of its work, and nothing runs its destructors.
class IgnoreLeaks {
public:
  IgnoreLeaks() {}

private:
#ifdef LOWBIT_TEST_HAS_LSAN
  __lsan::ScopedDisabler disabler;
#endif
};

} // namespace lowbit::test

#endif // LOWBIT_TEST_UNIT_IGNORELEAKS_H

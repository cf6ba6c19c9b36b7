/*===- kernel.h - The contract between generated CPU code and its caller ---===*\
|*                                                                            *|
|* Part of the lowbit project, under the Apache License v2.0 with LLVM        *|
|* Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception        *|
|*                                                                            *|
|*===----------------------------------------------------------------------===*|
|*                                                                            *|
|* A code image for a CPU is a shared object without undefined symbols that   *|
|* exports `lowbit_query`. A kernel is a list of stages; between two stages   *|
|* all workers wait. A stage is called with a range of its work items; any    *|
|* partition of [0, items) gives the same bits.                               *|
|*                                                                            *|
\*===----------------------------------------------------------------------===*/

#ifndef LOWBIT_C_KERNEL_H
#define LOWBIT_C_KERNEL_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LOWBIT_KERNEL_ABI_VERSION 1u

/* Every binding is aligned to this many bytes and padded to a multiple of it. */
#define LOWBIT_BINDING_ALIGNMENT 64u

/* Indices into `dims`. */
enum {
  LOWBIT_DIM_TOKENS = 0,   /* rows of this call, >= 1 */
  LOWBIT_DIM_POSITION = 1, /* tokens already in the cache */
  LOWBIT_DIM_CAPACITY = 2, /* positions a cache slot can hold, multiple of 128 */
  LOWBIT_DIM_COUNT = 8
};

/* bindings: one pointer each, in the order of the plan. dims: LOWBIT_DIM_COUNT
 * numbers. scratch: private to the calling worker for the duration of the call,
 * 64-byte aligned, of at least the size the plan states. */
typedef void (*lowbit_stage_fn)(void *const *bindings, const int64_t *dims,
                                void *scratch, int64_t begin, int64_t end);

typedef struct lowbit_code_table {
  uint32_t abi_version; /* LOWBIT_KERNEL_ABI_VERSION */
  uint32_t stage_count;
  const char *const *names;       /* stage_count symbol names */
  const lowbit_stage_fn *stages;  /* stage_count functions */
} lowbit_code_table;

/* The one exported symbol. Returns NULL when `abi_version` is not supported. */
typedef const lowbit_code_table *(*lowbit_query_fn)(uint32_t abi_version);
#define LOWBIT_QUERY_SYMBOL "lowbit_query"

#ifdef __cplusplus
}
static_assert(sizeof(lowbit_code_table) == 24, "the table is part of the ABI");
#endif

#endif /* LOWBIT_C_KERNEL_H */

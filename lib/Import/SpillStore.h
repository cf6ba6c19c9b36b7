//===- SpillStore.h - Weights that passes computed ------------ -*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A compression pass makes new numbers for a parameter, one parameter at a
// time; they wait here, on disk, until the module is linked, so that memory
// stays O(largest tensor). Between phases (`--compile-to`) the entries that the
// IR still names go into a file beside it.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_IMPORT_SPILLSTORE_H
#define LOWBIT_LIB_IMPORT_SPILLSTORE_H

#include "lowbit/Support/Hash.h"
#include "lowbit/Support/Status.h"

#include <cstdint>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <vector>

namespace lowbit::import {

/// Numbered groups of byte arrays in an unlinked temporary file. All members
/// may be called by several threads at once.
class SpillStore {
public:
  SpillStore() = default;
  SpillStore(const SpillStore &) = delete;
  SpillStore &operator=(const SpillStore &) = delete;
  ~SpillStore();

  struct Key {
    uint64_t id = 0;
    Hash128 hash; ///< XXH3 of sizes and bytes
  };

  /// Appends the arrays of one parameter. The first call creates the file in
  /// $TMPDIR or /tmp. Fails with resourceExhausted when the disk is full.
  StatusOr<Key> add(std::span<const std::vector<uint8_t>> arrays);

  /// Forgets an entry; its number is not used again. Gives the space back when
  /// it was the last.
  void drop(uint64_t id);

  /// Reads them back; notFound for an unknown id, failedPrecondition when
  /// `hash` (32 hexadecimal digits) is not the entry's.
  Status read(uint64_t id, const std::string &hash,
              std::vector<std::vector<uint8_t>> &arrays) const;

  /// Writes the entries `ids` (each once, ascending) to `path`.
  Status save(const std::string &path, std::span<const uint64_t> ids) const;
  /// Adds the entries of a file that `save` wrote, under their ids. Every size
  /// is checked against the file, every entry against its hash.
  Status load(const std::string &path);

private:
  struct Entry {
    uint64_t offset = 0;
    std::vector<uint64_t> sizes;
    Hash128 hash;
  };

  Status openFile();
  Status append(uint64_t id, std::span<const std::span<const uint8_t>> arrays,
                Entry &entry);
  Status readEntry(const Entry &entry,
                   std::vector<std::vector<uint8_t>> &arrays) const;

  mutable std::mutex mutex;
  int descriptor = -1;
  uint64_t end = 0;
  uint64_t nextId = 0;
  std::map<uint64_t, Entry> entries;
};

} // namespace lowbit::import

#endif // LOWBIT_LIB_IMPORT_SPILLSTORE_H

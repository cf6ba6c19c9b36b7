//===- SpillStore.cpp - Weights that passes computed ----------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Import/SpillStore.h"
#include "lib/Import/ComponentWriter.h"

#include "lowbit/Format/ByteStream.h"
#include "lowbit/Support/MappedFile.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <unistd.h>

using namespace lowbit;
using namespace lowbit::import;

/// First bytes of a saved file: eight characters, the last a version.
static constexpr std::string_view spillMagic = "LBSPILL1";

/// A parameter has a handful of arrays; more is a damaged file.
static constexpr uint32_t mostArrays = 64;

static Hash128 hashOf(std::span<const std::span<const uint8_t>> arrays) {
  Xxh3Stream stream;
  for (std::span<const uint8_t> array : arrays) {
    const uint64_t size = array.size();
    stream.update({reinterpret_cast<const uint8_t *>(&size), sizeof(size)});
    stream.update(array);
  }
  return stream.digestWide();
}

SpillStore::~SpillStore() {
  if (descriptor >= 0)
    ::close(descriptor);
}

Status SpillStore::openFile() {
  if (descriptor >= 0)
    return Status::success();
  const char *folder = std::getenv("TMPDIR");
  std::string path = std::string(folder && *folder ? folder : "/tmp") +
                     "/lowbit-weights-XXXXXX";
  descriptor = ::mkstemp(path.data());
  if (descriptor < 0)
    return resourceExhausted("cannot create a temporary file '%s' for computed "
                             "weights: %s; set TMPDIR to a writable folder",
                             path.c_str(), std::strerror(errno));
  // Nothing is left behind, however the process ends.
  ::unlink(path.c_str());
  return Status::success();
}

Status
SpillStore::append(uint64_t id,
                   std::span<const std::span<const uint8_t>> arrays,
                   Entry &entry) {
  LOWBIT_RETURN_IF_ERROR(openFile());
  entry.offset = end;
  for (std::span<const uint8_t> array : arrays) {
    entry.sizes.push_back(array.size());
    size_t done = 0;
    while (done < array.size()) {
      ssize_t count =
          ::pwrite(descriptor, array.data() + done, array.size() - done,
                   static_cast<off_t>(end + done));
      if (count < 0 && errno == EINTR)
        continue;
      if (count <= 0)
        return resourceExhausted("cannot store %zu bytes of computed weights: "
                                 "%s; set TMPDIR to a folder with more room",
                                 array.size(), std::strerror(errno));
      done += static_cast<size_t>(count);
    }
    end += array.size();
  }
  entries[id] = entry;
  nextId = std::max(nextId, id + 1);
  return Status::success();
}

StatusOr<SpillStore::Key>
SpillStore::add(std::span<const std::vector<uint8_t>> arrays) {
  std::vector<std::span<const uint8_t>> views(arrays.begin(), arrays.end());
  Entry entry;
  entry.hash = hashOf(views);
  std::lock_guard<std::mutex> lock(mutex);
  const uint64_t id = nextId;
  LOWBIT_RETURN_IF_ERROR(append(id, views, entry));
  return Key{id, entry.hash};
}

void SpillStore::drop(uint64_t id) {
  std::lock_guard<std::mutex> lock(mutex);
  auto found = entries.find(id);
  if (found == entries.end())
    return;
  uint64_t stop = found->second.offset;
  for (uint64_t size : found->second.sizes)
    stop += size;
  // Without truncation the bytes stay unused: no harm.
  if (stop == end &&
      ::ftruncate(descriptor, static_cast<off_t>(found->second.offset)) == 0)
    end = found->second.offset;
  entries.erase(found);
}

Status
SpillStore::readEntry(const Entry &entry,
                      std::vector<std::vector<uint8_t>> &arrays) const {
  arrays.resize(entry.sizes.size());
  uint64_t offset = entry.offset;
  for (size_t i = 0; i < arrays.size(); ++i) {
    LOWBIT_RETURN_IF_ERROR(
        allocateZeroed(arrays[i], entry.sizes[i], "a computed weight"));
    size_t done = 0;
    while (done < arrays[i].size()) {
      ssize_t count =
          ::pread(descriptor, arrays[i].data() + done, arrays[i].size() - done,
                  static_cast<off_t>(offset + done));
      if (count < 0 && errno == EINTR)
        continue;
      if (count <= 0)
        return internalError("cannot read computed weights back: %s",
                             std::strerror(errno));
      done += static_cast<size_t>(count);
    }
    offset += entry.sizes[i];
  }
  return Status::success();
}

Status SpillStore::read(uint64_t id, const std::string &hash,
                        std::vector<std::vector<uint8_t>> &arrays) const {
  Entry entry;
  {
    std::lock_guard<std::mutex> lock(mutex);
    auto found = entries.find(id);
    if (found == entries.end())
      return notFound("computed weights number %llu are not stored; the '.mlir' "
                      "needs its '.mlir.weights' beside it",
                      static_cast<unsigned long long>(id));
    entry = found->second;
  }
  if (toHex(entry.hash) != hash)
    return failedPrecondition(
        "computed weights number %llu have hash %s, the module says %s; the "
        "'.mlir' and its '.mlir.weights' are not of one compilation",
        static_cast<unsigned long long>(id), toHex(entry.hash).c_str(),
        hash.c_str());
  return readEntry(entry, arrays);
}

//===----------------------------------------------------------------------===//
// Files
//===----------------------------------------------------------------------===//

Status SpillStore::save(const std::string &path,
                        std::span<const uint64_t> ids) const {
  LOWBIT_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::create(path));
  ByteWriter head;
  head.bytes({reinterpret_cast<const uint8_t *>(spillMagic.data()),
              spillMagic.size()});
  head.u32(static_cast<uint32_t>(ids.size()));
  std::vector<Entry> saved;
  {
    std::lock_guard<std::mutex> lock(mutex);
    for (uint64_t id : ids) {
      auto found = entries.find(id);
      if (found == entries.end())
        return notFound("computed weights number %llu are not stored",
                        static_cast<unsigned long long>(id));
      saved.push_back(found->second);
    }
  }
  for (size_t i = 0; i < ids.size(); ++i) {
    head.u64(ids[i]);
    head.u64(saved[i].hash.high);
    head.u64(saved[i].hash.low);
    head.u32(static_cast<uint32_t>(saved[i].sizes.size()));
    for (uint64_t size : saved[i].sizes)
      head.u64(size);
  }
  LOWBIT_RETURN_IF_ERROR(file.write(head.result()));
  std::vector<std::vector<uint8_t>> arrays;
  for (const Entry &entry : saved) {
    LOWBIT_RETURN_IF_ERROR(readEntry(entry, arrays));
    for (const std::vector<uint8_t> &array : arrays)
      LOWBIT_RETURN_IF_ERROR(file.write(array));
  }
  return file.commit();
}

Status SpillStore::load(const std::string &path) {
  LOWBIT_ASSIGN_OR_RETURN(MappedFile file, MappedFile::open(path));
  ByteReader reader(file.bytes());
  auto inFile = [&](Status status) {
    return std::move(status).addNote("in '" + path + "'");
  };
  std::span<const uint8_t> magic = reader.bytes(spillMagic.size());
  if (reader.failed() ||
      std::memcmp(magic.data(), spillMagic.data(), spillMagic.size()) != 0)
    return invalidArgument("'%s' is not a file of computed weights: it does not "
                           "begin with %s",
                           path.c_str(), std::string(spillMagic).c_str());
  struct Header {
    uint64_t id = 0;
    Entry entry;
  };
  std::vector<Header> headers(reader.count(36));
  for (Header &header : headers) {
    header.id = reader.u64();
    header.entry.hash.high = reader.u64();
    header.entry.hash.low = reader.u64();
    uint32_t arrays = reader.count(8);
    if (arrays > mostArrays)
      reader.fail(invalidArgument("a parameter of %u arrays; at most %u are "
                                  "possible",
                                  arrays, mostArrays));
    for (uint32_t i = 0; i < arrays && !reader.failed(); ++i)
      header.entry.sizes.push_back(reader.u64());
  }
  if (reader.failed())
    return inFile(reader.status());
  std::lock_guard<std::mutex> lock(mutex);
  for (Header &header : headers) {
    std::vector<std::span<const uint8_t>> arrays;
    for (uint64_t size : header.entry.sizes)
      arrays.push_back(reader.bytes(size));
    if (reader.failed())
      return inFile(reader.status());
    if (hashOf(arrays) != header.entry.hash)
      return inFile(invalidArgument(
          "computed weights number %llu do not have their hash: the file is "
          "damaged; compile again",
          static_cast<unsigned long long>(header.id)));
    if (entries.count(header.id))
      return inFile(invalidArgument("number %llu is given twice",
                                    static_cast<unsigned long long>(header.id)));
    Entry entry;
    entry.hash = header.entry.hash;
    LOWBIT_RETURN_IF_ERROR(append(header.id, arrays, entry));
  }
  if (Status status = reader.finish(); !status.isOk())
    return inFile(status);
  return Status::success();
}

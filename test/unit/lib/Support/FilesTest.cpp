//===- FilesTest.cpp - Mapped and atomic files ----------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Support/MappedFile.h"

#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace lowbit;

namespace {

class Files : public testing::Test {
protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "lowbit-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder = pattern;
  }
  void TearDown() override {
    ::chmod(folder.c_str(), 0700);
    for (const std::string &name : list())
      ::unlink((folder + "/" + name).c_str());
    ::rmdir(folder.c_str());
  }
  std::vector<std::string> list() const {
    std::vector<std::string> names;
    if (DIR *dir = ::opendir(folder.c_str())) {
      while (dirent *entry = ::readdir(dir))
        if (std::string name = entry->d_name; name != "." && name != "..")
          names.push_back(name);
      ::closedir(dir);
    }
    return names;
  }
  std::string text(const std::string &path) const {
    auto file = MappedFile::open(path);
    EXPECT_TRUE(file.isOk());
    if (!file.isOk())
      return "";
    return {file->bytes().begin(), file->bytes().end()};
  }
  std::string folder;
};

TEST_F(Files, WritesAndMaps) {
  std::string path = folder + "/out";
  auto file = AtomicFile::create(path);
  ASSERT_TRUE(file.isOk()) << file.status().toString();
  ASSERT_TRUE(file->write("head").isOk());
  ASSERT_TRUE(file->padTo(64).isOk());
  EXPECT_EQ(file->position(), 64u);
  std::string large(3u << 20, 'x');
  ASSERT_TRUE(file->write(large).isOk());
  const uint8_t patch[] = {'H'};
  ASSERT_TRUE(file->writeAt(0, patch).isOk());
  EXPECT_FALSE(file->writeAt(file->position(), patch).isOk());
  EXPECT_NE(::access(path.c_str(), F_OK), 0) << "visible before commit";
  ASSERT_TRUE(file->commit().isOk());
  EXPECT_EQ(text(path), "Head" + std::string(60, '\0') + large);
  EXPECT_EQ(list().size(), 1u);
  struct stat info;
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  mode_t mask = ::umask(0);
  ::umask(mask);
  EXPECT_EQ(info.st_mode & 0777, 0666 & ~mask);
}

TEST_F(Files, WithoutCommitTheOldFileStays) {
  std::string path = folder + "/out";
  {
    auto file = AtomicFile::create(path);
    ASSERT_TRUE(file.isOk());
    ASSERT_TRUE(file->write("old").isOk() && file->commit().isOk());
  }
  {
    auto file = AtomicFile::create(path);
    ASSERT_TRUE(file.isOk());
    ASSERT_TRUE(file->write("new and unfinished").isOk());
  }
  EXPECT_EQ(text(path), "old");
  EXPECT_EQ(list().size(), 1u);
}

TEST_F(Files, AKilledProcessLeavesNothing) {
  int probe = ::open(folder.c_str(), O_TMPFILE | O_WRONLY, 0600);
  if (probe < 0)
    GTEST_SKIP() << folder << " knows no files without a name";
  ::close(probe);
  pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    auto file = AtomicFile::create(folder + "/out");
    // More than the buffer holds, so that some of it is written.
    if (file.isOk() && file->write(std::string(3 << 20, 'x')).isOk())
      ::kill(::getpid(), SIGKILL);
    ::_exit(1);
  }
  int result = 0;
  ASSERT_EQ(::waitpid(child, &result, 0), child);
  EXPECT_TRUE(WIFSIGNALED(result) && WTERMSIG(result) == SIGKILL) << result;
  EXPECT_TRUE(list().empty());
}

TEST_F(Files, ErrorsAreClearAndLeaveNothing) {
  auto missing = AtomicFile::create(folder + "/no/such/out");
  ASSERT_FALSE(missing.isOk());
  EXPECT_NE(missing.status().message().find("create the folder first"),
            std::string::npos);
  EXPECT_FALSE(AtomicFile::create(folder).isOk());

  auto full = AtomicFile::create("/dev/full");
  ASSERT_TRUE(full.isOk());
  Status status = full->write("x");
  if (status.isOk())
    status = full->commit();
  ASSERT_FALSE(status.isOk());
  EXPECT_EQ(status.code(), StatusCode::resourceExhausted);
  EXPECT_NE(status.message().find("/dev/full"), std::string::npos);

  if (::geteuid() != 0) {
    ::chmod(folder.c_str(), 0500);
    auto denied = AtomicFile::create(folder + "/out");
    ASSERT_FALSE(denied.isOk());
    EXPECT_NE(denied.status().message().find("Permission denied"),
              std::string::npos);
  }
  EXPECT_TRUE(list().empty());
}

TEST_F(Files, MappingErrors) {
  auto missing = MappedFile::open(folder + "/none");
  ASSERT_FALSE(missing.isOk());
  EXPECT_EQ(missing.status().code(), StatusCode::notFound);
  EXPECT_FALSE(MappedFile::open(folder).isOk());
  EXPECT_FALSE(MappedFile::open("/dev/null").isOk());
  ::close(::open((folder + "/empty").c_str(), O_CREAT | O_WRONLY, 0600));
  auto empty = MappedFile::open(folder + "/empty");
  ASSERT_TRUE(empty.isOk());
  EXPECT_TRUE(empty->bytes().empty());
}

} // namespace

//===- PictureOutput.cpp - The files of a diffusion run -------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/lowbit-run/PictureOutput.h"

#include "lowbit/Support/Hash.h"
#include "lowbit/Support/Npy.h"
#include "tools/common/Console.h"

#include <set>

#include <sys/resource.h>
#include <sys/stat.h>

using namespace lowbit;

static constexpr int64_t sheetGap = 2;
/// Descriptors that a process has besides its outputs: module, devices,
/// streams.
static constexpr uint64_t otherDescriptors = 128;

StatusOr<std::string> lowbit::hashOfFile(const std::string &path) {
  LOWBIT_ASSIGN_OR_RETURN(MappedFile file, MappedFile::open(path));
  return toHex(xxh3Wide(file.bytes()));
}

size_t lowbit::imagesWithNaN(const DenoiseState &state) {
  auto size = static_cast<size_t>(state.latentSize);
  size_t count = 0;
  for (size_t i = 0; i < state.labels.size(); ++i)
    for (float number : std::span(state.latents).subspan(i * size, size))
      if (number != number) {
        ++count;
        break;
      }
  return count;
}

//===----------------------------------------------------------------------===//
// Before the first step
//===----------------------------------------------------------------------===//

/// Files that are open at a time are limited; asks for as many as there may be.
static Status reserveDescriptors(int64_t images) {
  uint64_t wanted = static_cast<uint64_t>(images) + otherDescriptors;
  struct rlimit limit = {};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
    return {};
  if (limit.rlim_max >= wanted) {
    limit.rlim_cur = wanted;
    if (setrlimit(RLIMIT_NOFILE, &limit) == 0)
      return {};
  }
  return resourceExhausted(
      "%lld files are more than the %llu that this process "
      "may open; make a sheet (a name without %%d), an .npy "
      "file or fewer images at a time",
      static_cast<long long>(images),
      static_cast<unsigned long long>(limit.rlim_max));
}

static Status checkNames(const PictureOptions &options,
                         const std::string &stats) {
  std::set<std::string> names;
  for (const std::string &name :
       {options.output, options.dumpVelocity, options.saveState, stats})
    // /dev/null takes any number of them.
    if (!name.empty() && !name.starts_with("/dev/") &&
        !names.insert(name).second)
      return invalidArgument("two outputs are named %s", name.c_str());
  return {};
}

StatusOr<PictureOutput::File> PictureOutput::create(const std::string &path) {
  File file;
  LOWBIT_ASSIGN_OR_RETURN(file.file, AtomicFile::create(path));
  struct stat info;
  file.special = ::stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode);
  return file;
}

StatusOr<PictureOutput> PictureOutput::open(const PictureOptions &options,
                                            const std::string &stats,
                                            const DenoiseSchedule &schedule,
                                            int64_t images) {
  LOWBIT_RETURN_IF_ERROR(checkNames(options, stats));
  PictureOutput output;
  output.numbers = options.wantsNumbers();
  output.separate = options.separate();
  if (!options.output.empty() && !output.numbers) {
    LOWBIT_RETURN_IF_ERROR(
        checkDrawable(schedule.channels, schedule.height, schedule.width));
    if (!output.separate)
      LOWBIT_RETURN_IF_ERROR(checkSheet(images, schedule.height, schedule.width,
                                        sheetColumns(images), sheetGap));
  }
  int64_t files = options.output.empty() ? 0 : output.separate ? images : 1;
  LOWBIT_RETURN_IF_ERROR(reserveDescriptors(files));
  for (int64_t i = 0; i < files; ++i) {
    LOWBIT_ASSIGN_OR_RETURN(File file, create(options.fileOfImage(i)));
    output.images.push_back(std::move(file));
  }
  if (!options.dumpVelocity.empty()) {
    LOWBIT_ASSIGN_OR_RETURN(output.velocity, create(options.dumpVelocity));
  }
  output.statsToConsole = stats == "-";
  if (!stats.empty() && !output.statsToConsole) {
    LOWBIT_ASSIGN_OR_RETURN(output.stats, create(stats));
  }
  // Only to learn whether it can be written.
  if (!options.saveState.empty())
    LOWBIT_RETURN_IF_ERROR(AtomicFile::create(options.saveState).status());
  return output;
}

//===----------------------------------------------------------------------===//
// After the last step
//===----------------------------------------------------------------------===//

Status PictureOutput::write(File &file, std::span<const uint8_t> bytes) {
  LOWBIT_RETURN_IF_ERROR(file.file.write(bytes));
  file.written = true;
  // Empties the file's buffer, so that a full disk is known before any file has
  // its name.
  return file.special ? Status() : file.file.writeAt(file.file.position(), {});
}

Status PictureOutput::writeNumbers(File &file, std::span<const float> numbers,
                                   std::span<const int64_t> shape) {
  LOWBIT_RETURN_IF_ERROR(file.file.write(npyHeader("f4", shape)));
  return write(file, {reinterpret_cast<const uint8_t *>(numbers.data()),
                      numbers.size_bytes()});
}

Status PictureOutput::writePictures(const PictureOrigin &origin) {
  const DenoiseState &state = *origin.state;
  const DenoiseSchedule &schedule = *origin.module->schedule();
  auto size = static_cast<size_t>(state.latentSize);
  std::vector<Picture> pictures;
  for (size_t i = 0; i < state.labels.size(); ++i) {
    LOWBIT_ASSIGN_OR_RETURN(
        Picture picture,
        pictureOfNumbers(std::span(state.latents).subspan(i * size, size),
                         static_cast<unsigned>(schedule.channels),
                         schedule.height, schedule.width));
    pictures.push_back(std::move(picture));
  }
  if (!separate) {
    LOWBIT_ASSIGN_OR_RETURN(
        Picture sheet,
        contactSheet(pictures,
                     sheetColumns(static_cast<int64_t>(pictures.size())),
                     sheetGap));
    LOWBIT_ASSIGN_OR_RETURN(
        std::vector<uint8_t> bytes,
        encodePng(sheet, textOf(origin, 0, pictures.size())));
    return write(images.front(), bytes);
  }
  for (size_t i = 0; i < pictures.size(); ++i) {
    LOWBIT_ASSIGN_OR_RETURN(std::vector<uint8_t> bytes,
                            encodePng(pictures[i], textOf(origin, i, 1)));
    LOWBIT_RETURN_IF_ERROR(write(images[i], bytes));
  }
  return {};
}

Status PictureOutput::writeImages(const PictureOrigin &origin,
                                  std::span<const int64_t> shape) {
  if (images.empty())
    return {};
  return numbers ? writeNumbers(images.front(), origin.state->latents, shape)
                 : writePictures(origin);
}

Status PictureOutput::writeVelocity(std::span<const float> values,
                                    std::span<const int64_t> shape) {
  return writeNumbers(velocity, values, shape);
}

Status PictureOutput::writeStats(std::string text) {
  statsText = std::move(text);
  if (statsToConsole)
    return {};
  return write(stats, {reinterpret_cast<const uint8_t *>(statsText.data()),
                       statsText.size()});
}

Status PictureOutput::commit() {
  std::vector<File *> files = {&velocity, &stats};
  for (File &file : images)
    files.push_back(&file);
  // Devices and pipes first: nothing can be taken back from them, but their
  // writes can still fail.
  if (statsToConsole)
    LOWBIT_RETURN_IF_ERROR(printText(statsText));
  for (bool special : {true, false})
    for (File *file : files)
      if (file->written && file->special == special)
        LOWBIT_RETURN_IF_ERROR(file->file.commit());
  return {};
}

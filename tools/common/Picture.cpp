//===- Picture.cpp - Pictures and PNG files -------------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/common/Picture.h"

#include "lowbit/Support/CheckedMath.h"
#include "lowbit/Support/MappedFile.h"

#include <algorithm>
#include <cmath>
#include <csetjmp>

#include <png.h>

using namespace lowbit;

/// libpng's own limit for one side of a picture, and ours for all of it.
static constexpr int64_t largestSide = 1000000;
static constexpr int64_t mostPixels = int64_t(1) << 28;

static Status checkSize(int64_t width, int64_t height) {
  if (width < 1 || height < 1 || width > largestSide || height > largestSide ||
      width * height > mostPixels)
    return invalidArgument("a picture of %lld x %lld pixels cannot be made; 1 to "
                           "%lld a side and %lld in all are possible",
                           static_cast<long long>(width),
                           static_cast<long long>(height),
                           static_cast<long long>(largestSide),
                           static_cast<long long>(mostPixels));
  return {};
}

//===----------------------------------------------------------------------===//
// Pixels
//===----------------------------------------------------------------------===//

static uint8_t pixelOf(float x) {
  if (!(x == x))
    return 0;
  float scaled = (std::clamp(x, -1.0f, 1.0f) + 1.0f) * 127.5f;
  return static_cast<uint8_t>(std::nearbyint(scaled));
}

Status lowbit::checkDrawable(int64_t channels, int64_t height, int64_t width) {
  LOWBIT_RETURN_IF_ERROR(checkSize(width, height));
  if (channels != 1 && channels != 3)
    return unimplemented("images of %lld channels cannot be drawn; write the "
                         "numbers with -o FILE.npy",
                         static_cast<long long>(channels));
  return {};
}

StatusOr<Picture> lowbit::pictureOfNumbers(std::span<const float> numbers,
                                           unsigned channels, int64_t height,
                                           int64_t width) {
  LOWBIT_RETURN_IF_ERROR(checkDrawable(channels, height, width));
  size_t plane = static_cast<size_t>(height) * static_cast<size_t>(width);
  if (numbers.size() != plane * channels)
    return internalError("a picture of %zu pixels is given %zu numbers", plane,
                         numbers.size());
  Picture picture(width, height, channels);
  for (unsigned c = 0; c < channels; ++c)
    for (size_t i = 0; i < plane; ++i)
      picture.pixels[i * channels + c] = pixelOf(numbers[c * plane + i]);
  return picture;
}

int64_t lowbit::sheetColumns(int64_t count) {
  if (count <= 10)
    return std::max<int64_t>(count, 1);
  if (count % 10 == 0)
    return 10;
  return static_cast<int64_t>(std::ceil(std::sqrt(static_cast<double>(count))));
}

static int64_t rowsOf(int64_t count, int64_t columns) {
  return count / columns + (count % columns != 0);
}

Status lowbit::checkSheet(int64_t count, int64_t height, int64_t width,
                          int64_t columns, int64_t gap) {
  if (count < 1 || columns < 1 || gap < 0 || gap > largestSide)
    return internalError("a sheet needs pictures, columns and a gap");
  columns = std::min(columns, count);
  LOWBIT_RETURN_IF_ERROR(checkSize(width, height));
  std::optional<int64_t> across = checkedMul(columns, width + gap);
  std::optional<int64_t> down = checkedMul(rowsOf(count, columns), height + gap);
  if (!across || !down)
    return invalidArgument("a sheet of %lld pictures is too large",
                           static_cast<long long>(count));
  return checkSize(*across - gap, *down - gap);
}

StatusOr<Picture> lowbit::contactSheet(std::span<const Picture> pictures,
                                       int64_t columns, int64_t gap) {
  if (pictures.empty())
    return internalError("a sheet needs pictures");
  const Picture &first = pictures.front();
  auto count = static_cast<int64_t>(pictures.size());
  LOWBIT_RETURN_IF_ERROR(
      checkSheet(count, first.height, first.width, columns, gap));
  columns = std::min(columns, count);
  int64_t rows = rowsOf(count, columns);
  Picture sheet(columns * (first.width + gap) - gap,
                rows * (first.height + gap) - gap, first.channels, 255);
  for (int64_t i = 0; i < count; ++i) {
    const Picture &one = pictures[static_cast<size_t>(i)];
    if (one.width != first.width || one.height != first.height ||
        one.channels != first.channels)
      return internalError("the pictures of a sheet differ in size");
    int64_t top = i / columns * (first.height + gap);
    int64_t left = i % columns * (first.width + gap);
    int64_t rowBytes = one.width * one.channels;
    for (int64_t y = 0; y < one.height; ++y)
      std::copy_n(one.pixels.begin() + y * rowBytes, rowBytes,
                  sheet.pixels.begin() +
                      ((top + y) * sheet.width + left) * sheet.channels);
  }
  return sheet;
}

//===----------------------------------------------------------------------===//
// PNG. libpng reports errors by longjmp, so the functions between setjmp and the
// calls hold nothing that needs a destructor.
//===----------------------------------------------------------------------===//

namespace {

struct PngOutput {
  std::vector<uint8_t> bytes;
  std::string error;
};

} // namespace

static void onError(png_structp png, png_const_charp message) {
  static_cast<PngOutput *>(png_get_error_ptr(png))->error = message;
  png_longjmp(png, 1);
}
static void onWarning(png_structp, png_const_charp) {}

static void appendBytes(png_structp png, png_bytep data, png_size_t size) {
  auto *output = static_cast<PngOutput *>(png_get_io_ptr(png));
  output->bytes.insert(output->bytes.end(), data, data + size);
}
static void flushNothing(png_structp) {}

/// Everything after setjmp. `texts` and `rows` belong to the caller.
static bool writeStructure(png_structp png, png_infop info,
                           const Picture &picture,
                           std::vector<png_text> &texts,
                           std::vector<png_bytep> &rows) {
  if (setjmp(png_jmpbuf(png)))
    return false;
  png_set_IHDR(png, info, static_cast<png_uint_32>(picture.width),
               static_cast<png_uint_32>(picture.height), 8,
               picture.channels == 1 ? PNG_COLOR_TYPE_GRAY : PNG_COLOR_TYPE_RGB,
               PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
               PNG_FILTER_TYPE_DEFAULT);
  // Fixed, so that the bytes do not follow a default of the library.
  png_set_compression_level(png, 9);
  png_set_filter(png, PNG_FILTER_TYPE_BASE, PNG_FILTER_NONE);
  if (!texts.empty())
    png_set_text(png, info, texts.data(), static_cast<int>(texts.size()));
  png_write_info(png, info);
  png_write_image(png, rows.data());
  png_write_end(png, nullptr);
  return true;
}

static bool isPlainText(const std::string &text) {
  return std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return c == '\n' || (c >= 0x20 && c < 0x7f);
  });
}

StatusOr<std::vector<uint8_t>> lowbit::encodePng(const Picture &picture,
                                                 const PictureText &text) {
  LOWBIT_RETURN_IF_ERROR(checkSize(picture.width, picture.height));
  std::vector<png_text> texts;
  for (const auto &[keyword, value] : text) {
    png_text one = {};
    bool plain = isPlainText(value);
    one.compression =
        plain ? PNG_TEXT_COMPRESSION_NONE : PNG_ITXT_COMPRESSION_NONE;
    one.key = const_cast<char *>(keyword.c_str());
    one.text = const_cast<char *>(value.c_str());
    (plain ? one.text_length : one.itxt_length) = value.size();
    texts.push_back(one);
  }
  std::vector<png_bytep> rows;
  size_t rowBytes = static_cast<size_t>(picture.width) * picture.channels;
  for (int64_t y = 0; y < picture.height; ++y)
    rows.push_back(const_cast<png_bytep>(picture.pixels.data()) + y * rowBytes);

  PngOutput output;
  png_structp png =
      png_create_write_struct(PNG_LIBPNG_VER_STRING, &output, onError, onWarning);
  png_infop info = png ? png_create_info_struct(png) : nullptr;
  bool good = false;
  if (info) {
    png_set_write_fn(png, &output, appendBytes, flushNothing);
    good = writeStructure(png, info, picture, texts, rows);
  }
  png_destroy_write_struct(&png, &info);
  if (!good)
    return internalError("cannot encode the picture: %s",
                         output.error.empty() ? "out of memory"
                                              : output.error.c_str());
  return std::move(output.bytes);
}

Status lowbit::writePng(const std::string &path, const Picture &picture,
                        const PictureText &text) {
  LOWBIT_ASSIGN_OR_RETURN(std::vector<uint8_t> bytes, encodePng(picture, text));
  LOWBIT_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::create(path));
  LOWBIT_RETURN_IF_ERROR(file.write(bytes));
  return file.commit();
}

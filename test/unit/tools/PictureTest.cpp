//===- PictureTest.cpp ----------------------------------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/common/Picture.h"

#include <cmath>
#include <limits>
#include <string_view>

#include <gtest/gtest.h>
#include <png.h>

using namespace lowbit;

namespace {

/// The pixels of a PNG file as libpng reads them.
Picture decode(const std::vector<uint8_t> &bytes, unsigned channels) {
  png_image image = {};
  image.version = PNG_IMAGE_VERSION;
  EXPECT_TRUE(png_image_begin_read_from_memory(&image, bytes.data(), bytes.size()))
      << image.message;
  EXPECT_EQ(image.format & PNG_FORMAT_FLAG_COLOR ? 3u : 1u, channels);
  image.format = channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
  Picture picture(image.width, image.height, channels);
  EXPECT_TRUE(png_image_finish_read(&image, nullptr, picture.pixels.data(), 0,
                                    nullptr))
      << image.message;
  return picture;
}

TEST(Picture, NumbersBecomePixels) {
  float nan = std::numeric_limits<float>::quiet_NaN();
  std::vector<float> numbers = {-1, 1, 0, -7, 9, nan, 0.99f, INFINITY, -0.9961f};
  StatusOr<Picture> picture = pictureOfNumbers(numbers, 1, 3, 3);
  ASSERT_TRUE(picture.isOk());
  // 0 is 127.5, which rounds to the even 128.
  EXPECT_EQ(picture->pixels,
            (std::vector<uint8_t>{0, 255, 128, 0, 255, 0, 254, 255, 0}));
}

TEST(Picture, ColorPlanesAreInterleaved) {
  std::vector<float> numbers = {-1, 1, 1, -1, 0, 0};
  StatusOr<Picture> picture = pictureOfNumbers(numbers, 3, 1, 2);
  ASSERT_TRUE(picture.isOk());
  EXPECT_EQ(picture->pixels, (std::vector<uint8_t>{0, 255, 128, 255, 0, 128}));
}

TEST(Picture, OtherChannelsAreRefused) {
  std::vector<float> numbers(4);
  EXPECT_EQ(pictureOfNumbers(numbers, 4, 1, 1).status().message(),
            "images of 4 channels cannot be drawn; write the numbers with "
            "-o FILE.npy");
}

TEST(Picture, PngKeepsPixelsAndText) {
  for (unsigned channels : {1u, 3u}) {
    Picture picture(37, 5, channels);
    for (size_t i = 0; i < picture.pixels.size(); ++i)
      picture.pixels[i] = static_cast<uint8_t>(i * 31);
    PictureText text = {{"Software", "lowbit"}, {"class", "W\xc3\xbcrfel"}};
    StatusOr<std::vector<uint8_t>> bytes = encodePng(picture, text);
    ASSERT_TRUE(bytes.isOk()) << bytes.status().toString();
    EXPECT_EQ(decode(*bytes, channels).pixels, picture.pixels);
    std::string_view raw(reinterpret_cast<const char *>(bytes->data()),
                         bytes->size());
    EXPECT_NE(raw.find(std::string_view("tEXtSoftware\0lowbit", 19)), raw.npos);
    EXPECT_NE(raw.find(std::string_view("iTXtclass\0\0\0\0\0W\xc3\xbcrfel", 21)),
              raw.npos);
    EXPECT_EQ(*encodePng(picture, text), *bytes);
  }
}

TEST(Picture, SizesThatCannotBeAreRefused) {
  EXPECT_FALSE(encodePng(Picture(0, 4, 1), {}).isOk());
  Picture huge;
  huge.width = huge.height = 1000000;
  EXPECT_FALSE(encodePng(huge, {}).isOk());
}

TEST(Picture, WhatCannotBeDrawnIsKnownBefore) {
  EXPECT_TRUE(checkDrawable(1, 8, 8).isOk());
  EXPECT_TRUE(checkDrawable(3, 8, 8).isOk());
  EXPECT_EQ(checkDrawable(2, 8, 8).message(),
            "images of 2 channels cannot be drawn; write the numbers with "
            "-o FILE.npy");
  EXPECT_FALSE(checkDrawable(1, 1000001, 1).isOk());
  // 100 rows of 10 pictures of 10000 pixels are 10^6 pixels high with the gaps off.
  EXPECT_TRUE(checkSheet(1000, 10000, 8, 10, 0).isOk());
  EXPECT_EQ(checkSheet(1000, 10000, 8, 10, 2).message(),
            "a picture of 98 x 1000198 pixels cannot be made; 1 to 1000000 a side "
            "and 268435456 in all are possible");
  EXPECT_FALSE(checkSheet(INT64_MAX, 10000, 8, 10, 2).isOk());
  EXPECT_FALSE(checkSheet(1000, 10000, 300, 10, 0).isOk());
}

TEST(Picture, SheetPlacesPicturesInRows) {
  std::vector<Picture> pictures;
  for (uint8_t i = 0; i < 5; ++i)
    pictures.emplace_back(2, 1, 1, i);
  StatusOr<Picture> sheet = contactSheet(pictures, 3, 1);
  ASSERT_TRUE(sheet.isOk());
  EXPECT_EQ(sheet->width, 8);
  EXPECT_EQ(sheet->height, 3);
  EXPECT_EQ(sheet->pixels,
            (std::vector<uint8_t>{0,   0,   255, 1,   1,   255, 2,   2,
                                  255, 255, 255, 255, 255, 255, 255, 255,
                                  3,   3,   255, 4,   4,   255, 255, 255}));
  EXPECT_EQ(sheetColumns(1), 1);
  EXPECT_EQ(sheetColumns(10), 10);
  EXPECT_EQ(sheetColumns(16), 4);
  EXPECT_EQ(sheetColumns(60), 10);
}

} // namespace

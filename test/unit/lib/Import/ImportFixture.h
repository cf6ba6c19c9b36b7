//===- ImportFixture.h - Shared by the import tests ----------- -*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TEST_UNIT_LIB_IMPORT_IMPORTFIXTURE_H
#define LOWBIT_TEST_UNIT_LIB_IMPORT_IMPORTFIXTURE_H

#include "lib/Import/ModelImporter.h"
#include "test/unit/lib/Import/TestFolder.h"

#include "lowbit/Packing/Layouts.h"
#include "lowbit/Packing/Pack.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>

namespace mlir::lowbit::test {

class ImportTest : public ::testing::Test {
protected:
  ImportTest() {
    context
        .loadDialect<LowbitDialect, arith::ArithDialect, func::FuncDialect>();
    context.allowUnregisteredDialects(false);
  }

  /// Imports without a tokenizer; fails the test on an error.
  ImportedModel import(const std::string &path, int64_t maxContext = 0) {
    ImportOptions options;
    options.maxContext = maxContext;
    options.readTokenizer = false;
    auto model = importModel(path, options, context);
    EXPECT_TRUE(model.isOk()) << model.status().toString();
    return model.isOk() ? std::move(model).value() : ImportedModel();
  }
  /// The error of an import that must fail.
  std::string importError(const std::string &path) {
    ImportOptions options;
    options.readTokenizer = false;
    auto model = importModel(path, options, context);
    return model.isOk() ? "no error" : model.status().toString();
  }

  OwningOpRef<ModuleOp> parse(StringRef text) {
    return parseSourceString<ModuleOp>(text, &context);
  }
  static std::string print(ModuleOp module) {
    std::string text;
    llvm::raw_string_ostream stream(text);
    module.print(stream);
    return text;
  }

  /// Decoded values of a parameter, row-major.
  static std::vector<float> decoded(const ParameterArchive &archive,
                                    ParamOp param, unsigned threads = 1) {
    ComponentBytes components;
    ::lowbit::Status status =
        archive.materialize(param, components, {.threads = threads});
    EXPECT_TRUE(status.isOk()) << status.toString();
    if (!status.isOk())
      return {};
    auto tensor = dyn_cast<LowbitTensorType>(param.getType());
    if (!tensor) {
      std::vector<float> values(components[0].size() / sizeof(float));
      std::memcpy(values.data(), components[0].data(), components[0].size());
      return values;
    }
    auto leaf = tensor.getLeafDesc();
    EXPECT_TRUE(leaf.isOk());
    std::vector<std::span<const uint8_t>> views(components.begin(),
                                                components.end());
    std::vector<float> values(leaf->rows * leaf->columns);
    for (int64_t row = 0; row < leaf->rows; ++row) {
      ::lowbit::Status decodes = ::lowbit::decodeRow(
          *leaf, views, row,
          std::span(values).subspan(row * leaf->columns, leaf->columns));
      EXPECT_TRUE(decodes.isOk()) << decodes.toString();
    }
    return values;
  }

  /// Gives a parameter the rows-in-lanes layout, as the encode phase does.
  void useRowsInLanes(ParamOp param) {
    auto type = cast<LowbitTensorType>(param.getType());
    auto leaf = type.getLeafDesc();
    ASSERT_TRUE(leaf.isOk());
    leaf->fields.clear();
    ASSERT_TRUE(::lowbit::applyRowsInLanesLayout(*leaf).isOk());
    param.setType(LowbitTensorType::get(
        &context, type.getShape(), type.getElementType(),
        getLeafAttr(&context, *leaf, /*withLayout=*/true)));
  }

  static ParamOp paramOf(ModuleOp module, StringRef name) {
    auto param = module.lookupSymbol<ParamOp>(name);
    EXPECT_TRUE(param) << name.str();
    return param;
  }

  MLIRContext context;
};

} // namespace mlir::lowbit::test

#endif // LOWBIT_TEST_UNIT_LIB_IMPORT_IMPORTFIXTURE_H

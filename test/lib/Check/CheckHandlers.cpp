//===- CheckHandlers.cpp - How the interpreter tests expectations ---------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/lib/Check/Check.h"

#include "lib/Reference/Interpreter.h"
#include "lib/Reference/Operations.h"

#include <bit>
#include <cmath>

using llvm::ArrayRef;
using llvm::SmallVectorImpl;

namespace lowbit::check {

using reference::Tensor;
using reference::Value;

/// The dense tensor to compare; compressed tensors are decoded.
static StatusOr<Tensor> comparable(const Value &value) {
  if (value.tensor)
    return *value.tensor;
  if (value.compressed)
    return reference::decode(*value.compressed);
  return unimplemented("caches cannot be compared");
}

/// "[1, 2]", the index of element `position`.
static std::string indexText(const Tensor &tensor, int64_t position) {
  llvm::SmallVector<int64_t> index(tensor.shape.size());
  for (size_t dim = index.size(); dim-- > 0;) {
    index[dim] = position % tensor.shape[dim];
    position /= tensor.shape[dim];
  }
  std::string text = "[";
  for (size_t dim = 0; dim < index.size(); ++dim)
    text += (dim ? ", " : "") + std::to_string(index[dim]);
  return text + "]";
}

static bool sameBits(float a, float b) {
  return (std::isnan(a) && std::isnan(b)) ||
         std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b);
}

static bool isClose(float a, float b, double tolerance) {
  if (std::isnan(a) || std::isnan(b))
    return std::isnan(a) && std::isnan(b);
  if (std::isinf(a) || std::isinf(b))
    return a == b;
  const double limit = tolerance * std::fmax(1.0, std::fabs(double(b)));
  return std::fabs(double(a) - double(b)) <= limit;
}

/// Reports the first element for which `matches` is false, and how many.
static void compare(mlir::Operation *op, const Tensor &actual,
                    const Tensor &expected, CheckReport &report,
                    llvm::function_ref<bool(float, float)> matches) {
  ++report.checked;
  if (actual.shape != expected.shape || actual.element != expected.element) {
    ++report.failed;
    op->emitError() << "expectation failed: got " << actual.typeName()
                    << ", expected " << expected.typeName();
    return;
  }
  int64_t wrong = 0, first = -1;
  for (int64_t i = 0; i < actual.size(); ++i) {
    const bool good = reference::isFloat(actual.element)
                          ? matches(actual.floats[i], expected.floats[i])
                          : actual.integers[i] == expected.integers[i];
    if (!good && wrong++ == 0)
      first = i;
  }
  if (wrong == 0)
    return;
  ++report.failed;
  auto text = [&](const Tensor &tensor) {
    return reference::isFloat(tensor.element)
               ? formatString("%.9g (%a)", double(tensor.floats[first]),
                              double(tensor.floats[first]))
               : std::to_string(tensor.integers[first]);
  };
  op->emitError() << "expectation failed: " << wrong << " of " << actual.size()
                  << " elements differ; at " << indexText(actual, first)
                  << " got " << text(actual) << ", expected "
                  << text(expected);
}

void registerHandlers(reference::Interpreter &interpreter,
                      CheckReport &report) {
  auto run = [&report](mlir::Operation *op, ArrayRef<Value> operands,
                       llvm::function_ref<bool(float, float)> matches) {
    StatusOr<Tensor> actual = comparable(operands[0]);
    StatusOr<Tensor> expected = comparable(operands[1]);
    if (!actual.isOk())
      return std::move(actual).status();
    if (!expected.isOk())
      return std::move(expected).status();
    compare(op, *actual, *expected, report, matches);
    return Status::success();
  };
  interpreter.registerHandler(
      ExpectEqOp::getOperationName(),
      [run](mlir::Operation *op, ArrayRef<Value> operands,
            SmallVectorImpl<Value> &) { return run(op, operands, sameBits); });
  interpreter.registerHandler(
      ExpectCloseOp::getOperationName(),
      [run](mlir::Operation *op, ArrayRef<Value> operands,
            SmallVectorImpl<Value> &) {
        const double tolerance = llvm::cast<ExpectCloseOp>(op)
                                     .getTolerance()
                                     .convertToDouble();
        return run(op, operands, [tolerance](float a, float b) {
          return isClose(a, b, tolerance);
        });
      });
}

} // namespace lowbit::check

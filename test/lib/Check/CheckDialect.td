//===- CheckDialect.td - Expectations inside test programs -*- tablegen -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TEST_LIB_CHECK_CHECKDIALECT_TD
#define TEST_LIB_CHECK_CHECKDIALECT_TD

include "mlir/IR/OpBase.td"

def Check_Dialect : Dialect {
  let name = "check";
  let cppNamespace = "::lowbit::check";
  let summary = "expectations that lowbit-interpret tests while it runs";
  let description = [{
    Exists in builds with tests only. A failed expectation is reported as an error
    at the op; the program goes on and lowbit-interpret exits with 4.
  }];
}

class Check_Op<string mnemonic, list<Trait> traits = []>
    : Op<Check_Dialect, mnemonic, traits>;

def Check_ExpectEqOp : Check_Op<"expect_eq", [AllTypesMatch<["actual", "expected"]>]> {
  let summary = "two values have the same bits";
  let description = [{
    Clause N19: any NaN equals any NaN; +0.0 and -0.0 differ. Compressed tensors are
    compared decoded.

    ```mlir
    check.expect_eq %a, %b : tensor<2x3xf32>
    ```
  }];
  let arguments = (ins AnyType:$actual, AnyType:$expected);
  let assemblyFormat = "$actual `,` $expected attr-dict `:` type($actual)";
}

def Check_ExpectCloseOp : Check_Op<"expect_close",
    [AllTypesMatch<["actual", "expected"]>]> {
  let summary = "two f32 tensors differ by at most a tolerance";
  let description = [{
    `|actual - expected| <= tolerance * max(1, |expected|)` for each element; NaN is
    close to NaN only.

    ```mlir
    check.expect_close %a, %b tolerance 1.000000e-06 : tensor<2x3xf32>
    ```
  }];
  let arguments = (ins AnyType:$actual, AnyType:$expected, F64Attr:$tolerance);
  let assemblyFormat = [{
    $actual `,` $expected `tolerance` $tolerance attr-dict `:` type($actual)
  }];
}

#endif // TEST_LIB_CHECK_CHECKDIALECT_TD

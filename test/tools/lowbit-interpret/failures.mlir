// What fails, with which text and which exit status.


// RUN: sh -c 'lowbit-interpret %s --function=checks; test $? -eq 4' 2>&1 | FileCheck %s --check-prefix=CHECKS
// CHECKS: failures.mlir:[[# @LINE + 9]]:3: error: expectation failed: 1 of 2 elements differ; at [1] got 2 (0x1p+1), expected 3 (0x1.8p+1)
// CHECKS: failures.mlir:[[# @LINE + 9]]:3: error: expectation failed: 2 of 2 elements differ; at [0] got 1 (0x1p+0), expected 1.5 (0x1.8p+0)
// CHECKS: lowbit-interpret: 2 of 5 checks failed
func.func @checks() {
  %a = arith.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %b = arith.constant dense<[1.0, 3.0]> : tensor<2xf32>
  %c = arith.constant dense<[1.5, 2.5]> : tensor<2xf32>
  %n = arith.constant dense<[0x7FC00000, 0xFFC00001]> : tensor<2xf32>
  %m = arith.constant dense<[0x7FC00001, 0x7FC00000]> : tensor<2xf32>
  check.expect_eq %a, %b : tensor<2xf32>
  check.expect_close %a, %c tolerance 0.1 : tensor<2xf32>
  check.expect_close %a, %c tolerance 0.5 : tensor<2xf32>
  check.expect_eq %n, %m : tensor<2xf32>
  check.expect_eq %a, %a : tensor<2xf32>
  return
}

// RUN: not lowbit-interpret %s --function=absent 2>&1 | FileCheck %s --check-prefix=ABSENT
// ABSENT: error: function 'absent' does not exist in the module

// RUN: not lowbit-interpret %s --function=negate 2>&1 | FileCheck %s --check-prefix=COUNT
// COUNT: error: function 'negate' takes 1 inputs, got 0
// RUN: not lowbit-interpret %s --function=negate --input=2x3xf32=1 2>&1 | FileCheck %s --check-prefix=SHAPE
// SHAPE: error: input 0 is 2x3xf32, the function takes tensor<?x2xf32>
// RUN: not lowbit-interpret %s --function=negate --input=2x2xi32=1 2>&1 | FileCheck %s --check-prefix=ELEMENT
// ELEMENT: error: input 0 is 2x2xi32, the function takes tensor<?x2xf32>
// RUN: not lowbit-interpret %s --function=negate --input=2x2xf32=1,2,3 2>&1 | FileCheck %s --check-prefix=NUMBERS
// NUMBERS: error: input 2x2xf32: 3 numbers where 4 are needed
// RUN: not lowbit-interpret %s --function=negate --input=2x2xf32=a 2>&1 | FileCheck %s --check-prefix=NUMBER
// NUMBER: error: 'a' is not a number of type f32
// RUN: not lowbit-interpret %s --function=negate --input=2x2xf9=1 2>&1 | FileCheck %s --check-prefix=TYPE
// TYPE: error: input '2x2xf9=1': expected a type such as 2x3xf32 or i64
// RUN: not lowbit-interpret %s --function=negate --input=99999999999x99999999999xf32=1 2>&1 | FileCheck %s --check-prefix=SIZE
// SIZE: error: input '99999999999x99999999999xf32=1': the tensor is too large
// RUN: not lowbit-interpret %s --function=negate --input=1 2>&1 | FileCheck %s --check-prefix=SYNTAX
// SYNTAX: error: input '1': expected TYPE=NUMBERS
// RUN: not lowbit-interpret %s --function=negate --input=@%t.absent.npy 2>&1 | FileCheck %s --check-prefix=FILE
// FILE: error: {{.*}}absent.npy
func.func @negate(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
  // RUN: not lowbit-interpret %s --function=negate --input=1x2xf32=1 2>&1 | FileCheck %s --check-prefix=UNKNOWN
  // UNKNOWN: error: 'arith.negf' is not known to the reference interpreter
  // UNKNOWN: note: in 'arith.negf' at loc({{.*}}failures.mlir
  %0 = arith.negf %x : tensor<?x2xf32>
  return %0 : tensor<?x2xf32>
}

lowbit.param @unbound : tensor<2xf32>
// RUN: not lowbit-interpret %s --function=unbound_param 2>&1 | FileCheck %s --check-prefix=UNBOUND
// UNBOUND: error: {{.*}}unbound
func.func @unbound_param() -> tensor<2xf32> {
  %0 = lowbit.get_param @unbound : tensor<2xf32>
  return %0 : tensor<2xf32>
}

// RUN: not lowbit-interpret %s --function=ids --input=2xi32=1,4 2>&1 | FileCheck %s --check-prefix=IDS
// IDS: error: gather_rows: id 4 at position 1, the table has 4 rows
// RUN: not lowbit-interpret %s --function=ids --input=2xi32=-1 2>&1 | FileCheck %s --check-prefix=NEGATIVE
// NEGATIVE: error: gather_rows: id -1 at position 0, the table has 4 rows
func.func @ids(%ids: tensor<?xi32>) -> tensor<?x2xf32> {
  %c = arith.constant dense<1> : tensor<4x2xi8>
  %t = lowbit.assemble %c : (tensor<4x2xi8>) -> !lowbit.tensor<4x2xf32, #lowbit.leaf<int<8>>>
  %y = lowbit.gather_rows %t, %ids : !lowbit.tensor<4x2xf32, #lowbit.leaf<int<8>>>, tensor<?xi32> -> tensor<?x2xf32>
  return %y : tensor<?x2xf32>
}

// A ternary code of two bits has no -2.
// RUN: not lowbit-interpret %s --function=code --input=1x2xi8=1,2 2>&1 | FileCheck %s --check-prefix=CODE
// CODE: error: codes: number -2 at position 1 is outside -1:1
func.func @code(%c: tensor<1x2xi8>) -> tensor<1x2xf32> {
  %t = lowbit.assemble %c : (tensor<1x2xi8>) -> !lowbit.tensor<1x2xf32, #lowbit.leaf<ternary>>
  %y = lowbit.decode %t : !lowbit.tensor<1x2xf32, #lowbit.leaf<ternary>> -> tensor<1x2xf32>
  return %y : tensor<1x2xf32>
}

// RUN: not lowbit-interpret %s --function=rotate --input=2x4xf32=1 --input=i64=3 2>&1 | FileCheck %s --check-prefix=ROPE
// ROPE: error: rope: 2 rows from position 3 in a table of 4
// RUN: not lowbit-interpret %s --function=rotate --input=2x4xf32=1 --input=i64=-1 2>&1 | FileCheck %s --check-prefix=ROPELOW
// ROPELOW: error: rope: 2 rows from position -1 in a table of 4
func.func @rotate(%x: tensor<?x4xf32>, %p: i64) -> tensor<?x4xf32> {
  %t = arith.constant dense<1.0> : tensor<4x2x2xf32>
  %y = lowbit.rope half %x table %t at %p heads 1 : tensor<?x4xf32>, tensor<4x2x2xf32>
  return %y : tensor<?x4xf32>
}

lowbit.kv_cache @kv slots 1 : !lowbit.kv<1x4xf32>
lowbit.block @append(%x: tensor<?x4xf32>, %p: i64, %kv: !lowbit.kv<1x4xf32>) -> tensor<?x4xf32>
    attributes {num_params = 0 : i64, num_states = 1 : i64} {
  lowbit.kv.append %kv, %x, %x at %p : !lowbit.kv<1x4xf32>, tensor<?x4xf32>
  %y = lowbit.attention causal %x cache %kv at %p : !lowbit.kv<1x4xf32> heads 1 scale 1.0 : tensor<?x4xf32>
  lowbit.return %y : tensor<?x4xf32>
}
// RUN: not lowbit-interpret %s --function=hole --input=1x4xf32=1 --input=i64=1 2>&1 | FileCheck %s --check-prefix=HOLE
// HOLE: error: kv.append: position 1 in a cache of 0 positions leaves a hole
func.func @hole(%x: tensor<?x4xf32>, %p: i64) -> tensor<?x4xf32> {
  %y = lowbit.layer @append(%x, %p) state @kv[0] : (tensor<?x4xf32>, i64) -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// RUN: not lowbit-interpret %s --function=endless 2>&1 | FileCheck %s --check-prefix=ENDLESS
// ENDLESS: error: calls are nested deeper than 200
func.func @endless() {
  call @endless() : () -> ()
  return
}

// RUN: not lowbit-interpret %s --function=huge 2>&1 | FileCheck %s --check-prefix=HUGE
// HUGE: error: a tensor of 1099511627776 elements
func.func @huge() -> tensor<1099511627776xf32> {
  %0 = arith.constant dense<1.0> : tensor<1099511627776xf32>
  return %0 : tensor<1099511627776xf32>
}

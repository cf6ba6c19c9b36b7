// Inputs as text and files; results as text and files.

// RUN: lowbit-interpret %s --function=same --input=2x3xf32="1 2.5,-3 1e-45 inf nan" | FileCheck %s --check-prefix=TEXT
// TEXT: 2x3xf32=1 2.5 -3 1e-45 inf nan
// RUN: lowbit-interpret %s --function=same --input=2x3xf32=0.1 --output=@%t.npy | count 0
// RUN: lowbit-interpret %s --function=same --input=@%t.npy | FileCheck %s --check-prefix=FILE
// FILE: 2x3xf32=0.1 0.1 0.1 0.1 0.1 0.1
func.func @same(%x: tensor<?x3xf32>) -> tensor<?x3xf32> {
  return %x : tensor<?x3xf32>
}

// RUN: lowbit-interpret %s --function=several --input=3xi8=255,-1,127 --input=i64=-7 --input=2xf16=0.1 | FileCheck %s --check-prefix=SEVERAL
// SEVERAL: 3xi8=-1 -1 127
// SEVERAL-NEXT: i64=-7
// SEVERAL-NEXT: 2xf16=0.0999755
func.func @several(%a: tensor<3xi8>, %b: i64, %c: tensor<2xf16>) -> (tensor<3xi8>, i64, tensor<2xf16>) {
  return %a, %b, %c : tensor<3xi8>, i64, tensor<2xf16>
}

// Nothing to compute on is fine.
// RUN: lowbit-interpret %s --function=none --input=0x4xf32= | FileCheck %s --check-prefix=NONE
// NONE: 0x4xf32=
func.func @none(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %0 = lowbit.activation silu %x : tensor<?x4xf32>
  %a = lowbit.quantize %0 : tensor<?x4xf32> -> !lowbit.tensor<?x4xf32, #lowbit.leaf<int<8>, scale = [f32 per row]>>
  %c = arith.constant dense<1> : tensor<4x4xi8>
  %w = lowbit.assemble %c : (tensor<4x4xi8>) -> !lowbit.tensor<4x4xf32, #lowbit.leaf<int<8>>>
  %y = lowbit.matmul %a, %w : !lowbit.tensor<?x4xf32, #lowbit.leaf<int<8>, scale = [f32 per row]>>,
      !lowbit.tensor<4x4xf32, #lowbit.leaf<int<8>>> -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// RUN: lowbit-interpret %s --function=param --weights=splat | FileCheck %s --check-prefix=SPLAT
// SPLAT: 2xf32=1 1
lowbit.param @unbound : tensor<2xf32>
func.func @param() -> tensor<2xf32> {
  %0 = lowbit.get_param @unbound : tensor<2xf32>
  return %0 : tensor<2xf32>
}

// Written by generate.py. 1.58-bit FLUX: ternary in 2 bits, an f32 scale a row of 3072.
// 16 / (0.995 * 2.010 + 0.005 * 16) = 7.69; with one scale a tensor 7.73.
// RUN: lowbit-opt --verify-roundtrip %s -o /dev/null
// RUN: lowbit-opt --lowbit-print-encodings %s -o /dev/null 2>&1 | FileCheck %s
// RUN: lowbit-interpret %s

// CHECK: @layer_0: 2.010 bits a weight
lowbit.param @layer_0 : !lowbit.tensor<12288x3072xf32, #lowbit.leaf<ternary, scale = [f32 per row], layout = bits<i32, word = (n, k) -> (n, k floordiv 16), bit = (n, k) -> (2 * (k mod 16))>>>
// CHECK: @layer_1: 2.000 bits a weight
lowbit.param @layer_1 : !lowbit.tensor<12288x3072xf32, #lowbit.leaf<ternary, scale = [f32 per tensor], layout = bits<i32, word = (n, k) -> (n, k floordiv 16), bit = (n, k) -> (2 * (k mod 16))>>>

func.func @small(%c0: tensor<4x2xi32>, %c1: tensor<4xf32>, %expected: tensor<4x32xf32>) {
  %w = lowbit.assemble %c0, %c1 : (tensor<4x2xi32>, tensor<4xf32>) -> !lowbit.tensor<4x32xf32, #lowbit.leaf<ternary, scale = [f32 per row], layout = bits<i32, word = (n, k) -> (n, k floordiv 16), bit = (n, k) -> (2 * (k mod 16))>>>
  %d = lowbit.decode %w : !lowbit.tensor<4x32xf32, #lowbit.leaf<ternary, scale = [f32 per row], layout = bits<i32, word = (n, k) -> (n, k floordiv 16), bit = (n, k) -> (2 * (k mod 16))>>> -> tensor<4x32xf32>
  check.expect_eq %d, %expected : tensor<4x32xf32>
  %p:2 = lowbit.disassemble %w : !lowbit.tensor<4x32xf32, #lowbit.leaf<ternary, scale = [f32 per row], layout = bits<i32, word = (n, k) -> (n, k floordiv 16), bit = (n, k) -> (2 * (k mod 16))>>> -> tensor<4x2xi32>, tensor<4xf32>
  check.expect_eq %p#0, %c0 : tensor<4x2xi32>
  check.expect_eq %p#1, %c1 : tensor<4xf32>
  return
}

func.func @main() {
  %c0 = arith.constant dense<"0x443F413137C707F0400DCDC1C047FD3F4F30F7300731D1340104D1434DCF0CD0"> : tensor<4x2xi32>
  %c1 = arith.constant dense<"0x000048400000503F0000983F0000303F"> : tensor<4xf32>
  %expected = arith.constant dense<"0x00000000000048400000000000004840000048C0000048C0000048C000000000000048400000000000000000000048400000484000000000000048C000000000000048C000004840000048C000000000000048C00000484000000000000048C0000048C00000484000000000000000000000000000000000000048C0000048C00000000000000000000000000000503F0000503F000050BF00000000000000000000503F000050BF00000000000050BF0000503F0000000000000000000050BF000000000000000000000000000050BF000050BF0000503F000000000000503F0000503F000050BF000050BF000050BF000050BF000050BF000050BF00000000000098BF000098BF000000000000983F0000000000000000000098BF00000000000098BF0000983F000098BF000098BF0000000000000000000098BF00000000000098BF0000983F00000000000000000000983F00000000000098BF000000000000983F000000000000983F000098BF000000000000983F000098BF000000000000303F000000000000000000000000000000000000303F00000000000000000000303F000000000000303F000030BF000030BF00000000000000000000303F0000303F000030BF000000000000303F000030BF000030BF00000000000030BF00000000000030BF000000000000000000000000000000000000303F000030BF"> : tensor<4x32xf32>
  call @small(%c0, %c1, %expected) : (tensor<4x2xi32>, tensor<4xf32>, tensor<4x32xf32>) -> ()
  return
}

// Written by generate.py. FireQ: int4, per-tensor times channel-wise scale.
// RUN: lowbit-opt --verify-roundtrip %s -o /dev/null
// RUN: lowbit-opt --lowbit-print-encodings %s -o /dev/null 2>&1 | FileCheck %s
// RUN: lowbit-interpret %s

// CHECK: @layer: 4.004 bits a weight
lowbit.param @layer : !lowbit.tensor<4096x4096xf32, #lowbit.leaf<int<4, -7:7>, scale = [f32 per tensor, f16 per row], layout = bits<i8, word = (n, k) -> (n, k floordiv 2), bit = (n, k) -> (4 * (k mod 2))>>>

func.func @small(%c0: tensor<4x16xi8>, %c1: tensor<f32>, %c2: tensor<4xf16>, %expected: tensor<4x32xf32>) {
  %w = lowbit.assemble %c0, %c1, %c2 : (tensor<4x16xi8>, tensor<f32>, tensor<4xf16>) -> !lowbit.tensor<4x32xf32, #lowbit.leaf<int<4, -7:7>, scale = [f32 per tensor, f16 per row], layout = bits<i8, word = (n, k) -> (n, k floordiv 2), bit = (n, k) -> (4 * (k mod 2))>>>
  %d = lowbit.decode %w : !lowbit.tensor<4x32xf32, #lowbit.leaf<int<4, -7:7>, scale = [f32 per tensor, f16 per row], layout = bits<i8, word = (n, k) -> (n, k floordiv 2), bit = (n, k) -> (4 * (k mod 2))>>> -> tensor<4x32xf32>
  check.expect_eq %d, %expected : tensor<4x32xf32>
  %p:3 = lowbit.disassemble %w : !lowbit.tensor<4x32xf32, #lowbit.leaf<int<4, -7:7>, scale = [f32 per tensor, f16 per row], layout = bits<i8, word = (n, k) -> (n, k floordiv 2), bit = (n, k) -> (4 * (k mod 2))>>> -> tensor<4x16xi8>, tensor<f32>, tensor<4xf16>
  check.expect_eq %p#0, %c0 : tensor<4x16xi8>
  check.expect_eq %p#1, %c1 : tensor<f32>
  check.expect_eq %p#2, %c2 : tensor<4xf16>
  return
}

func.func @main() {
  %c0 = arith.constant dense<"0xFE049EF192F16D0C676509BCCD0369F1ADC59E13BF9774EC95E6AAC0034F0B25E07E6DF7A52B033ED3EECBDB1440EA5C50B24F51503F5B033735BAA664022045"> : tensor<4x16xi8>
  %c1 = arith.constant dense<"0x0000E03F"> : tensor<f32>
  %c2 = arith.constant dense<"0x0032003F803F0037"> : tensor<4xf16>
  %expected = arith.constant dense<"0x000028BF0000A8BE0000A83F00000000000028BF000013C00000A83E0000A8BE0000283F000013C00000A83E0000A8BE00007CBF0000FC3F0000A8BF00000000000013400000FC3F0000D23F0000FC3F000013C0000000000000A8BF0000D2BF00007CBF0000A8BF00007C3F00000000000013C00000FC3F0000A83E0000A8BE000013C1000093C100007541000044C10000C4C00080ABC10000134100004440000044C0000075C10080AB410080ABC1000044410080AB41000044C10000C4C0000075410080ABC1000093410000C4C0000093C1000093C100000000000044C10000134100000000000044C000004441000075C100000000000075410000C440000000000000D2C00000D2C000C0B74100801DC100809D4100C0B741000052C00040834100809DC1004083C10000D24000801D41000000000000D2C000801D4100801D4100801DC10000D2C00000D2C0004083C1000052C1004083C100801DC10000524100005240000000000000524100809DC10000D2C0000052C10040834100000000000075400000C43F000075C0000044BF000044400000443F000075400000000000007540000044BF00001340000075C00000754000001340000000000080AB40000013400000754000001340000093C0000075C000009340000093C000004440000093400000C43F00000000000000000000C43F0000754000004440"> : tensor<4x32xf32>
  call @small(%c0, %c1, %c2, %expected) : (tensor<4x16xi8>, tensor<f32>, tensor<4xf16>, tensor<4x32xf32>) -> ()
  return
}

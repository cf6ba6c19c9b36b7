// Written by generate.py. A quantized additive patch on an int8 base.
// RUN: lowbit-opt --verify-roundtrip %s -o /dev/null
// RUN: lowbit-opt --lowbit-print-encodings %s -o /dev/null 2>&1 | FileCheck %s
// RUN: lowbit-interpret %s

// CHECK: @layer: 10.008 bits a weight
lowbit.param @layer : !lowbit.tensor<4096x4096xf32, #lowbit.sum<leaf<int<8>, scale = [f16 per row]>, leaf<ternary, scale = [f16 per row], layout = bits<i32, word = (n, k) -> (n, k floordiv 16), bit = (n, k) -> (2 * (k mod 16))>>>>

func.func @small(%c0: tensor<4x32xi8>, %c1: tensor<4xf16>, %c2: tensor<4x2xi32>, %c3: tensor<4xf16>, %expected: tensor<4x32xf32>) {
  %w = lowbit.assemble %c0, %c1, %c2, %c3 : (tensor<4x32xi8>, tensor<4xf16>, tensor<4x2xi32>, tensor<4xf16>) -> !lowbit.tensor<4x32xf32, #lowbit.sum<leaf<int<8>, scale = [f16 per row]>, leaf<ternary, scale = [f16 per row], layout = bits<i32, word = (n, k) -> (n, k floordiv 16), bit = (n, k) -> (2 * (k mod 16))>>>>
  %d = lowbit.decode %w : !lowbit.tensor<4x32xf32, #lowbit.sum<leaf<int<8>, scale = [f16 per row]>, leaf<ternary, scale = [f16 per row], layout = bits<i32, word = (n, k) -> (n, k floordiv 16), bit = (n, k) -> (2 * (k mod 16))>>>> -> tensor<4x32xf32>
  check.expect_eq %d, %expected : tensor<4x32xf32>
  %p:4 = lowbit.disassemble %w : !lowbit.tensor<4x32xf32, #lowbit.sum<leaf<int<8>, scale = [f16 per row]>, leaf<ternary, scale = [f16 per row], layout = bits<i32, word = (n, k) -> (n, k floordiv 16), bit = (n, k) -> (2 * (k mod 16))>>>> -> tensor<4x32xi8>, tensor<4xf16>, tensor<4x2xi32>, tensor<4xf16>
  check.expect_eq %p#0, %c0 : tensor<4x32xi8>
  check.expect_eq %p#1, %c1 : tensor<4xf16>
  check.expect_eq %p#2, %c2 : tensor<4x2xi32>
  check.expect_eq %p#3, %c3 : tensor<4xf16>
  return
}

func.func @main() {
  %c0 = arith.constant dense<"0x5535068E17D5C8C68A5D03B39DD5836F0BB3301F6514C58182D6594C4E9220122F5F174468D9AF64166BCF273C07AD2C3332CF063E8616486BA5B5934D050FEEB89E1FAF088811AC141799255E404AF8AE54A93ECE0024213944434534061CF553E587016D71A2ED59D0DF4EEE1B56EE951569703037240F5787500FC0D54B67"> : tensor<4x32xi8>
  %c1 = arith.constant dense<"0x0038003E403C8038"> : tensor<4xf16>
  %c2 = arith.constant dense<"0x0FF070DC0C4DC50557D43505174377F0170C737D0540044D770D0C5F7C751D7C"> : tensor<4x2xi32>
  %c3 = arith.constant dense<"0x403DC03F803F003B"> : tensor<4xf16>
  %expected = arith.constant dense<"0x00C024420080C94100004040000064C2000038410000ACC10080EAC10080F2C100006CC200003A420000403E00C014C2000046C20080B6C100C074C200C058420000B04000401FC20000C0410000784100404F4200000B410000ECC100C078C200C076C200809DC10000324200C012420040214200C056C20000804100001041002089420070104300C0114200E0CF4200001C43004062C20020EFC20010144300C00B420070224300E096C200006A4200E0B742000047410000F9C2000084420020954200E0994200208FC2000010410020B642000037C30000044200E0DB4200901E43009006C300E0E4C2009021C30000E7420000F0400080A4410080E7C100C09CC20080CCC200400B420020ACC200000841006001C3008090410080B2C200009B410080C34100A0DEC200C024420080CB4200408442008099420000D4C00080AAC20040B64200E0B8C200C08342008054C2000000000000194200C01342004072420040944200608E4200A0924200806442000090400000EE4100001DC100403742000065C100E089C20000B83F00C0784200C07A42008053C200002BC1004048420000DFC1008094C100802F42000030C10000654100004542000014C100C070C200002F4100C0684200807F420000DF410080FE4100009B41000015410040474200E089C20080374200000741000010C20080C8C10040254200406B42"> : tensor<4x32xf32>
  call @small(%c0, %c1, %c2, %c3, %expected) : (tensor<4x32xi8>, tensor<4xf16>, tensor<4x2xi32>, tensor<4xf16>, tensor<4x32xf32>) -> ()
  return
}

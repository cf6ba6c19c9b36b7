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
  %c0 = arith.constant dense<"0x5B8FEF89AA77FD06616D5D9504BA8B95548B42DDAE835035C525078DD1C5BD63F8B64498D9C75D47760D9E21D647C167691187626F364B3E7CD74834A7DDA6E018165BAF8A52A0BEEBEF8C92438CF07939B4A40F91359B2B2F222D176CCC0B119F285149F2BB4FFDBA7F3622FDB235E3AB75F143D26BEA8F4B2CF66EF0001FEC"> : tensor<4x32xi8>
  %c1 = arith.constant dense<"0x003B003C0035C03E"> : tensor<4xf16>
  %c2 = arith.constant dense<"0x30D703C010C71F1307F4C4F7C551D34DF51F47C144F40F3D43D4CD15D7771404"> : tensor<4x2xi32>
  %c3 = arith.constant dense<"0x8038003D803F8038"> : tensor<4xf16>
  %expected = arith.constant dense<"0x00409F4200C0C5C2000077C10040D0C200A097C20060D142000004C00000964000A0A84200C0BE4200C0A2420040BBC200006040000075C200C0CCC20060BCC20000934200C0CCC2004069420000F5C100A090C200A0D9C200008C420040374200C050C20080FE410000D6400040C9C200C026C200804EC2004068C20040AD42000014C1008091C2000088420000D0C200001CC200005FC20080B74200808B420000EC42000064410000C4C20000FE4100002DC200809042008080C20080CB420080D442000092410000F2C20080C1420080E042000058420080984200007D420080F542000024C20080924200004B420080AFC2000011C20000B4C20000F6C10000164100000C410080D4410080D9C100001BC20000BE410000E1C10000A5C1000007C100005CC0000011C2000002C20080B641000011C20000A0C000C00F4200808E410000AFC10000E6C10000D24000C00AC20080934100C005C20000394100004D4100000C41000061410000E64000800E42000091C10000C83F0000AA40004024C30000874200B008430080F7420000BDC100C0E7C200E005430000B4C00020EBC200C055430040B64200406342000090C0001003C30000B44200C043C2000010C3000046430000C6C10000E14200609CC20020354300C016C200203EC30020FD4200A09542008082C100A039430000D8C10000103F00405142000007C2"> : tensor<4x32xf32>
  call @small(%c0, %c1, %c2, %c3, %expected) : (tensor<4x32xi8>, tensor<4xf16>, tensor<4x2xi32>, tensor<4xf16>, tensor<4x32xf32>) -> ()
  return
}

// Written by generate.py. WeLore: a rank for each layer, here with int4 factors.
// RUN: lowbit-opt --verify-roundtrip %s -o /dev/null
// RUN: lowbit-opt --lowbit-print-encodings %s -o /dev/null 2>&1 | FileCheck %s
// RUN: lowbit-interpret %s

// CHECK: @layer: 2.005 bits a weight
lowbit.param @layer : !lowbit.tensor<4096x4096xf32, #lowbit.prod<leaf<int<4>, scale = [f16 per row], layout = bits<i8, word = (n, k) -> (n, k floordiv 2), bit = (n, k) -> (4 * (k mod 2))>>, leaf<int<4>, scale = [f16 per row], layout = bits<i8, word = (n, k) -> (n, k floordiv 2), bit = (n, k) -> (4 * (k mod 2))>> inner [1024]>>

func.func @small(%c0: tensor<4x2xi8>, %c1: tensor<4xf16>, %c2: tensor<4x16xi8>, %c3: tensor<4xf16>, %expected: tensor<4x32xf32>) {
  %w = lowbit.assemble %c0, %c1, %c2, %c3 : (tensor<4x2xi8>, tensor<4xf16>, tensor<4x16xi8>, tensor<4xf16>) -> !lowbit.tensor<4x32xf32, #lowbit.prod<leaf<int<4>, scale = [f16 per row], layout = bits<i8, word = (n, k) -> (n, k floordiv 2), bit = (n, k) -> (4 * (k mod 2))>>, leaf<int<4>, scale = [f16 per row], layout = bits<i8, word = (n, k) -> (n, k floordiv 2), bit = (n, k) -> (4 * (k mod 2))>> inner [4]>>
  %d = lowbit.decode %w : !lowbit.tensor<4x32xf32, #lowbit.prod<leaf<int<4>, scale = [f16 per row], layout = bits<i8, word = (n, k) -> (n, k floordiv 2), bit = (n, k) -> (4 * (k mod 2))>>, leaf<int<4>, scale = [f16 per row], layout = bits<i8, word = (n, k) -> (n, k floordiv 2), bit = (n, k) -> (4 * (k mod 2))>> inner [4]>> -> tensor<4x32xf32>
  check.expect_eq %d, %expected : tensor<4x32xf32>
  %p:4 = lowbit.disassemble %w : !lowbit.tensor<4x32xf32, #lowbit.prod<leaf<int<4>, scale = [f16 per row], layout = bits<i8, word = (n, k) -> (n, k floordiv 2), bit = (n, k) -> (4 * (k mod 2))>>, leaf<int<4>, scale = [f16 per row], layout = bits<i8, word = (n, k) -> (n, k floordiv 2), bit = (n, k) -> (4 * (k mod 2))>> inner [4]>> -> tensor<4x2xi8>, tensor<4xf16>, tensor<4x16xi8>, tensor<4xf16>
  check.expect_eq %p#0, %c0 : tensor<4x2xi8>
  check.expect_eq %p#1, %c1 : tensor<4xf16>
  check.expect_eq %p#2, %c2 : tensor<4x16xi8>
  check.expect_eq %p#3, %c3 : tensor<4xf16>
  return
}

func.func @main() {
  %c0 = arith.constant dense<"0xDA1343C314F034B1"> : tensor<4x2xi8>
  %c1 = arith.constant dense<"0x803F403D003F403C"> : tensor<4xf16>
  %c2 = arith.constant dense<"0xE582BE13EBE931C52FA48166FFC7834823664D869AA27DAAF59201773D24E170D121F12D593C1C13EF81BC2CED1D530E04EB4BB427B83B1408B55D6C92FD7116"> : tensor<4x16xi8>
  %c3 = arith.constant dense<"0x8039403F002C403F"> : tensor<4xf16>
  %expected = arith.constant dense<"0x00405DC20040BFC00090BAC20080ACC00050EB410020324100AC8FC2002866420058F24200C8BE420000A54000D0724200808E40000CA8C20098144200B8BF4200908DC20040BFC000F007C200F0C3420040ECC100389A4200C604C3005CC1C20040304200603DC20058D4C20000F0400090E7C100A0D7420020A34200D0C5C20080884000104E4100AADC4200D85B4200D05D4100805CC10050D34100C8CAC100F60AC300A6B3C200729642001063C10008A64100B8394200C4A1C200629AC20080F142000093C000C88BC100F814C200241F4200EE8CC200DCEF420000D24100184CC200EAB74200A4A94200B88F4100C00D410022D4C2007C9EC200D887420020A741000052C000103242000052C1000052C00080C0C10040A641008096C0009882C200B018C20000FCBF00C04CC1008032410000D9410000F5C000D025C200B011420080CE4000C01B4100E00CC200008C41007059C200107F42003000420060A5C10040D74100905F4200C01BC100006741001886C2002066C2002019420040D0C00060B0400070B1420070F5410048C84100A8F0C100E0964000609F400048EAC2006C82C200BC874200C0FA4000E005420018A341007C69C200A85FC200DCCD42000088BD00B0C6C100C025C10048154200B48FC20072C0420000AA3E00D81EC2005CA342008090420000194100A0A3400000CCC20090A2C200002A42"> : tensor<4x32xf32>
  call @small(%c0, %c1, %c2, %c3, %expected) : (tensor<4x2xi8>, tensor<4xf16>, tensor<4x16xi8>, tensor<4xf16>, tensor<4x32xf32>) -> ()
  return
}

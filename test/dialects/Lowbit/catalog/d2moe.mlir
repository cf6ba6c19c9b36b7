// Written by generate.py. D2MoE: bit-nested expert weights, planes from the highest bit on.
// RUN: lowbit-opt --verify-roundtrip %s -o /dev/null
// RUN: lowbit-opt --lowbit-print-encodings %s -o /dev/null 2>&1 | FileCheck %s
// RUN: lowbit-interpret %s

// CHECK: @layer: 8.004 bits a weight
lowbit.param @layer : !lowbit.tensor<4096x4096xf32, #lowbit.elastic<leaf<uint<8>, scale = [f16 per row], layout = planes<i32, word = (p, n, k) -> (p, n, k floordiv 32), bit = (p, n, k) -> (31 - k mod 32), order = msb>>, axis = planes, min = 2>>

func.func @small(%c0: tensor<8x4x1xi32>, %c1: tensor<4xf16>, %expected: tensor<4x32xf32>) {
  %w = lowbit.assemble %c0, %c1 : (tensor<8x4x1xi32>, tensor<4xf16>) -> !lowbit.tensor<4x32xf32, #lowbit.elastic<leaf<uint<8>, scale = [f16 per row], layout = planes<i32, word = (p, n, k) -> (p, n, k floordiv 32), bit = (p, n, k) -> (31 - k mod 32), order = msb>>, axis = planes, min = 2>>
  %d = lowbit.decode %w : !lowbit.tensor<4x32xf32, #lowbit.elastic<leaf<uint<8>, scale = [f16 per row], layout = planes<i32, word = (p, n, k) -> (p, n, k floordiv 32), bit = (p, n, k) -> (31 - k mod 32), order = msb>>, axis = planes, min = 2>> -> tensor<4x32xf32>
  check.expect_eq %d, %expected : tensor<4x32xf32>
  %p:2 = lowbit.disassemble %w : !lowbit.tensor<4x32xf32, #lowbit.elastic<leaf<uint<8>, scale = [f16 per row], layout = planes<i32, word = (p, n, k) -> (p, n, k floordiv 32), bit = (p, n, k) -> (31 - k mod 32), order = msb>>, axis = planes, min = 2>> -> tensor<8x4x1xi32>, tensor<4xf16>
  check.expect_eq %p#0, %c0 : tensor<8x4x1xi32>
  check.expect_eq %p#1, %c1 : tensor<4xf16>
  return
}

func.func @main() {
  %c0 = arith.constant dense<"0x2B053A230B87FC4E0E822978F6676B296DFDAD7A148DA71036FB3BC43E42A68FE2B0D00561EEA37521467A749E09050061F59A15E31EFF3D7D0CFBEA068E1CAD5B37D990950202273749D02F38CF0F09752E02423B4C358AB76FF23CBF838404F7D3B465508D64E875D97886FC6FA82DE3D53828E369DABBAA423F09A4913120"> : tensor<8x4x1xi32>
  %c1 = arith.constant dense<"0x002C403F0036403D"> : tensor<4xf16>
  %expected = arith.constant dense<"0x0000003F00008C40000043410000B040000082400000484000004441000032410000F440000020400000434100003B41000059410000844000001441000090400000E6400000A6400000F8400000F6400000884000005D410000603F00005B4100000C400000FE40000077410000603F0000484100008C4000002B4100005F4100004B4100D0924300E0D54200D04C4300D8884300C0A64300907F4300A0CE420068DA430038854300F0DE43000887430068834300F0C14300505B430040524300D0CC430020864200406F420000E84100B0574300F0DE4300C0A64300B8B0430040354200E0B8420020C04200600D4300406F4300800243000887430048AB430000F6410000B44200008D420000764200806B420000254200001C4100005840000028410000BA410040B94200803E420040B6420000C03E00802F4200C09C4200809142008026420000CC410000C64100000D4200009C4100C0AB420000EA410000F03F0000D84000803E4200000D42008059420080A64200C099420000BA410000D2420000000000F040430000000000108F4300C0E1420000A84200108F4300C0B7420000284300F07F430080B24100204A4300C022430040834300D05D43004018420090844300A02A430000A83F0040984200204A4300B0914300B0654300305B4300A02A4300D8874300309C43006010430018A2430020A0430000A840"> : tensor<4x32xf32>
  call @small(%c0, %c1, %expected) : (tensor<8x4x1xi32>, tensor<4xf16>, tensor<4x32xf32>) -> ()
  return
}

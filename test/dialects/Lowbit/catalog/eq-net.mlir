// Written by generate.py. EQ-Net, One QuantLLM: one weight for 4 to 8 bits, group 32 or row.
// RUN: lowbit-opt --verify-roundtrip %s -o /dev/null
// RUN: lowbit-opt --lowbit-print-encodings %s -o /dev/null 2>&1 | FileCheck %s
// RUN: lowbit-interpret %s

// CHECK: @layer: 8.750 bits a weight
lowbit.param @layer : !lowbit.tensor<4096x4096xf32, #lowbit.elastic<leaf<uint<8>, scale = [f16 per map<(n, k) -> (n, k floordiv 32)>], zero = uint<8> per map<(n, k) -> (n, k floordiv 32)>, layout = planes<i32, word = (p, n, k) -> (p, n, k floordiv 32), bit = (p, n, k) -> (31 - k mod 32), order = msb>>, axis = planes, min = 4>>

func.func @small(%c0: tensor<8x4x1xi32>, %c1: tensor<4x1xf16>, %c2: tensor<4x1xi8>, %expected: tensor<4x32xf32>) {
  %w = lowbit.assemble %c0, %c1, %c2 : (tensor<8x4x1xi32>, tensor<4x1xf16>, tensor<4x1xi8>) -> !lowbit.tensor<4x32xf32, #lowbit.elastic<leaf<uint<8>, scale = [f16 per map<(n, k) -> (n, k floordiv 32)>], zero = uint<8> per map<(n, k) -> (n, k floordiv 32)>, layout = planes<i32, word = (p, n, k) -> (p, n, k floordiv 32), bit = (p, n, k) -> (31 - k mod 32), order = msb>>, axis = planes, min = 4>>
  %d = lowbit.decode %w : !lowbit.tensor<4x32xf32, #lowbit.elastic<leaf<uint<8>, scale = [f16 per map<(n, k) -> (n, k floordiv 32)>], zero = uint<8> per map<(n, k) -> (n, k floordiv 32)>, layout = planes<i32, word = (p, n, k) -> (p, n, k floordiv 32), bit = (p, n, k) -> (31 - k mod 32), order = msb>>, axis = planes, min = 4>> -> tensor<4x32xf32>
  check.expect_eq %d, %expected : tensor<4x32xf32>
  %p:3 = lowbit.disassemble %w : !lowbit.tensor<4x32xf32, #lowbit.elastic<leaf<uint<8>, scale = [f16 per map<(n, k) -> (n, k floordiv 32)>], zero = uint<8> per map<(n, k) -> (n, k floordiv 32)>, layout = planes<i32, word = (p, n, k) -> (p, n, k floordiv 32), bit = (p, n, k) -> (31 - k mod 32), order = msb>>, axis = planes, min = 4>> -> tensor<8x4x1xi32>, tensor<4x1xf16>, tensor<4x1xi8>
  check.expect_eq %p#0, %c0 : tensor<8x4x1xi32>
  check.expect_eq %p#1, %c1 : tensor<4x1xf16>
  check.expect_eq %p#2, %c2 : tensor<4x1xi8>
  return
}

func.func @main() {
  %c0 = arith.constant dense<"0x2B053A230B87FC4E0E822978F6676B296DFDAD7A148DA71036FB3BC43E42A68FE2B0D00561EEA37521467A749E09050061F59A15E31EFF3D7D0CFBEA068E1CAD5B37D990950202273749D02F38CF0F09752E02423B4C358AB76FF23CBF838404F7D3B465508D64E875D97886FC6FA82DE3D53828E369DABBAA423F09A4913120"> : tensor<8x4x1xi32>
  %c1 = arith.constant dense<"0x0035003F0032403E"> : tensor<4x1xf16>
  %c2 = arith.constant dense<"0x3B9DEC7C"> : tensor<4x1xi8>
  %expected = arith.constant dense<"0x00007FC100005C4000002A42000011410000F03F000034C000402B4200C0144200809D410000BEC000002A42000020420080454200000C400080DE410000824000008C410000F0400080A2410000A0410000344000804A42000061C1000048420000F0C00000AA4100006B42000061C10040304200005C4000000C4200004D42004083C300000C4100802BC300009AC2000028C100003D420000E0C100002FC30000134300008CC100C01B43000060C10000A8C10080C74200007CC200808FC20080F142000052C3000059C300C076C3000085C200C01B4300003D4200008542000067C3008039C3000036C300400AC300002FC200C014C3000060C1000060420000E7C10000403F000010C1000058C100006DC10000BDC100801DC200402AC200001CC2008002C2000004400080A3C10000A83F004030C20080B2C10000A2C00000FCC00080BBC10000FCC10000FFC10000D5C100000AC20000A8BF0000EDC100402DC2008023C20080A3C10000D5C1008088C1000028C00000BAC0008002C2008089C200C041C300C00F4200C041C300E0124300806DC20080BBC200E0124300C0A8C20000C84000E0DD42003027C300803B42000000000080ED4200A08C42007014C300C0F34200001641003040C30040CEC200803B420020194300609F42006086420000164100B00143002032430000AFC10030404300803B4300803BC3"> : tensor<4x32xf32>
  call @small(%c0, %c1, %c2, %expected) : (tensor<8x4x1xi32>, tensor<4x1xf16>, tensor<4x1xi8>, tensor<4x32xf32>) -> ()
  return
}

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
  %c0 = arith.constant dense<"0x9826F3E65262D7D7B452A033B770C8EF8EFDDB2047DF500AD1D6DFAA4CD1780A97E9A6DFD06A63BC270E0B5D17E63E5A9C4FB2B4C10F353C1356AF593EEEF1DF7087F114F9136402B275930D52292070528E487B1439A83558E72220B3C354A3D4E9739036ECE5957E3F4D5B08D54886BF24891DC284D0C33B5E8D83309EA6BD"> : tensor<8x4x1xi32>
  %c1 = arith.constant dense<"0x003D003B00340030"> : tensor<4xf16>
  %expected = arith.constant dense<"0x00805E4300004D430080844300809D42000039420040674300004D430000394200A09B4300C0804300806843004088430080AC42000020420040974300C07D430080094300800E4300E08D430000A0420080134300208A43000043430080184300E0974300008C410000344100C06E4300A0824300C00F430080FC420000254200A00E4300C0E1420000364200401F430000C44200401F4300E02F430040EC420040EC4200A04D430000594200E036430000604000C0064300000C4300C01B4300806A4200C0454300401143000085420080CE4200409142000059430000A1420080474200E0594300000C41004018430000E0400000754200A02A4300009A42000082410000484100004442000032420000F441000020410000434200003B42000059420000844100001442000090410000E6410000A6410000F8410000F6410000884100005D420000604000005B4200000C410000FE4100007742000060400000484200008C4100002B4200005F420000E03F0000224200006C410000E241000097410000B84100008D410000E4400000F141000093410000F64100009541000091410000D64100007241000068410000E24100009440000084400000004000006E410000F6410000B8410000C341000048400000CC400000D44000001C410000844100001041000095410000BD41000024410000F0410000BC410000A441"> : tensor<4x32xf32>
  call @small(%c0, %c1, %expected) : (tensor<8x4x1xi32>, tensor<4xf16>, tensor<4x32xf32>) -> ()
  return
}

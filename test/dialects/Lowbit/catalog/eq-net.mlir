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
  %c0 = arith.constant dense<"0x9826F3E65262D7D7B452A033B770C8EF8EFDDB2047DF500AD1D6DFAA4CD1780A97E9A6DFD06A63BC270E0B5D17E63E5A9C4FB2B4C10F353C1356AF593EEEF1DF7087F114F9136402B275930D52292070528E487B1439A83558E72220B3C354A3D4E9739036ECE5957E3F4D5B08D54886BF24891DC284D0C33B5E8D83309EA6BD"> : tensor<8x4x1xi32>
  %c1 = arith.constant dense<"0x803F002C803B803E"> : tensor<4x1xf16>
  %c2 = arith.constant dense<"0x1C3EF77F"> : tensor<4x1xi8>
  %expected = arith.constant dense<"0x00A08C4300007F430080AC4300408342000087410030934300007F43000087410030CF4300E0A643002094430020B24300C099420000F04000A0C8430010A44300C01943004021430090BA430000874200C0284300F0B44300007043004030430090C9430000D2C100800EC200D0984300B0A9430020234300E00843000016410000CA4000008640000020BF0000F040000048400000F04000000B41000092400000924000002D410000000000001341000068C00000B8400000C4400000E8400000A03E000024410000D0400000603F000060400000A83F00003A410000F03F0000A0BE00003B41000050C00000E040000058C00000003F000005410000D03F00A02AC300B038C300403FC2006081C20060EAC2001042C3000043C2000061C20000E1C100B029C300A0B9C2001024C30080F7C200C019C300A0E6C20080E8C200D027C30000C3C100705AC30000D2C100C046C30000E1C20000000000705AC3004030C200F025C300808EC20000B4C1000061C300609FC2004030C30040FBC200001C420040B9420000B6410080E3C200403943000002420060414300000F420000EA4100600D4300001CC100008FC100E02043004012C300C018C3006034C3000050C1006041430040B9420000DD4200C025C30000F7C20080F0C200409FC20000024100C0B2C200000F420080C942004092C200A037430040C64200807042"> : tensor<4x32xf32>
  call @small(%c0, %c1, %c2, %expected) : (tensor<8x4x1xi32>, tensor<4x1xf16>, tensor<4x1xi8>, tensor<4x32xf32>) -> ()
  return
}

// RUN: lowbit-opt --verify-roundtrip %s | FileCheck %s

// The examples of the design, in the syntax that was settled: `per` for `@`. Each parses,
// verifies at its size, and prints back under a name that says what it is. Their decode is
// tested in catalog/.

// CHECK-DAG: #[[T2:ternary_row[0-9_]*]] = #lowbit.leaf<ternary, scale = [f32 per row], layout = bits<i32, word = (d0, d1) -> (d0, d1 floordiv 16), bit = (d0, d1) -> ((d1 mod 16) * 2)>>
#t2 = #lowbit.leaf<ternary, scale = [f32 per row],
        layout = bits<i32, word = (n, k) -> (n, k floordiv 16), bit = (n, k) -> (2 * (k mod 16))>>

// CHECK-DAG: #[[T16:ternary_row[0-9_]*]] = #lowbit.leaf<ternary, scale = [f32 per row], layout = radix<3, 5, i8>>
#t16 = #lowbit.leaf<ternary, scale = [f32 per row], layout = radix<3, 5, i8>>

// CHECK-DAG: #[[GQ:uint4_block_sparse[0-9_]*]] = #lowbit.leaf<uint<4>, scale = [f16 per block], zero = uint<4> per block, pattern = block<1x16, index = csr<i32, i8>, nnz = 524288>>
#gq = #lowbit.leaf<uint<4>, scale = [f16 per block], zero = uint<4> per block,
        pattern = block<1x16, index = csr<i32, i8>, nnz = 524288>>

// CHECK-DAG: #[[ABQ:[a-z0-9_]+]] = #lowbit.leaf<w2star, scale = [f16 per row], zero = uint<8> per row, layout = planes<i32, word = (d0, d1, d2) -> (d0, d1, d2 floordiv 32), bit = (d0, d1, d2) -> (-(d2 mod 32) + 31), order = lsb>>
#abq = #lowbit.leaf<w2star, scale = [f16 per row], zero = uint<8> per row,
        layout = planes<i32, word = (p, n, k) -> (p, n, k floordiv 32), bit = (p, n, k) -> (31 - k mod 32), order = lsb>>

// CHECK-DAG: #[[FDB:sum[0-9_]*]] = #lowbit.sum<leaf<bin<01>, scale = [f16 per map<(d0, d1) -> (d0, d1 floordiv 64)>]>, leaf<bin<01>, scale = [f16 per map<(d0, d1) -> (d0, d1 floordiv 64)>]>>
#fdb = #lowbit.sum<leaf<bin<01>, scale = [f16 per map<(n, k) -> (n, k floordiv 64)>]>,
                   leaf<bin<01>, scale = [f16 per map<(n, k) -> (n, k floordiv 64)>]>>

// CHECK-DAG: #[[EO:sum[0-9_]*]] = #lowbit.sum<leaf<int<4>, scale = [f16 per map<(d0, d1) -> (d0, d1 floordiv 128)>], pattern = nm<2:4>>, prod<leaf<fp<f16>>, leaf<fp<f16>> inner [64]>>
#eo = #lowbit.sum<leaf<int<4>, scale = [f16 per map<(n, k) -> (n, k floordiv 128)>], pattern = nm<2:4>>,
                  prod<leaf<fp<f16>>, leaf<fp<f16>> inner [64]>>

// CHECK-DAG: #[[MQ:elastic[0-9_]*]] = #lowbit.elastic<leaf<uint<8>, scale = [f16 per row], layout = planes<i32, word = (d0, d1, d2) -> (d0, d1, d2 floordiv 32), bit = (d0, d1, d2) -> (d2 mod 32), order = msb>>, axis = planes, min = 2>
#mq = #lowbit.elastic<leaf<uint<8>, scale = [f16 per row],
        layout = planes<i32, word = (p, n, k) -> (p, n, k floordiv 32), bit = (p, n, k) -> (k mod 32), order = msb>>,
        axis = planes, min = 2>

// CHECK-DAG: #[[NV:nvfp4[0-9_]*]] = #lowbit.leaf<nvfp4>
// CHECK-DAG: #[[MX:mxfp4[0-9_]*]] = #lowbit.leaf<mxfp4>

// CHECK: lowbit.param @t2 : !lowbit.tensor<12288x3072xf32, #[[T2]]>
lowbit.param @t2 : !lowbit.tensor<12288x3072xf32, #t2>
// CHECK: lowbit.param @t16 : !lowbit.tensor<12288x3072xf32, #[[T16]]>
lowbit.param @t16 : !lowbit.tensor<12288x3072xf32, #t16>
// CHECK: lowbit.param @gq : !lowbit.tensor<4096x4096xf32, #[[GQ]]>
lowbit.param @gq : !lowbit.tensor<4096x4096xf32, #gq>
// CHECK: lowbit.param @abq : !lowbit.tensor<4096x4096xf32, #[[ABQ]]>
lowbit.param @abq : !lowbit.tensor<4096x4096xf32, #abq>
// CHECK: lowbit.param @fdb : !lowbit.tensor<4096x4096xf32, #[[FDB]]>
lowbit.param @fdb : !lowbit.tensor<4096x4096xf32, #fdb>
// CHECK: lowbit.param @eo : !lowbit.tensor<4096x4096xf32, #[[EO]]>
lowbit.param @eo : !lowbit.tensor<4096x4096xf32, #eo>
// CHECK: lowbit.param @mq : !lowbit.tensor<4096x4096xf32, #[[MQ]]>
lowbit.param @mq : !lowbit.tensor<4096x4096xf32, #mq>
// CHECK: lowbit.param @nv : !lowbit.tensor<4096x4096xf32, #[[NV]]>
lowbit.param @nv : !lowbit.tensor<4096x4096xf32, #lowbit.leaf<nvfp4>>
// CHECK: lowbit.param @mx : !lowbit.tensor<4096x4096xf32, #[[MX]]>
lowbit.param @mx : !lowbit.tensor<4096x4096xf32, #lowbit.leaf<mxfp4>>

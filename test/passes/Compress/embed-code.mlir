// RUN: lowbit-opt %s --lowbit-embed-code='code=fp<f4E2M1FN> random-weights=1' | FileCheck %s
// RUN: lowbit-opt %s --lowbit-embed-code='layout=radix random-weights=1' --remarks-filter=lowbit-compress 2>&1 | FileCheck %s --check-prefix=RADIX
// RUN: lowbit-opt %s --lowbit-decompose-bitplanes='order=msb random-weights=1' | FileCheck %s --check-prefix=PLANES
// DEFINE: %{run} = not lowbit-opt %s -o /dev/null
// RUN: %{run} --lowbit-embed-code='random-weights=1' 2>&1 | FileCheck %s --check-prefix=NOTHING
// RUN: %{run} --lowbit-embed-code='code=bin<01> random-weights=1' 2>&1 | FileCheck %s --check-prefix=LACKS
// RUN: %{run} --lowbit-embed-code='code=fp<f16> random-weights=1' 2>&1 | FileCheck %s --check-prefix=WIDE
// RUN: %{run} --lowbit-embed-code='layout=spiral random-weights=1' 2>&1 | FileCheck %s --check-prefix=LAYOUT
// RUN: %{run} --lowbit-decompose-bitplanes='order=up random-weights=1' 2>&1 | FileCheck %s --check-prefix=ORDER
// RUN: %{run} --lowbit-decompose-bitplanes='only=wide random-weights=1' 2>&1 | FileCheck %s --check-prefix=FLOAT
// RUN: %{run} --lowbit-embed-code='code=fp<f4E2M1FN> only=zero random-weights=1' 2>&1 | FileCheck %s --check-prefix=ZERO

// NOTHING: error: pass 'embed-code': requires option 'code' or 'layout'
// LACKS: error: pass 'embed-code': the new code lacks the number -1
// LACKS: note: in parameter 'l0.q'
// WIDE: error: pass 'embed-code': option 'code' requires at most 8 bits, got 16
// LAYOUT: error: pass 'embed-code': option 'layout' is not a layout of this code: 'spiral'; write planes, planes-msb, radix, tq2 or a layout like radix<3, 20, i32>
// ORDER: error: pass 'decompose-bitplanes': option 'order' requires lsb or msb, got 'up'
// FLOAT: error: pass 'decompose-bitplanes': the codes of 'wide' have 32 bits; quantize it to at most 8 first
// ZERO: error: pass 'embed-code': a zero point needs an integer code; expand-zero-points comes first

// CHECK: #[[E:.+]] = #lowbit.leaf<fp<f4E2M1FN>, scale = [f32 per row]>
// CHECK: \22exactness\22:\22E0\22
// CHECK: lowbit.param @l0.q : !lowbit.tensor<8x33xf32, #[[E]]> = #lowbit.computed
// CHECK: lowbit.block @block(%{{.*}}, %{{.*}}: !lowbit.tensor<8x33xf32, #[[E]]>)
// RADIX: remark: {{.*}}l0.q
// RADIX: layout = radix<3, 5, i8>
// The highest plane comes first.
// PLANES: layout = bits<[i32 x 1, word = (d0, d1) -> (1, d0, d1 floordiv 32), bit = (d0, d1) -> (d1 mod 32)], [i32 x 1, word = (d0, d1) -> (0, d0, d1 floordiv 32), bit = (d0, d1) -> (d1 mod 32), array = 0]>
#t = #lowbit.leaf<ternary, scale = [f32 per row]>
#z = #lowbit.leaf<uint<2>, scale = [f32 per row], zero = uint<2> per row>
module {
  lowbit.param @l0.q : !lowbit.tensor<8x33xf32, #t>
  lowbit.param @wide : !lowbit.tensor<8x33xf32, #lowbit.leaf<fp<f32>>>
  lowbit.param @zero : !lowbit.tensor<8x33xf32, #z>
  lowbit.param_set @layer0 [@l0.q]
  lowbit.block @block(%x: tensor<?x33xf32>, %a: !lowbit.tensor<8x33xf32, #t>) -> tensor<?x8xf32>
      attributes {num_params = 1 : i64, num_states = 0 : i64} {
    %0 = lowbit.matmul %x, %a : tensor<?x33xf32>, !lowbit.tensor<8x33xf32, #t> -> tensor<?x8xf32>
    lowbit.return %0 : tensor<?x8xf32>
  }
  func.func @forward(%x: tensor<?x33xf32>) -> tensor<?x8xf32> {
    %0 = lowbit.layer @block(%x) params @layer0 : (tensor<?x33xf32>) -> tensor<?x8xf32>
    return %0 : tensor<?x8xf32>
  }
}

// RUN: lowbit-opt %s -verify-diagnostics -split-input-file

// Values and compute: one case for each clause C of each op.

// -----

// assemble C1: number of components.
func.func @f(%c: tensor<8x64xi8>) {
  // expected-error @+1 {{'lowbit.assemble' op requires 2 components, got 1}}
  %w = lowbit.assemble %c : (tensor<8x64xi8>) -> !lowbit.tensor<8x64xf32, #lowbit.leaf<int<8>, scale = [f32 per row]>>
  return
}

// -----

// assemble C1: types of components.
func.func @f(%c: tensor<8x64xi8>, %s: tensor<8xf16>) {
  // expected-error @+1 {{'lowbit.assemble' op requires component 1 of type 'tensor<8xf32>', got 'tensor<8xf16>'}}
  %w = lowbit.assemble %c, %s : (tensor<8x64xi8>, tensor<8xf16>) -> !lowbit.tensor<8x64xf32, #lowbit.leaf<int<8>, scale = [f32 per row]>>
  return
}

// -----

// assemble C1: shapes of components.
func.func @f(%c: tensor<64x8xi8>, %s: tensor<8xf32>) {
  // expected-error @+1 {{'lowbit.assemble' op requires component 0 of type 'tensor<8x64xi8>', got 'tensor<64x8xi8>'}}
  %w = lowbit.assemble %c, %s : (tensor<64x8xi8>, tensor<8xf32>) -> !lowbit.tensor<8x64xf32, #lowbit.leaf<int<8>, scale = [f32 per row]>>
  return
}

// -----

// assemble C2 (V14): long scales are parameters.
func.func @f(%c: tensor<17x64xi8>) {
  %s = arith.constant dense<1.0> : tensor<17xf32>
  // expected-error @+1 {{'lowbit.assemble' op requires tables, scales, zeros and offsets above 16 entries to be parameters, not literals (V14), component 1 has 17}}
  %w = lowbit.assemble %c, %s : (tensor<17x64xi8>, tensor<17xf32>) -> !lowbit.tensor<17x64xf32, #lowbit.leaf<int<8>, scale = [f32 per row]>>
  return
}

// -----

// assemble C2 (V14): long zero points are parameters.
func.func @f(%c: tensor<17x64xi8>) {
  %z = arith.constant dense<1> : tensor<17xi8>
  // expected-error @+1 {{'lowbit.assemble' op requires tables, scales, zeros and offsets above 16 entries to be parameters, not literals (V14), component 1 has 17}}
  %w = lowbit.assemble %c, %z : (tensor<17x64xi8>, tensor<17xi8>) -> !lowbit.tensor<17x64xf32, #lowbit.leaf<uint<4>, zero = uint<4> per row>>
  return
}

// -----

// disassemble C1.
func.func @f(%w: !lowbit.tensor<8x64xf32, #lowbit.leaf<int<8>, scale = [f32 per row]>>) {
  // expected-error @+1 {{'lowbit.disassemble' op requires 2 components, got 1}}
  %c = lowbit.disassemble %w : !lowbit.tensor<8x64xf32, #lowbit.leaf<int<8>, scale = [f32 per row]>> -> tensor<8x64xi8>
  return
}

// -----

// disassemble C1: types.
func.func @f(%w: !lowbit.tensor<8x64xf32, #lowbit.leaf<int<8>, scale = [f32 per row]>>) {
  // expected-error @+1 {{'lowbit.disassemble' op requires component 1 of type 'tensor<8xf32>', got 'tensor<64xf32>'}}
  %c, %s = lowbit.disassemble %w : !lowbit.tensor<8x64xf32, #lowbit.leaf<int<8>, scale = [f32 per row]>> -> tensor<8x64xi8>, tensor<64xf32>
  return
}

// -----

// decode C1: shape.
func.func @f(%w: !lowbit.tensor<8x64xf32, #lowbit.leaf<int<8>, scale = [f32 per row]>>) {
  // expected-error @+1 {{'lowbit.decode' op requires the result type 'tensor<8x64xf32>', got 'tensor<8x32xf32>'}}
  %d = lowbit.decode %w : !lowbit.tensor<8x64xf32, #lowbit.leaf<int<8>, scale = [f32 per row]>> -> tensor<8x32xf32>
  return
}

// -----

// decode C1: element type.
func.func @f(%w: !lowbit.tensor<8x64xf32, #lowbit.leaf<int<8>, scale = [f32 per row]>>) {
  // expected-error @+1 {{'lowbit.decode' op requires the result type 'tensor<8x64xf32>', got 'tensor<8x64xf16>'}}
  %d = lowbit.decode %w : !lowbit.tensor<8x64xf32, #lowbit.leaf<int<8>, scale = [f32 per row]>> -> tensor<8x64xf16>
  return
}

// -----

// convert C1: shapes.
func.func @f(%w: !lowbit.tensor<8x64xf32, #lowbit.leaf<int<8>, scale = [f32 per row]>>) {
  // expected-error @+1 {{'lowbit.convert' op requires equal shapes and element types, got 'tensor<8x64xf32>' and 'tensor<64x8xf32>'}}
  %d = lowbit.convert %w : !lowbit.tensor<8x64xf32, #lowbit.leaf<int<8>, scale = [f32 per row]>> to !lowbit.tensor<64x8xf32, #lowbit.leaf<int<8>, scale = [f32 per row]>>
  return
}

// -----

// convert C1: encodings.
func.func @f(%w: !lowbit.tensor<8x64xf32, #lowbit.leaf<int<8>, scale = [f32 per row]>>) {
  // expected-error @+1 {{'lowbit.convert' op requires encodings that differ in the layout only}}
  %d = lowbit.convert %w : !lowbit.tensor<8x64xf32, #lowbit.leaf<int<8>, scale = [f32 per row]>> to !lowbit.tensor<8x64xf32, #lowbit.leaf<int<4>, scale = [f32 per row]>>
  return
}

// -----

// quantize C1: integer codes.
func.func @f(%x: tensor<?x64xf32>) {
  // expected-error @+1 {{'lowbit.quantize' op requires activations of an integer code that includes 0 and 1}}
  %a = lowbit.quantize %x : tensor<?x64xf32> -> !lowbit.tensor<?x64xf32, #lowbit.leaf<fp<f16>, scale = [f32 per row]>>
  return
}

// -----

// quantize C1: codes around 0.
func.func @f(%x: tensor<?x64xf32>) {
  // expected-error @+1 {{'lowbit.quantize' op requires activations of an integer code that includes 0 and 1}}
  %a = lowbit.quantize %x : tensor<?x64xf32> -> !lowbit.tensor<?x64xf32, #lowbit.leaf<uint<4, 1:15>, scale = [f32 per row]>>
  return
}

// -----

// quantize C1: codes above 0.
func.func @f(%x: tensor<?x64xf32>) {
  // expected-error @+1 {{'lowbit.quantize' op requires activations of an integer code that includes 0 and 1}}
  %a = lowbit.quantize %x : tensor<?x64xf32> -> !lowbit.tensor<?x64xf32, #lowbit.leaf<int<4, -8:0>, scale = [f32 per row]>>
  return
}

// -----

// quantize C1: a scale.
func.func @f(%x: tensor<?x64xf32>) {
  // expected-error @+1 {{'lowbit.quantize' op requires activations with one f32 scale, no zero and no offset}}
  %a = lowbit.quantize %x : tensor<?x64xf32> -> !lowbit.tensor<?x64xf32, #lowbit.leaf<int<8>>>
  return
}

// -----

// quantize C1: one scale.
func.func @f(%x: tensor<?x64xf32>) {
  // expected-error @+1 {{'lowbit.quantize' op requires activations with one f32 scale, no zero and no offset}}
  %a = lowbit.quantize %x : tensor<?x64xf32> -> !lowbit.tensor<?x64xf32, #lowbit.leaf<int<8>, scale = [f32 per row, f32 per tensor]>>
  return
}

// -----

// quantize C1: an f32 scale.
func.func @f(%x: tensor<?x64xf32>) {
  // expected-error @+1 {{'lowbit.quantize' op requires activations with one f32 scale, no zero and no offset}}
  %a = lowbit.quantize %x : tensor<?x64xf32> -> !lowbit.tensor<?x64xf32, #lowbit.leaf<int<8>, scale = [f16 per row]>>
  return
}

// -----

// quantize C1: no zero.
func.func @f(%x: tensor<?x64xf32>) {
  // expected-error @+1 {{'lowbit.quantize' op requires activations with one f32 scale, no zero and no offset}}
  %a = lowbit.quantize %x : tensor<?x64xf32> -> !lowbit.tensor<?x64xf32, #lowbit.leaf<int<8>, scale = [f32 per row], zero = int<8> per row>>
  return
}

// -----

// quantize C1: no offset.
func.func @f(%x: tensor<?x64xf32>) {
  // expected-error @+1 {{'lowbit.quantize' op requires activations with one f32 scale, no zero and no offset}}
  %a = lowbit.quantize %x : tensor<?x64xf32> -> !lowbit.tensor<?x64xf32, #lowbit.leaf<int<8>, scale = [f32 per row], offset = [f32 per row]>>
  return
}

// -----

// quantize C1: a scale per row.
func.func @f(%x: tensor<?x64xf32>) {
  // expected-error @+1 {{'lowbit.quantize' op requires activations with a scale per row or per group of columns}}
  %a = lowbit.quantize %x : tensor<?x64xf32> -> !lowbit.tensor<?x64xf32, #lowbit.leaf<int<8>, scale = [f32 per tensor]>>
  return
}

// -----

// quantize C1: a scale per row.
func.func @f(%x: tensor<?x64xf32>) {
  // expected-error @+1 {{'lowbit.quantize' op requires activations with a scale per row or per group of columns}}
  %a = lowbit.quantize %x : tensor<?x64xf32> -> !lowbit.tensor<?x64xf32, #lowbit.leaf<int<8>, scale = [f32 per col]>>
  return
}

// -----

// quantize C1: groups are of columns.
func.func @f(%x: tensor<?x64xf32>) {
  // expected-error @+1 {{'lowbit.quantize' op requires activations with a scale per row or per group of columns}}
  %a = lowbit.quantize %x : tensor<?x64xf32> -> !lowbit.tensor<?x64xf32, #lowbit.leaf<int<8>, scale = [f32 per map<(n, k) -> (n, n)>]>>
  return
}

// -----

// quantize C2.
func.func @f(%x: tensor<?x64xf32>) {
  // expected-error @+1 {{'lowbit.quantize' op requires equal shapes, got 'tensor<?x64xf32>' and 'tensor<?x32xf32>'}}
  %a = lowbit.quantize %x : tensor<?x64xf32> -> !lowbit.tensor<?x32xf32, #lowbit.leaf<int<8>, scale = [f32 per row]>>
  return
}

// -----

// quantize C3.
func.func @f(%x: tensor<?x64xf32>) {
  // expected-error @+1 {{'lowbit.quantize' op requires a finite floor >= 0, got -1.000000e+00}}
  %a = lowbit.quantize %x floor -1.0 : tensor<?x64xf32> -> !lowbit.tensor<?x64xf32, #lowbit.leaf<int<8>, scale = [f32 per row]>>
  return
}

// -----

// quantize C3: not NaN.
func.func @f(%x: tensor<?x64xf32>) {
  // expected-error @+1 {{'lowbit.quantize' op requires a finite floor >= 0, got nan}}
  %a = lowbit.quantize %x floor 0x7FC00000 : tensor<?x64xf32> -> !lowbit.tensor<?x64xf32, #lowbit.leaf<int<8>, scale = [f32 per row]>>
  return
}

// -----

// quantize C3: finite.
func.func @f(%x: tensor<?x64xf32>) {
  // expected-error @+1 {{'lowbit.quantize' op requires a finite floor >= 0, got INF}}
  %a = lowbit.quantize %x floor 0x7F800000 : tensor<?x64xf32> -> !lowbit.tensor<?x64xf32, #lowbit.leaf<int<8>, scale = [f32 per row]>>
  return
}

// -----

// quantize: static columns.
func.func @f(%x: tensor<?x?xf32>) {
  // expected-error @+1 {{'lowbit.quantize' op requires a static number of columns in 'input'}}
  %a = lowbit.quantize %x : tensor<?x?xf32> -> !lowbit.tensor<?x64xf32, #lowbit.leaf<int<8>, scale = [f32 per row]>>
  return
}

// -----

// quantize: f32 rows.
func.func @f(%x: tensor<?x64xf16>) {
  // expected-error @+1 {{'lowbit.quantize' op operand #0 must be 2D tensor of 32-bit float values, but got 'tensor<?x64xf16>'}}
  %a = lowbit.quantize %x : tensor<?x64xf16> -> !lowbit.tensor<?x64xf32, #lowbit.leaf<int<8>, scale = [f32 per row]>>
  return
}

// -----

// matmul C1: columns.
func.func @f(%x: tensor<?x32xf32>, %w: !lowbit.tensor<8x64xf32, #lowbit.leaf<uint<4>>>) {
  // expected-error @+1 {{'lowbit.matmul' op requires [M, K] x [N, K] -> [M, N], got 'tensor<?x32xf32>', 'tensor<8x64xf32>' and 'tensor<?x8xf32>'}}
  %y = lowbit.matmul %x, %w : tensor<?x32xf32>, !lowbit.tensor<8x64xf32, #lowbit.leaf<uint<4>>> -> tensor<?x8xf32>
  return
}

// -----

// matmul C1: rows.
func.func @f(%x: tensor<?x64xf32>, %w: !lowbit.tensor<8x64xf32, #lowbit.leaf<uint<4>>>) {
  // expected-error @+1 {{'lowbit.matmul' op requires [M, K] x [N, K] -> [M, N], got 'tensor<?x64xf32>', 'tensor<8x64xf32>' and 'tensor<?x9xf32>'}}
  %y = lowbit.matmul %x, %w : tensor<?x64xf32>, !lowbit.tensor<8x64xf32, #lowbit.leaf<uint<4>>> -> tensor<?x9xf32>
  return
}

// -----

// matmul C1: tokens.
func.func @f(%x: tensor<3x64xf32>, %w: !lowbit.tensor<8x64xf32, #lowbit.leaf<uint<4>>>) {
  // expected-error @+1 {{'lowbit.matmul' op requires [M, K] x [N, K] -> [M, N], got 'tensor<3x64xf32>', 'tensor<8x64xf32>' and 'tensor<?x8xf32>'}}
  %y = lowbit.matmul %x, %w : tensor<3x64xf32>, !lowbit.tensor<8x64xf32, #lowbit.leaf<uint<4>>> -> tensor<?x8xf32>
  return
}

// -----

// matmul C1: a static weight.
func.func @f(%x: tensor<?x64xf32>, %w: !lowbit.tensor<?x64xf32, #lowbit.leaf<uint<4>>>) {
  // expected-error @+1 {{'lowbit.matmul' op requires a static [rows, columns] weight}}
  %y = lowbit.matmul %x, %w : tensor<?x64xf32>, !lowbit.tensor<?x64xf32, #lowbit.leaf<uint<4>>> -> tensor<?x8xf32>
  return
}

// -----

// matmul C2.
func.func @f(%x: !lowbit.tensor<?x64xf32, #lowbit.leaf<int<8>, scale = [f32 per row]>>, %w: !lowbit.tensor<8x64xf32, #lowbit.leaf<fp<f16>>>) {
  // expected-error @+1 {{'lowbit.matmul' op requires an integer code in the weight of a quantized input}}
  %y = lowbit.matmul %x, %w : !lowbit.tensor<?x64xf32, #lowbit.leaf<int<8>, scale = [f32 per row]>>, !lowbit.tensor<8x64xf32, #lowbit.leaf<fp<f16>>> -> tensor<?x8xf32>
  return
}

// -----

// matmul C3 (V10): 128 * 255 * 65794 is above 2^31, 65793 columns pass (ops.mlir).
func.func @f(%x: !lowbit.tensor<?x65794xf32, #lowbit.leaf<int<8>, scale = [f32 per row]>>, %w: !lowbit.tensor<8x65794xf32, #lowbit.leaf<uint<8>, scale = [f32 per row]>>) {
  // expected-error @+1 {{'lowbit.matmul' op requires every s32 sum to stay below 2^31 (V10): 65794 products of up to 255 x 128; give the weight or the activations a scale group}}
  %y = lowbit.matmul %x, %w : !lowbit.tensor<?x65794xf32, #lowbit.leaf<int<8>, scale = [f32 per row]>>, !lowbit.tensor<8x65794xf32, #lowbit.leaf<uint<8>, scale = [f32 per row]>> -> tensor<?x8xf32>
  return
}

// -----

// matmul C3 (V10): integer factors count.
func.func @f(%x: !lowbit.tensor<?x8192xf32, #lowbit.leaf<int<8>, scale = [f32 per row]>>, %w: !lowbit.tensor<8x8192xf32, #lowbit.leaf<uint<4>, scale = [f16 per row, uint<8> per map<(n, k) -> (n, k floordiv 32)>]>>) {
  // expected-error @+1 {{'lowbit.matmul' op requires every s32 sum to stay below 2^31 (V10): 8192 products of up to 3825 x 128; give the weight or the activations a scale group}}
  %y = lowbit.matmul %x, %w : !lowbit.tensor<?x8192xf32, #lowbit.leaf<int<8>, scale = [f32 per row]>>, !lowbit.tensor<8x8192xf32, #lowbit.leaf<uint<4>, scale = [f16 per row, uint<8> per map<(n, k) -> (n, k floordiv 32)>]>> -> tensor<?x8xf32>
  return
}

// -----

// matmul C3 (V10): zero points count.
func.func @f(%x: !lowbit.tensor<?x33024xf32, #lowbit.leaf<int<8>, scale = [f32 per row]>>, %w: !lowbit.tensor<8x33024xf32, #lowbit.leaf<uint<8>, scale = [f16 per row], zero = uint<9> per row>>) {
  // expected-error @+1 {{'lowbit.matmul' op requires every s32 sum to stay below 2^31 (V10): 33024 products of up to 766 x 128; give the weight or the activations a scale group}}
  %y = lowbit.matmul %x, %w : !lowbit.tensor<?x33024xf32, #lowbit.leaf<int<8>, scale = [f32 per row]>>, !lowbit.tensor<8x33024xf32, #lowbit.leaf<uint<8>, scale = [f16 per row], zero = uint<9> per row>> -> tensor<?x8xf32>
  return
}

// -----

// matmul C3 (V10): integer factors of offsets count.
func.func @f(%x: !lowbit.tensor<?x8192xf32, #lowbit.leaf<int<8>, scale = [f32 per row]>>, %w: !lowbit.tensor<8x8192xf32, #lowbit.leaf<uint<4>, scale = [f16 per row], offset = [f16 per row, uint<16> per row]>>) {
  // expected-error @+1 {{'lowbit.matmul' op requires every s32 sum to stay below 2^31 (V10): 8192 products of up to 65535 x 128; give the weight or the activations a scale group}}
  %y = lowbit.matmul %x, %w : !lowbit.tensor<?x8192xf32, #lowbit.leaf<int<8>, scale = [f32 per row]>>, !lowbit.tensor<8x8192xf32, #lowbit.leaf<uint<4>, scale = [f16 per row], offset = [f16 per row, uint<16> per row]>> -> tensor<?x8xf32>
  return
}

// -----

// matmul C4.
func.func @f(%x: tensor<?x64xf32>, %w: !lowbit.tensor<8x64xf32, #lowbit.leaf<uint<4>>>, %b: tensor<64xf32>) {
  // expected-error @+1 {{'lowbit.matmul' op requires 'bias' of 8 elements, got 64}}
  %y = lowbit.matmul %x, %w bias %b : tensor<64xf32> : tensor<?x64xf32>, !lowbit.tensor<8x64xf32, #lowbit.leaf<uint<4>>> -> tensor<?x8xf32>
  return
}

// -----

// matmul C5: activations with a zero point.
func.func @f(%x: !lowbit.tensor<?x64xf32, #lowbit.leaf<int<8>, scale = [f32 per row], zero = int<8> per row>>, %w: !lowbit.tensor<8x64xf32, #lowbit.leaf<uint<4>>>) {
  // expected-error @+1 {{'lowbit.matmul' op requires activations with one f32 scale, no zero and no offset}}
  %y = lowbit.matmul %x, %w : !lowbit.tensor<?x64xf32, #lowbit.leaf<int<8>, scale = [f32 per row], zero = int<8> per row>>, !lowbit.tensor<8x64xf32, #lowbit.leaf<uint<4>>> -> tensor<?x8xf32>
  return
}

// -----

// matmul C5: activations in floats.
func.func @f(%x: !lowbit.tensor<?x64xf32, #lowbit.leaf<fp<f16>>>, %w: !lowbit.tensor<8x64xf32, #lowbit.leaf<uint<4>>>) {
  // expected-error @+1 {{'lowbit.matmul' op requires activations of an integer code that includes 0 and 1}}
  %y = lowbit.matmul %x, %w : !lowbit.tensor<?x64xf32, #lowbit.leaf<fp<f16>>>, !lowbit.tensor<8x64xf32, #lowbit.leaf<uint<4>>> -> tensor<?x8xf32>
  return
}

// -----

// matmul C5: a scale for the whole tensor.
func.func @f(%x: !lowbit.tensor<?x64xf32, #lowbit.leaf<int<8>, scale = [f32 per tensor]>>, %w: !lowbit.tensor<8x64xf32, #lowbit.leaf<uint<4>>>) {
  // expected-error @+1 {{'lowbit.matmul' op requires activations with a scale per row or per group of columns}}
  %y = lowbit.matmul %x, %w : !lowbit.tensor<?x64xf32, #lowbit.leaf<int<8>, scale = [f32 per tensor]>>, !lowbit.tensor<8x64xf32, #lowbit.leaf<uint<4>>> -> tensor<?x8xf32>
  return
}

// -----

// norm C1: weight.
func.func @f(%x: tensor<?x64xf32>, %g: tensor<32xf32>) {
  // expected-error @+1 {{'lowbit.norm' op requires 'weight' of 64 elements, got 32}}
  %y = lowbit.norm rms %x weight %g : tensor<32xf32> eps 1.0e-05 : tensor<?x64xf32>
  return
}

// -----

// norm C1: bias.
func.func @f(%x: tensor<?x64xf32>, %g: tensor<32xf32>) {
  // expected-error @+1 {{'lowbit.norm' op requires 'bias' of 64 elements, got 32}}
  %y = lowbit.norm layer %x bias %g : tensor<32xf32> eps 1.0e-05 : tensor<?x64xf32>
  return
}

// -----

// norm C1: scale.
func.func @f(%x: tensor<?x64xf32>, %g: tensor<32xf32>, %h: tensor<64xf32>) {
  // expected-error @+1 {{'lowbit.norm' op requires 'scale' of 64 elements, got 32}}
  %y = lowbit.norm layer %x modulate %g : tensor<32xf32>, %h : tensor<64xf32> eps 1.0e-05 : tensor<?x64xf32>
  return
}

// -----

// norm C1: shift.
func.func @f(%x: tensor<?x64xf32>, %g: tensor<32xf32>, %h: tensor<64xf32>) {
  // expected-error @+1 {{'lowbit.norm' op requires 'shift' of 64 elements, got 32}}
  %y = lowbit.norm layer %x modulate %h : tensor<64xf32>, %g : tensor<32xf32> eps 1.0e-05 : tensor<?x64xf32>
  return
}

// -----

// norm C2.
func.func @f(%x: tensor<?x64xf32>, %g: tensor<64xf32>) {
  // expected-error @+1 {{'lowbit.norm' op requires 'scale' and 'shift' together}}
  %y = "lowbit.norm"(%x, %g) <{eps = 1.0e-05 : f32, kind = #lowbit<norm_kind rms>, operandSegmentSizes = array<i32: 1, 0, 0, 1, 0>}> : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?x64xf32>
  return
}

// -----

// norm C3.
func.func @f(%x: tensor<?x64xf32>) {
  // expected-error @+1 {{'lowbit.norm' op requires eps > 0, got 0.000000e+00}}
  %y = lowbit.norm rms %x eps 0.0 : tensor<?x64xf32>
  return
}

// -----

// norm: static columns.
func.func @f(%x: tensor<?x?xf32>) {
  // expected-error @+1 {{'lowbit.norm' op requires a static number of columns in 'input'}}
  %y = lowbit.norm rms %x eps 1.0e-05 : tensor<?x?xf32>
  return
}

// -----

// norm: kinds.
func.func @f(%x: tensor<?x64xf32>) {
  // expected-error @+2 {{custom op 'lowbit.norm' expected ::mlir::lowbit::NormKind to be one of: rms, layer}}
  // expected-error @+1 {{custom op 'lowbit.norm' failed to parse Lowbit_NormKindAttr parameter 'value' which is to be a `::mlir::lowbit::NormKind`}}
  %y = lowbit.norm batch %x eps 1.0e-05 : tensor<?x64xf32>
  return
}

// -----

// rope C1: columns.
func.func @f(%x: tensor<?x64xf32>, %t: tensor<512x4x2xf32>, %p: i64) {
  // expected-error @+1 {{'lowbit.rope' op requires the columns to be heads x elements, got 64 and 7 heads}}
  %y = lowbit.rope half %x table %t at %p heads 7 : tensor<?x64xf32>, tensor<512x4x2xf32>
  return
}

// -----

// rope C1: rank of the table.
func.func @f(%x: tensor<?x64xf32>, %t: tensor<512x8xf32>, %p: i64) {
  // expected-error @+1 {{'lowbit.rope' op requires a table [positions, d / 2, 2], got 'tensor<512x8xf32>'}}
  %y = lowbit.rope half %x table %t at %p heads 8 : tensor<?x64xf32>, tensor<512x8xf32>
  return
}

// -----

// rope C1: pairs of the table.
func.func @f(%x: tensor<?x64xf32>, %t: tensor<512x4x3xf32>, %p: i64) {
  // expected-error @+1 {{'lowbit.rope' op requires a table [positions, d / 2, 2], got 'tensor<512x4x3xf32>'}}
  %y = lowbit.rope half %x table %t at %p heads 8 : tensor<?x64xf32>, tensor<512x4x3xf32>
  return
}

// -----

// rope C1: rotated elements.
func.func @f(%x: tensor<?x64xf32>, %t: tensor<512x5x2xf32>, %p: i64) {
  // expected-error @+1 {{'lowbit.rope' op requires a table of at most 4 pairs a head, got 5}}
  %y = lowbit.rope half %x table %t at %p heads 8 : tensor<?x64xf32>, tensor<512x5x2xf32>
  return
}

// -----

// rope C2.
func.func @f(%x: tensor<?x64xf32>, %t: tensor<512x4x2xf32>, %p: i64) {
  // expected-error @+1 {{'lowbit.rope' op requires the columns to be heads x elements, got 64 and 0 heads}}
  %y = lowbit.rope half %x table %t at %p heads 0 : tensor<?x64xf32>, tensor<512x4x2xf32>
  return
}

// -----

// kv.append C1.
func.func @f(%kv: !lowbit.kv<4x8xf32>, %k: tensor<?x64xf32>, %p: i64) {
  // expected-error @+1 {{'lowbit.kv.append' op requires keys and values of 32 columns, got 64}}
  lowbit.kv.append %kv, %k, %k at %p : !lowbit.kv<4x8xf32>, tensor<?x64xf32>
  return
}

// -----

// kv.append: one number of rows.
func.func @f(%kv: !lowbit.kv<4x8xf32>, %k: tensor<2x32xf32>, %v: tensor<3x32xf32>, %p: i64) {
  // expected-error @+1 {{'lowbit.kv.append' op failed to verify that all of {keys, values} have same type}}
  "lowbit.kv.append"(%kv, %k, %v, %p) : (!lowbit.kv<4x8xf32>, tensor<2x32xf32>, tensor<3x32xf32>, i64) -> ()
  return
}

// -----

// attention C1: columns.
func.func @f(%q: tensor<?x64xf32>, %kv: !lowbit.kv<4x8xf32>, %pos: i64) {
  // expected-error @+1 {{'lowbit.attention' op requires the columns to be heads x elements, got 64 and 7 heads}}
  %y = lowbit.attention causal %q cache %kv at %pos : !lowbit.kv<4x8xf32> heads 7 scale 1.0 : tensor<?x64xf32>
  return
}

// -----

// attention C1: grouped heads.
func.func @f(%q: tensor<?x64xf32>, %kv: !lowbit.kv<3x8xf32>, %pos: i64) {
  // expected-error @+1 {{'lowbit.attention' op requires heads to be a multiple of the key/value heads, got 8 and 3}}
  %y = lowbit.attention causal %q cache %kv at %pos : !lowbit.kv<3x8xf32> heads 8 scale 1.0 : tensor<?x64xf32>
  return
}

// -----

// attention C1: elements of a head.
func.func @f(%q: tensor<?x64xf32>, %kv: !lowbit.kv<4x16xf32>, %pos: i64) {
  // expected-error @+1 {{'lowbit.attention' op requires keys and values of 8 elements a head, got 16}}
  %y = lowbit.attention causal %q cache %kv at %pos : !lowbit.kv<4x16xf32> heads 8 scale 1.0 : tensor<?x64xf32>
  return
}

// -----

// attention C1: given keys.
func.func @f(%q: tensor<?x64xf32>, %k: tensor<?x24xf32>) {
  // expected-error @+1 {{'lowbit.attention' op requires keys and values of 8 elements a head, got 6}}
  %y = lowbit.attention none %q keys %k values %k : tensor<?x24xf32>, tensor<?x24xf32> heads 8 scale 1.0 kv_heads 4 : tensor<?x64xf32>
  return
}

// -----

// attention C2: one of both.
func.func @f(%q: tensor<?x64xf32>, %kv: !lowbit.kv<4x8xf32>, %pos: i64) {
  // expected-error @+1 {{'lowbit.attention' op requires either 'cache' and 'position', or 'keys', 'values' and 'kv_heads'}}
  %y = lowbit.attention causal %q heads 8 scale 1.0 : tensor<?x64xf32>
  return
}

// -----

// attention C2: not both.
func.func @f(%q: tensor<?x64xf32>, %kv: !lowbit.kv<4x8xf32>, %pos: i64, %k: tensor<?x32xf32>) {
  // expected-error @+1 {{'lowbit.attention' op requires either 'cache' and 'position', or 'keys', 'values' and 'kv_heads'}}
  %y = lowbit.attention causal %q cache %kv at %pos : !lowbit.kv<4x8xf32> keys %k values %k : tensor<?x32xf32>, tensor<?x32xf32> heads 8 scale 1.0 kv_heads 4 : tensor<?x64xf32>
  return
}

// -----

// attention C2: kv_heads.
func.func @f(%q: tensor<?x64xf32>, %k: tensor<?x32xf32>) {
  // expected-error @+1 {{'lowbit.attention' op requires either 'cache' and 'position', or 'keys', 'values' and 'kv_heads'}}
  %y = lowbit.attention none %q keys %k values %k : tensor<?x32xf32>, tensor<?x32xf32> heads 8 scale 1.0 : tensor<?x64xf32>
  return
}

// -----

// attention C3: a window.
func.func @f(%q: tensor<?x64xf32>, %kv: !lowbit.kv<4x8xf32>, %pos: i64) {
  // expected-error @+1 {{'lowbit.attention' op requires 'window' >= 1 exactly with the window mask}}
  %y = lowbit.attention window %q cache %kv at %pos : !lowbit.kv<4x8xf32> heads 8 scale 1.0 : tensor<?x64xf32>
  return
}

// -----

// attention C3: without the mask.
func.func @f(%q: tensor<?x64xf32>, %kv: !lowbit.kv<4x8xf32>, %pos: i64) {
  // expected-error @+1 {{'lowbit.attention' op requires 'window' >= 1 exactly with the window mask}}
  %y = lowbit.attention causal %q cache %kv at %pos : !lowbit.kv<4x8xf32> heads 8 scale 1.0 window 4 : tensor<?x64xf32>
  return
}

// -----

// attention C3: window >= 1.
func.func @f(%q: tensor<?x64xf32>, %kv: !lowbit.kv<4x8xf32>, %pos: i64) {
  // expected-error @+1 {{'lowbit.attention' op requires 'window' >= 1 exactly with the window mask}}
  %y = lowbit.attention window %q cache %kv at %pos : !lowbit.kv<4x8xf32> heads 8 scale 1.0 window 0 : tensor<?x64xf32>
  return
}

// -----

// gather_rows C1: columns.
func.func @f(%t: !lowbit.tensor<8x64xf32, #lowbit.leaf<fp<f32>>>, %i: tensor<?xi32>) {
  // expected-error @+1 {{'lowbit.gather_rows' op requires [N, K] and [M] -> [M, K], got 'tensor<8x64xf32>', 'tensor<?xi32>' and 'tensor<?x32xf32>'}}
  %y = lowbit.gather_rows %t, %i : !lowbit.tensor<8x64xf32, #lowbit.leaf<fp<f32>>>, tensor<?xi32> -> tensor<?x32xf32>
  return
}

// -----

// gather_rows C1: ids.
func.func @f(%t: !lowbit.tensor<8x64xf32, #lowbit.leaf<fp<f32>>>, %i: tensor<?x1xi32>) {
  // expected-error @+1 {{'lowbit.gather_rows' op requires [N, K] and [M] -> [M, K], got 'tensor<8x64xf32>', 'tensor<?x1xi32>' and 'tensor<?x64xf32>'}}
  %y = lowbit.gather_rows %t, %i : !lowbit.tensor<8x64xf32, #lowbit.leaf<fp<f32>>>, tensor<?x1xi32> -> tensor<?x64xf32>
  return
}

// -----

// gather_rows C1: as many rows as ids.
func.func @f(%t: !lowbit.tensor<8x64xf32, #lowbit.leaf<fp<f32>>>, %i: tensor<3xi32>) {
  // expected-error @+1 {{'lowbit.gather_rows' op requires [N, K] and [M] -> [M, K], got 'tensor<8x64xf32>', 'tensor<3xi32>' and 'tensor<?x64xf32>'}}
  %y = lowbit.gather_rows %t, %i : !lowbit.tensor<8x64xf32, #lowbit.leaf<fp<f32>>>, tensor<3xi32> -> tensor<?x64xf32>
  return
}

// -----

// gather_rows C1: a static table.
func.func @f(%t: !lowbit.tensor<?x64xf32, #lowbit.leaf<fp<f32>>>, %i: tensor<?xi32>) {
  // expected-error @+1 {{'lowbit.gather_rows' op requires a table with a static number of rows}}
  %y = lowbit.gather_rows %t, %i : !lowbit.tensor<?x64xf32, #lowbit.leaf<fp<f32>>>, tensor<?xi32> -> tensor<?x64xf32>
  return
}

// -----

// activation: kinds.
func.func @f(%x: tensor<?x64xf32>) {
  // expected-error @+2 {{custom op 'lowbit.activation' expected ::mlir::lowbit::ActivationKind to be one of: silu, gelu_tanh, relu2, sigmoid, tanh, exp}}
  // expected-error @+1 {{custom op 'lowbit.activation' failed to parse Lowbit_ActivationKindAttr parameter 'value' which is to be a `::mlir::lowbit::ActivationKind`}}
  %y = lowbit.activation relu %x : tensor<?x64xf32>
  return
}

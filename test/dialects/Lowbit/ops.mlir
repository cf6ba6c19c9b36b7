// RUN: lowbit-opt --verify-roundtrip %s | FileCheck %s

// The examples of the op descriptions, each in one function or module op.

#w8 = #lowbit.leaf<int<8>, scale = [f32 per row]>
#q4 = #lowbit.leaf<uint<4>>

// CHECK: lowbit.param @norm : tensor<64xf32> = #lowbit.file<tensor = "output_norm.weight", format = "gguf.f32">
lowbit.param @norm : tensor<64xf32> = #lowbit.file<tensor = "output_norm.weight", format = "gguf.f32">
// CHECK: lowbit.param @rope : tensor<512x4x2xf32> = #lowbit.rope_table<theta = 1.000000e+04 : f64>
lowbit.param @rope : tensor<512x4x2xf32> = #lowbit.rope_table<theta = 1.000000e+04>
// CHECK: lowbit.param @splat : tensor<64xf32> = #lowbit.splat<value = 1.000000e+00 : f32, code = 0>
lowbit.param @splat : tensor<64xf32> = #lowbit.splat<value = 1.000000e+00 : f32, code = 0>
// CHECK: lowbit.param @unbound : !lowbit.tensor<32x64xf32, #{{[a-z0-9_]+}}>
lowbit.param @unbound : !lowbit.tensor<32x64xf32, #q4>
// CHECK: lowbit.param_set @layer0 [@norm]
lowbit.param_set @layer0 [@norm]
// CHECK: lowbit.param_set @layer1 overlay @layer0 {0 = @splat}
lowbit.param_set @layer1 overlay @layer0 {0 = @splat}
// CHECK: lowbit.param_set @empty []
lowbit.param_set @empty []
// CHECK: lowbit.kv_cache @kv slots 2 : !lowbit.kv<4x8xf32>
lowbit.kv_cache @kv slots 2 : !lowbit.kv<4x8xf32>

// CHECK: lowbit.block @layer(%{{.*}}: tensor<?x64xf32>, %{{.*}}: tensor<64xf32>) -> tensor<?x64xf32> attributes {num_params = 1 : i64, num_states = 0 : i64}
lowbit.block @layer(%h: tensor<?x64xf32>, %g: tensor<64xf32>) -> tensor<?x64xf32>
    attributes {num_params = 1 : i64, num_states = 0 : i64} {
  // CHECK: lowbit.norm rms %{{.*}} weight %{{.*}} : tensor<64xf32> eps 9.99999974E-6 : tensor<?x64xf32>
  %n = lowbit.norm rms %h weight %g : tensor<64xf32> eps 1.000000e-05 : tensor<?x64xf32>
  // CHECK: lowbit.return %{{.*}} : tensor<?x64xf32>
  lowbit.return %n : tensor<?x64xf32>
}

// CHECK: lowbit.block @stateful
lowbit.block @stateful(%h: tensor<?x64xf32>, %pos: i64, %kv: !lowbit.kv<4x8xf32>) -> tensor<?x64xf32>
    attributes {num_params = 0 : i64, num_states = 1 : i64} {
  // CHECK: lowbit.attention causal %{{.*}} cache %{{.*}} at %{{.*}} : !lowbit.kv<4x8xf32> heads 8 scale 0.353553385 : tensor<?x64xf32>
  %y = lowbit.attention causal %h cache %kv at %pos : !lowbit.kv<4x8xf32>
      heads 8 scale 0.353553385 : tensor<?x64xf32>
  lowbit.return %y : tensor<?x64xf32>
}

// CHECK-LABEL: @layers
func.func @layers(%h: tensor<?x64xf32>, %pos: i64) -> tensor<?x64xf32> {
  // CHECK: lowbit.layer @layer(%{{.*}}) params @layer0 : (tensor<?x64xf32>) -> tensor<?x64xf32>
  %0 = lowbit.layer @layer(%h) params @layer0 : (tensor<?x64xf32>) -> tensor<?x64xf32>
  // CHECK: lowbit.layer @stateful(%{{.*}}, %{{.*}}) state @kv[0] : (tensor<?x64xf32>, i64) -> tensor<?x64xf32>
  %1 = lowbit.layer @stateful(%0, %pos) state @kv[0] : (tensor<?x64xf32>, i64) -> tensor<?x64xf32>
  %2 = lowbit.layer @stateful(%1, %pos) params @empty state @kv[1] : (tensor<?x64xf32>, i64) -> tensor<?x64xf32>
  return %2 : tensor<?x64xf32>
}

// CHECK-LABEL: @get_param
func.func @get_param() -> tensor<64xf32> {
  // CHECK: lowbit.get_param @norm : tensor<64xf32>
  %g = lowbit.get_param @norm : tensor<64xf32>
  return %g : tensor<64xf32>
}

// CHECK-LABEL: @values
func.func @values(%codes: tensor<2x32xi8>, %scale: tensor<2xf32>) -> tensor<2x32xf32> {
  // CHECK: lowbit.assemble %{{.*}}, %{{.*}} : (tensor<2x32xi8>, tensor<2xf32>) -> !lowbit.tensor<2x32xf32, #{{[a-z0-9_]+}}>
  %w = lowbit.assemble %codes, %scale : (tensor<2x32xi8>, tensor<2xf32>)
      -> !lowbit.tensor<2x32xf32, #w8>
  // CHECK: lowbit.disassemble %{{.*}} : <2x32xf32, #{{[a-z0-9_]+}}> -> tensor<2x32xi8>, tensor<2xf32>
  %c, %s = lowbit.disassemble %w : !lowbit.tensor<2x32xf32, #w8> -> tensor<2x32xi8>, tensor<2xf32>
  // CHECK: lowbit.decode %{{.*}} : <2x32xf32, #{{[a-z0-9_]+}}> -> tensor<2x32xf32>
  %d = lowbit.decode %w : !lowbit.tensor<2x32xf32, #w8> -> tensor<2x32xf32>
  return %d : tensor<2x32xf32>
}

// Components of activations have as many rows as the activations.
// CHECK-LABEL: @dynamic_components
func.func @dynamic_components(%a: !lowbit.tensor<?x64xf32, #lowbit.leaf<int<8>, scale = [f32 per row, f32 per col, f32 per tensor]>>) {
  // CHECK: lowbit.disassemble
  %c, %s, %t, %u = lowbit.disassemble %a
      : !lowbit.tensor<?x64xf32, #lowbit.leaf<int<8>, scale = [f32 per row, f32 per col, f32 per tensor]>>
      -> tensor<?x64xi8>, tensor<?xf32>, tensor<64xf32>, tensor<f32>
  return
}

// Words of a packed layout, its padding, and the placement of scales.
// CHECK-LABEL: @layout_components
func.func @layout_components(%a: !lowbit.tensor<12x40xf32, #lowbit.leaf<uint<4>,
    scale = [f16 per row at (n) -> (n floordiv 8, n mod 8)],
    layout = bits<i8, word = (n, k) -> (n floordiv 8, k floordiv 32, (k mod 16) floordiv 4, n mod 8, k mod 4),
                  bit = (n, k) -> (4 * ((k mod 32) floordiv 16))>>>) {
  // CHECK: -> tensor<2x2x4x8x4xi8>, tensor<2x8xf16>
  %c, %s = lowbit.disassemble %a : !lowbit.tensor<12x40xf32, #lowbit.leaf<uint<4>,
    scale = [f16 per row at (n) -> (n floordiv 8, n mod 8)],
    layout = bits<i8, word = (n, k) -> (n floordiv 8, k floordiv 32, (k mod 16) floordiv 4, n mod 8, k mod 4),
                  bit = (n, k) -> (4 * ((k mod 32) floordiv 16))>>>
    -> tensor<2x2x4x8x4xi8>, tensor<2x8xf16>
  return
}

// CHECK-LABEL: @convert
func.func @convert(%a: !lowbit.tensor<8x32xf32, #lowbit.leaf<uint<4>>>) {
  // CHECK: lowbit.convert %{{.*}} : <8x32xf32, #{{[a-z0-9_]+}}> to <8x32xf32, #{{[a-z0-9_]+}}>
  %b = lowbit.convert %a : !lowbit.tensor<8x32xf32, #lowbit.leaf<uint<4>>>
      to !lowbit.tensor<8x32xf32, #lowbit.leaf<uint<4>, layout = bits<i32,
         word = (d0, d1) -> (d0, d1 floordiv 8), bit = (d0, d1) -> ((d1 mod 8) * 4)>>>
  return
}

// CHECK-LABEL: @quantize
func.func @quantize(%x: tensor<?x64xf32>) {
  // CHECK: lowbit.quantize %{{.*}} floor 9.99999974E-6 : tensor<?x64xf32> -> <?x64xf32, #{{[a-z0-9_]+}}>
  %a = lowbit.quantize %x floor 1.000000e-05 : tensor<?x64xf32> -> !lowbit.tensor<?x64xf32, #w8>
  // CHECK: lowbit.quantize %{{.*}} : tensor<?x64xf32>
  %b = lowbit.quantize %x : tensor<?x64xf32>
      -> !lowbit.tensor<?x64xf32, #lowbit.leaf<int<8, -127:127>, scale = [f32 per map<(n, k) -> (n, k floordiv 32)>]>>
  return
}

// CHECK-LABEL: @matmul
func.func @matmul(%x: tensor<?x64xf32>, %a: !lowbit.tensor<?x64xf32, #w8>,
                  %w: !lowbit.tensor<32x64xf32, #lowbit.leaf<uint<4>>>, %b: tensor<32xf32>) {
  // CHECK: lowbit.matmul %{{.*}}, %{{.*}} : tensor<?x64xf32>, <32x64xf32, #{{[a-z0-9_]+}}> -> tensor<?x32xf32>
  %y = lowbit.matmul %x, %w : tensor<?x64xf32>,
      !lowbit.tensor<32x64xf32, #lowbit.leaf<uint<4>>> -> tensor<?x32xf32>
  // CHECK: lowbit.matmul %{{.*}}, %{{.*}} bias %{{.*}} : tensor<32xf32> : !lowbit.tensor<?x64xf32, #{{[a-z0-9_]+}}>
  %z = lowbit.matmul %a, %w bias %b : tensor<32xf32> : !lowbit.tensor<?x64xf32, #w8>,
      !lowbit.tensor<32x64xf32, #lowbit.leaf<uint<4>>> -> tensor<?x32xf32>
  return
}

// V10 holds just so: 65793 * 255 * 128 < 2^31. With groups the row may be longer.
// CHECK-LABEL: @longest_sums
func.func @longest_sums(%a: !lowbit.tensor<?x65793xf32, #w8>,
    %w: !lowbit.tensor<8x65793xf32, #lowbit.leaf<uint<8>, scale = [f32 per row]>>,
    %b: !lowbit.tensor<?x131072xf32, #w8>,
    %v: !lowbit.tensor<8x131072xf32, #lowbit.leaf<uint<8>, scale = [f16 per map<(n, k) -> (n, k floordiv 32)>]>>) {
  // CHECK-COUNT-2: lowbit.matmul
  %y = lowbit.matmul %a, %w : !lowbit.tensor<?x65793xf32, #w8>,
    !lowbit.tensor<8x65793xf32, #lowbit.leaf<uint<8>, scale = [f32 per row]>> -> tensor<?x8xf32>
  %z = lowbit.matmul %b, %v : !lowbit.tensor<?x131072xf32, #w8>,
    !lowbit.tensor<8x131072xf32, #lowbit.leaf<uint<8>, scale = [f16 per map<(n, k) -> (n, k floordiv 32)>]>> -> tensor<?x8xf32>
  return
}

// CHECK-LABEL: @norm_op
func.func @norm_op(%x: tensor<?x64xf32>, %g: tensor<64xf32>) {
  // CHECK: lowbit.norm rms %{{.*}} eps
  %0 = lowbit.norm rms %x eps 1.000000e-05 : tensor<?x64xf32>
  // CHECK: lowbit.norm layer %{{.*}} weight %{{.*}} : tensor<64xf32> bias %{{.*}} : tensor<64xf32> eps
  %1 = lowbit.norm layer %x weight %g : tensor<64xf32> bias %g : tensor<64xf32> eps 1.000000e-05 : tensor<?x64xf32>
  // CHECK: lowbit.norm layer %{{.*}} modulate %{{.*}} : tensor<64xf32>, %{{.*}} : tensor<64xf32> eps
  %2 = lowbit.norm layer %x modulate %g : tensor<64xf32>, %g : tensor<64xf32> eps 1.000000e-05 : tensor<?x64xf32>
  return
}

// CHECK-LABEL: @rope_op
func.func @rope_op(%q: tensor<?x64xf32>, %tab: tensor<512x4x2xf32>, %pos: i64) {
  // CHECK: lowbit.rope adjacent %{{.*}} table %{{.*}} at %{{.*}} heads 8 : tensor<?x64xf32>, tensor<512x4x2xf32>
  %q1 = lowbit.rope adjacent %q table %tab at %pos heads 8
      : tensor<?x64xf32>, tensor<512x4x2xf32>
  // CHECK: lowbit.rope half %{{.*}} table %{{.*}} at %{{.*}} heads 4
  %q2 = lowbit.rope half %q table %tab at %pos heads 4 : tensor<?x64xf32>, tensor<512x4x2xf32>
  return
}

// CHECK-LABEL: @attention
func.func @attention(%q: tensor<?x64xf32>, %k: tensor<?x32xf32>, %kv: !lowbit.kv<4x8xf32>, %pos: i64) {
  // CHECK: lowbit.kv.append %{{.*}}, %{{.*}}, %{{.*}} at %{{.*}} : <4x8xf32>, tensor<?x32xf32>
  lowbit.kv.append %kv, %k, %k at %pos : !lowbit.kv<4x8xf32>, tensor<?x32xf32>
  // CHECK: lowbit.attention window %{{.*}} cache %{{.*}} at %{{.*}} : !lowbit.kv<4x8xf32> heads 8 scale 0.353553385 window 16 : tensor<?x64xf32>
  %0 = lowbit.attention window %q cache %kv at %pos : !lowbit.kv<4x8xf32>
      heads 8 scale 0.353553385 window 16 : tensor<?x64xf32>
  // CHECK: lowbit.attention none %{{.*}} keys %{{.*}} values %{{.*}} : tensor<?x32xf32>, tensor<?x32xf32> heads 8 scale 0.353553385 kv_heads 4 : tensor<?x64xf32>
  %1 = lowbit.attention none %q keys %k values %k : tensor<?x32xf32>, tensor<?x32xf32>
      heads 8 scale 0.353553385 kv_heads 4 : tensor<?x64xf32>
  return
}

// CHECK-LABEL: @gather_rows
func.func @gather_rows(%table: !lowbit.tensor<512x64xf32, #lowbit.leaf<fp<f32>>>, %ids: tensor<?xi32>) {
  // CHECK: lowbit.gather_rows %{{.*}}, %{{.*}} : <512x64xf32, #{{[a-z0-9_]+}}>, tensor<?xi32> -> tensor<?x64xf32>
  %h = lowbit.gather_rows %table, %ids
      : !lowbit.tensor<512x64xf32, #lowbit.leaf<fp<f32>>>, tensor<?xi32> -> tensor<?x64xf32>
  return
}

// CHECK-LABEL: @activation
func.func @activation(%x: tensor<?x64xf32>) {
  // CHECK: lowbit.activation silu
  %0 = lowbit.activation silu %x : tensor<?x64xf32>
  // CHECK: lowbit.activation gelu_tanh
  %1 = lowbit.activation gelu_tanh %x : tensor<?x64xf32>
  // CHECK: lowbit.activation relu2
  %2 = lowbit.activation relu2 %x : tensor<?x64xf32>
  // CHECK: lowbit.activation sigmoid
  %3 = lowbit.activation sigmoid %x : tensor<?x64xf32>
  // CHECK: lowbit.activation tanh
  %4 = lowbit.activation tanh %x : tensor<?x64xf32>
  // CHECK: lowbit.activation exp
  %5 = lowbit.activation exp %x : tensor<?x64xf32>
  return
}

// CHECK-LABEL: @dispatch
func.func @dispatch(%x: tensor<?x64xf32>) {
  // CHECK: lowbit.dispatch (%[[A:.*]] = %{{.*}} : tensor<?x64xf32>) -> (tensor<?x64xf32>) {
  // CHECK-NEXT: lowbit.activation silu %[[A]] : tensor<?x64xf32>
  %y = lowbit.dispatch (%a = %x : tensor<?x64xf32>) -> (tensor<?x64xf32>) {
    %0 = lowbit.activation silu %a : tensor<?x64xf32>
    lowbit.return %0 : tensor<?x64xf32>
  }
  // CHECK: lowbit.dispatch (%{{.*}} = %{{.*}} : tensor<?x64xf32>) strategies [#lowbit.strategy<target = "cpu:x86-64-v3", kind = elementwise, max_tokens = 0, cost = 5>] attributes {name = "empty"} {
  lowbit.dispatch (%a = %y : tensor<?x64xf32>)
      strategies [#lowbit.strategy<target = "cpu:x86-64-v3", kind = elementwise, max_tokens = 0, cost = 5>]
      attributes {name = "empty"} {
    lowbit.return
  }
  return
}

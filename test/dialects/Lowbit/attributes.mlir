// RUN: lowbit-opt --verify-roundtrip %s | FileCheck %s

// CHECK-DAG: #[[$INT8:[a-z0-9_]+]] = #lowbit.leaf<int<8>>{{$}}
// CHECK-DAG: #[[$NARROW:[a-z0-9_]+]] = #lowbit.leaf<int<8, -127:127>>{{$}}
// CHECK-DAG: #[[$ONE:[a-z0-9_]+]] = #lowbit.leaf<bin<01>>{{$}}
// CHECK-DAG: #[[$TERNARY:[a-z0-9_]+]] = #lowbit.leaf<ternary>{{$}}
// CHECK-DAG: #[[$UINT4:[a-z0-9_]+]] = #lowbit.leaf<uint<4>>{{$}}
// CHECK-DAG: #[[$W2STAR:[a-z0-9_]+]] = #lowbit.leaf<w2star>{{$}}
// CHECK-DAG: #[[$BF16:[a-z0-9_]+]] = #lowbit.leaf<fp<bf16>>{{$}}
// CHECK-DAG: #[[$F16:[a-z0-9_]+]] = #lowbit.leaf<fp<f16>>{{$}}
// CHECK-DAG: #[[$F32:[a-z0-9_]+]] = #lowbit.leaf<fp<f32>>{{$}}
// CHECK-DAG: #[[$COL:[a-z0-9_]+]] = #lowbit.leaf<int<4>, scale = [f32 per col]>{{$}}
// CHECK-DAG: #[[$GROUP:[a-z0-9_]+]] = #lowbit.leaf<int<4>, scale = [f16 per map<(d0, d1) -> (d0, d1 floordiv 32)>]>{{$}}
// CHECK-DAG: #[[$K_QUANT:[a-z0-9_]+]] = #lowbit.leaf<uint<4>, scale = [f16 per map<(d0, d1) -> (d0, d1 floordiv 256)>, uint<6> per map<(d0, d1) -> (d0, d1 floordiv 32)>], offset = -[f16 per map<(d0, d1) -> (d0, d1 floordiv 256)>, uint<6> per map<(d0, d1) -> (d0, d1 floordiv 32)>]>{{$}}
// CHECK-DAG: #[[$TENSOR:[a-z0-9_]+]] = #lowbit.leaf<ternary, scale = [f32 per tensor]>{{$}}
// CHECK-DAG: #[[$TENSOR_MAP:[a-z0-9_]+]] = #lowbit.leaf<ternary, scale = [bf16 per tensor]>{{$}}
// CHECK-DAG: #[[$ZERO:[a-z0-9_]+]] = #lowbit.leaf<uint<4>, scale = [f16 per row], zero = uint<4> per row>{{$}}
// CHECK-DAG: #[[$BIASED:[a-z0-9_]+]] = #lowbit.leaf<int<4>, layout = bits<i8, word = (d0, d1) -> (d0, d1), bit = (d0, d1) -> (0), store = biased>>{{$}}
// CHECK-DAG: #[[$FIELDS:[a-z0-9_]+]] = #lowbit.leaf<uint<5>, layout = bits<[i8 x 4, word = (d0, d1) -> (d0, d1 floordiv 2), bit = (d0, d1) -> ((d1 mod 2) * 4)], [i8 x 1, word = (d0, d1) -> (d0, d1 floordiv 8), bit = (d0, d1) -> (d1 mod 8)], store = biased>>{{$}}
// CHECK-DAG: #[[$ORDER:[a-z0-9_]+]] = #lowbit.leaf<uint<4>, scale = [f16 per row at (d0) -> (d0 floordiv 8, d0 mod 8)], offset = [f16 per row], layout = bits<i8, word = (d0, d1) -> (d0, d1), bit = (d0, d1) -> (0)>>{{$}}

// Codes.
// CHECK-LABEL: @codes
// CHECK-SAME: int8 = #[[$INT8]]
// CHECK-SAME: narrow = #[[$NARROW]]
// CHECK-SAME: one = #[[$ONE]]
// CHECK-SAME: ternary = #[[$TERNARY]]
// CHECK-SAME: ternary_long = #[[$TERNARY]]
// CHECK-SAME: uint4 = #[[$UINT4]]
// CHECK-SAME: w2star = #[[$W2STAR]]
// CHECK-SAME: w2star_long = #[[$W2STAR]]
func.func private @codes() attributes {
  int8 = #lowbit.leaf<int<8>>,
  narrow = #lowbit.leaf<int<8, -127:127>>,
  one = #lowbit.leaf<uint<1>>,
  ternary = #lowbit.leaf<ternary>,
  ternary_long = #lowbit.leaf<int<2, -1:1>>,
  uint4 = #lowbit.leaf<uint<4, 0:15>>,
  w2star = #lowbit.leaf<w2star>,
  w2star_long = #lowbit.leaf<uint<3, 0:4>>
}

// CHECK-LABEL: @float_codes
// CHECK-SAME: bf16 = #[[$BF16]]
// CHECK-SAME: f16 = #[[$F16]]
// CHECK-SAME: f32 = #[[$F32]]
func.func private @float_codes() attributes {
  bf16 = #lowbit.leaf<fp<bf16>>,
  f16 = #lowbit.leaf<fp<f16>>,
  f32 = #lowbit.leaf<fp<f32>>
}

// Codes, granularities, layouts and parameters also stand alone.
// CHECK-LABEL: @parts
// CHECK-SAME: bits = #lowbit.bits<bits<i32, word = (d0, d1) -> (d0, d1 floordiv 8), bit = (d0, d1) -> ((d1 mod 8) * 4)>>
// CHECK-SAME: float_code = #lowbit.float_code<fp<f16>>
// CHECK-SAME: granularity = #lowbit.granularity<row>
// CHECK-SAME: int_code = #lowbit.int_code<uint<5>>
func.func private @parts() attributes {
  bits = #lowbit.bits<bits<i32, word = (n, k) -> (n, k floordiv 8), bit = (n, k) -> (4 * (k mod 8))>>,
  float_code = #lowbit.float_code<fp<f16>>,
  granularity = #lowbit.granularity<row>,
  int_code = #lowbit.int_code<uint<5>>
}

// Granularities and factors: lists, integer factors, zero points, negated offsets.
// CHECK-LABEL: @params
// CHECK-SAME: col = #[[$COL]]
// CHECK-SAME: group = #[[$GROUP]]
// CHECK-SAME: k_quant = #[[$K_QUANT]]
// CHECK-SAME: tensor = #[[$TENSOR]]
// CHECK-SAME: tensor_map = #[[$TENSOR_MAP]]
// CHECK-SAME: zero = #[[$ZERO]]
func.func private @params() attributes {
  col = #lowbit.leaf<int<4>, scale = [f32 per map<(n, k) -> (k)>]>,
  group = #lowbit.leaf<int<4>, scale = [f16 per map<(n, k) -> (n, k floordiv 32)>]>,
  k_quant = #lowbit.leaf<uint<4>,
    scale = [f16 per map<(n, k) -> (n, k floordiv 256)>, uint<6> per map<(n, k) -> (n, k floordiv 32)>],
    offset = -[f16 per map<(n, k) -> (n, k floordiv 256)>, uint<6> per map<(n, k) -> (n, k floordiv 32)>]>,
  tensor = #lowbit.leaf<ternary, scale = [f32 per tensor]>,
  tensor_map = #lowbit.leaf<ternary, scale = [bf16 per map<(n, k) -> ()>]>,
  zero = #lowbit.leaf<uint<4>, scale = [f16 per row], zero = uint<4> per row>
}

// Layouts: one piece, fields, biased; placements of parameters. Keys in any order.
// CHECK-LABEL: @layouts
// CHECK-SAME: biased = #[[$BIASED]]
// CHECK-SAME: fields = #[[$FIELDS]]
// CHECK-SAME: order = #[[$ORDER]]
func.func private @layouts() attributes {
  biased = #lowbit.leaf<int<4>, layout = bits<i8, word = (n, k) -> (n, k), bit = (n, k) -> (0), store = biased>>,
  fields = #lowbit.leaf<uint<5>, layout = bits<
    [i8 x 4, word = (n, k) -> (n, k floordiv 2), bit = (n, k) -> (4 * (k mod 2))],
    [i8 x 1, word = (n, k) -> (n, k floordiv 8), bit = (n, k) -> (k mod 8)], store = biased>>,
  order = #lowbit.leaf<uint<4>,
    layout = bits<i8, word = (n, k) -> (n, k), bit = (n, k) -> (0)>, offset = [f16 per row],
    scale = [f16 per row at (n) -> (n floordiv 8, n mod 8)]>
}

// Sources and decisions.
// CHECK-LABEL: @others
// CHECK-SAME: file = #lowbit.file<tensor = "a.weight", format = "hf.bitnet", scale = "a.weight_scale", invert_scale = true>
// CHECK-SAME: file_plain = #lowbit.file<tensor = "a", format = "gguf.f32">
// CHECK-SAME: group = #lowbit.fusion_group<3>
// CHECK-SAME: rope = #lowbit.rope_table<theta = 1.000000e+04 : f64>
// CHECK-SAME: rope_llama3 = #lowbit.rope_table<theta = 5.000000e+05 : f64, factor = 8.000000e+00 : f64, low_freq_factor = 1.000000e+00 : f64, high_freq_factor = 4.000000e+00 : f64, original_context = 8192>
// CHECK-SAME: splat = #lowbit.splat<value = 1.000000e+00 : f32, code = 0>
// CHECK-SAME: strategy = #lowbit.strategy<target = "cpu:x86-64-v3", kind = pairwise_madd, max_tokens = 1, cost = 1000>
func.func private @others() attributes {
  file = #lowbit.file<tensor = "a.weight", format = "hf.bitnet", scale = "a.weight_scale", invert_scale = true>,
  file_plain = #lowbit.file<tensor = "a", format = "gguf.f32">,
  group = #lowbit.fusion_group<3>,
  rope = #lowbit.rope_table<theta = 1.000000e+04>,
  rope_llama3 = #lowbit.rope_table<theta = 5.0e+05, factor = 8.0, low_freq_factor = 1.0, high_freq_factor = 4.0, original_context = 8192>,
  splat = #lowbit.splat<value = 1.000000e+00 : f32, code = 0>,
  strategy = #lowbit.strategy<target = "cpu:x86-64-v3", kind = pairwise_madd, max_tokens = 1, cost = 1000>
}

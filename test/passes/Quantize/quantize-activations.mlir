// RUN: lowbit-opt %s --lowbit-quantize-activations --verify-roundtrip | FileCheck %s
// RUN: lowbit-opt %s --lowbit-quantize-activations=granularity=token | FileCheck %s --check-prefix=TOKEN
// RUN: lowbit-opt %s --lowbit-quantize-activations="granularity=group group-size=16" | FileCheck %s --check-prefix=GROUP

#group = #lowbit.leaf<uint<4>, scale = [f16 per map<(n, k) -> (n, k floordiv 32)>]>
#row = #lowbit.leaf<ternary, scale = [f32 per row]>
#float = #lowbit.leaf<fp<f16>>
#own = #lowbit.leaf<int<8>, scale = [f32 per row]>
#fine = #lowbit.leaf<int<4>, scale = [f32 per map<(n, k) -> (n, k floordiv 4)>]>
#e2m1 = #lowbit.leaf<fp<f4E2M1FN>, scale = [f32 per row]>

// CHECK-DAG: #[[$A32:.*]] = #lowbit.leaf<int<8, -127:127>, scale = [f32 per map<(d0, d1) -> (d0, d1 floordiv 32)>]>
// CHECK-DAG: #lowbit.leaf<int<8, -127:127>, scale = [f32 per row]>
// GROUP: #lowbit.leaf<int<8, -127:127>, scale = [f32 per map<(d0, d1) -> (d0, d1 floordiv 16)>]>

// One quantize op serves both matmuls of a value.
// CHECK-LABEL: func.func @shared
// TOKEN: #lowbit.leaf<int<8, -127:127>, scale = [f32 per row]>
// TOKEN-LABEL: func.func @shared
func.func @shared(%x: tensor<?x64xf32>, %a: !lowbit.tensor<8x64xf32, #group>,
                  %b: !lowbit.tensor<16x64xf32, #group>) -> (tensor<?x8xf32>, tensor<?x16xf32>) {
  // CHECK: %[[Q:.*]] = lowbit.quantize %{{.*}} : tensor<?x64xf32> -> {{.*}}<?x64xf32, #[[$A32]]>
  // CHECK-NOT: lowbit.quantize
  // CHECK: lowbit.matmul %[[Q]]
  // CHECK: lowbit.matmul %[[Q]]
  // TOKEN: lowbit.quantize %{{.*}} -> {{.*}}<?x64xf32, #{{.*}}>
  %0 = lowbit.matmul %x, %a : tensor<?x64xf32>, !lowbit.tensor<8x64xf32, #group> -> tensor<?x8xf32>
  %1 = lowbit.matmul %x, %b : tensor<?x64xf32>, !lowbit.tensor<16x64xf32, #group> -> tensor<?x16xf32>
  return %0, %1 : tensor<?x8xf32>, tensor<?x16xf32>
}

// Two granularities of one value need two ops.
// CHECK-LABEL: func.func @two_scales
func.func @two_scales(%x: tensor<?x64xf32>, %a: !lowbit.tensor<8x64xf32, #group>,
                      %b: !lowbit.tensor<16x64xf32, #row>) -> (tensor<?x8xf32>, tensor<?x16xf32>) {
  // CHECK-COUNT-2: lowbit.quantize
  %0 = lowbit.matmul %x, %a : tensor<?x64xf32>, !lowbit.tensor<8x64xf32, #group> -> tensor<?x8xf32>
  %1 = lowbit.matmul %x, %b : tensor<?x64xf32>, !lowbit.tensor<16x64xf32, #row> -> tensor<?x16xf32>
  return %0, %1 : tensor<?x8xf32>, tensor<?x16xf32>
}

// Float weights keep float activations; a model's own quantize op stays.
// CHECK-LABEL: func.func @untouched
func.func @untouched(%x: tensor<?x64xf32>, %w: !lowbit.tensor<8x64xf32, #float>,
                     %t: !lowbit.tensor<8x64xf32, #row>) -> (tensor<?x8xf32>, tensor<?x8xf32>) {
  // CHECK: lowbit.matmul %{{.*}}, %{{.*}} : tensor<?x64xf32>
  // CHECK: lowbit.quantize %{{.*}} floor 9.99999974E-6
  // CHECK-NOT: lowbit.quantize
  %0 = lowbit.matmul %x, %w : tensor<?x64xf32>, !lowbit.tensor<8x64xf32, #float> -> tensor<?x8xf32>
  %q = lowbit.quantize %x floor 1.0e-05 : tensor<?x64xf32> -> !lowbit.tensor<?x64xf32, #own>
  %1 = lowbit.matmul %q, %t : !lowbit.tensor<?x64xf32, #own>, !lowbit.tensor<8x64xf32, #row> -> tensor<?x8xf32>
  return %0, %1 : tensor<?x8xf32>, tensor<?x8xf32>
}

// Groups of four are too fine for the codes of activations: one scale a token. A small
// float code (E6) has integer dots; a table has not.
// CHECK-LABEL: func.func @fine
func.func @fine(%x: tensor<?x64xf32>, %a: !lowbit.tensor<8x64xf32, #fine>,
                %b: !lowbit.tensor<8x64xf32, #e2m1>) -> (tensor<?x8xf32>, tensor<?x8xf32>) {
  // CHECK: %[[Q:.*]] = lowbit.quantize %{{.*}} -> {{.*}}<?x64xf32, #int8_127_127_row>
  // CHECK: lowbit.matmul %[[Q]]
  // CHECK: lowbit.matmul %[[Q]]
  %0 = lowbit.matmul %x, %a : tensor<?x64xf32>, !lowbit.tensor<8x64xf32, #fine> -> tensor<?x8xf32>
  %1 = lowbit.matmul %x, %b : tensor<?x64xf32>, !lowbit.tensor<8x64xf32, #e2m1> -> tensor<?x8xf32>
  return %0, %1 : tensor<?x8xf32>, tensor<?x8xf32>
}

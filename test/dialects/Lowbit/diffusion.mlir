// RUN: lowbit-opt --verify-roundtrip %s | FileCheck %s

// The examples of the op descriptions of LowbitDiffusionOps.td.

// CHECK-LABEL: func.func @rows
func.func @rows(%x: tensor<?x64xf32>, %ada: tensor<?x384xf32>, %table: tensor<16x64xf32>,
                %tab16: tensor<16x4x2xf32>, %p: tensor<?x4xf32>) {
  // CHECK: lowbit.repeat_rows %{{.*}} times 16 from 128 : tensor<?x384xf32> -> tensor<?x64xf32>
  %gate = lowbit.repeat_rows %ada times 16 from 128 : tensor<?x384xf32> -> tensor<?x64xf32>
  // CHECK: lowbit.cycle_rows %{{.*}} like %{{.*}} : tensor<16x64xf32>, tensor<?x64xf32>
  %pos = lowbit.cycle_rows %table like %x : tensor<16x64xf32>, tensor<?x64xf32>
  // CHECK: lowbit.concat_rows %{{.*}}, %{{.*}} rows [16, 3] : tensor<?x64xf32>, tensor<?x64xf32> -> tensor<?x64xf32>
  %all = lowbit.concat_rows %x, %gate rows [16, 3]
      : tensor<?x64xf32>, tensor<?x64xf32> -> tensor<?x64xf32>
  // CHECK: lowbit.slice_rows %{{.*}} from 0 count 16 of 19 : tensor<?x64xf32> -> tensor<?x64xf32>
  %s = lowbit.slice_rows %all from 0 count 16 of 19 : tensor<?x64xf32> -> tensor<?x64xf32>
  // CHECK: lowbit.rope half %{{.*}} table %{{.*}} heads 8 sequence 16 : tensor<?x64xf32>, tensor<16x4x2xf32>
  %r = lowbit.rope half %x table %tab16 heads 8 sequence 16
      : tensor<?x64xf32>, tensor<16x4x2xf32>
  // CHECK: lowbit.patchify %{{.*}} image [1, 8, 8] patch 2 : tensor<?x64xf32> -> tensor<?x4xf32>
  %q = lowbit.patchify %x image [1, 8, 8] patch 2 : tensor<?x64xf32> -> tensor<?x4xf32>
  // CHECK: lowbit.unpatchify %{{.*}} image [1, 8, 8] patch 2 channels_last : tensor<?x4xf32> -> tensor<?x64xf32>
  %i = lowbit.unpatchify %p image [1, 8, 8] patch 2 channels_last : tensor<?x4xf32> -> tensor<?x64xf32>
  // CHECK: lowbit.norm layer %{{.*}} modulate %{{.*}} : tensor<?x64xf32>, %{{.*}} : tensor<?x64xf32> eps
  %n = lowbit.norm layer %x modulate %gate : tensor<?x64xf32>, %gate : tensor<?x64xf32> eps 1.0e-6 : tensor<?x64xf32>
  // CHECK: lowbit.norm rms %{{.*}} eps {{.*}} heads 4 : tensor<?x64xf32>
  %h = lowbit.norm rms %x eps 1.0e-6 heads 4 : tensor<?x64xf32>
  // CHECK: lowbit.attention none %{{.*}} keys %{{.*}} values %{{.*}} kv_heads 4 sequence 16 : tensor<?x64xf32>
  %a = lowbit.attention none %x keys %x values %x : tensor<?x64xf32>, tensor<?x64xf32>
      heads 4 scale 0.25 kv_heads 4 sequence 16 : tensor<?x64xf32>
  return
}

// CHECK: lowbit.schedule @schedule euler latent [1, 8, 8] steps 20 classes 10 null_label 10 features 128 scale 1.000000e+03
lowbit.schedule @schedule euler latent [1, 8, 8] steps 20 classes 10 null_label 10
    features 128 scale 1.000000e+03
// CHECK: lowbit.schedule @ddim ddim latent [4, 2, 2] steps 10 {{.*}}train_steps 1000 beta_start 1.000000e-04 beta_end 2.000000e-02 reuse [3, 2]
lowbit.schedule @ddim ddim latent [4, 2, 2] steps 10 train_steps 1000 beta_start 1.0e-4 beta_end 0.02
    reuse [3, 2]

func.func @predict(%x: tensor<?x64xf32> {lowbit.name = "latent"},
                   %t: tensor<?x128xf32> {lowbit.name = "time"}) -> tensor<?x64xf32> {
  return %x : tensor<?x64xf32>
}
func.func @small(%x: tensor<?x64xf32> {lowbit.name = "latent"}) -> tensor<?x64xf32> {
  return %x : tensor<?x64xf32>
}
// CHECK: lowbit.denoise @denoise schedule @schedule variants [@predict, @small] ranges [0, 12, 12, 20]
lowbit.denoise @denoise schedule @schedule variants [@predict, @small] ranges [0, 12, 12, 20]

// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// DiT-fashion: a class-conditional diffusion transformer for 28x28 clothing, natively ternary.
// lowbit-compile weights.safetensors --model=model.mlir -o dit-fashion.lowbit

#w = #lowbit.leaf<ternary, scale = [f32 per tensor]>
#f32 = #lowbit.leaf<fp<f32>>

module {
  // Weights: each symbol is the name of a tensor of the checkpoint.
  lowbit.param @pos : tensor<49x128xf32>
  lowbit.param @"patch.weight" : !lowbit.tensor<128x16xf32, #f32>
  lowbit.param @"patch.bias" : tensor<128xf32>
  lowbit.param @"t1.weight" : !lowbit.tensor<128x128xf32, #f32>
  lowbit.param @"t1.bias" : tensor<128xf32>
  lowbit.param @"t2.weight" : !lowbit.tensor<128x128xf32, #f32>
  lowbit.param @"t2.bias" : tensor<128xf32>
  lowbit.param @"y.weight" : !lowbit.tensor<11x128xf32, #f32>
  lowbit.param @"blocks.0.ada.weight" : !lowbit.tensor<768x128xf32, #w>
  lowbit.param @"blocks.0.ada.bias" : tensor<768xf32>
  lowbit.param @"blocks.0.qkv.weight" : !lowbit.tensor<384x128xf32, #w>
  lowbit.param @"blocks.0.qkv.bias" : tensor<384xf32>
  lowbit.param @"blocks.0.proj.weight" : !lowbit.tensor<128x128xf32, #w>
  lowbit.param @"blocks.0.proj.bias" : tensor<128xf32>
  lowbit.param @"blocks.0.fc1.weight" : !lowbit.tensor<512x128xf32, #w>
  lowbit.param @"blocks.0.fc1.bias" : tensor<512xf32>
  lowbit.param @"blocks.0.fc2.weight" : !lowbit.tensor<128x512xf32, #w>
  lowbit.param @"blocks.0.fc2.bias" : tensor<128xf32>
  lowbit.param @"blocks.1.ada.weight" : !lowbit.tensor<768x128xf32, #w>
  lowbit.param @"blocks.1.ada.bias" : tensor<768xf32>
  lowbit.param @"blocks.1.qkv.weight" : !lowbit.tensor<384x128xf32, #w>
  lowbit.param @"blocks.1.qkv.bias" : tensor<384xf32>
  lowbit.param @"blocks.1.proj.weight" : !lowbit.tensor<128x128xf32, #w>
  lowbit.param @"blocks.1.proj.bias" : tensor<128xf32>
  lowbit.param @"blocks.1.fc1.weight" : !lowbit.tensor<512x128xf32, #w>
  lowbit.param @"blocks.1.fc1.bias" : tensor<512xf32>
  lowbit.param @"blocks.1.fc2.weight" : !lowbit.tensor<128x512xf32, #w>
  lowbit.param @"blocks.1.fc2.bias" : tensor<128xf32>
  lowbit.param @"blocks.2.ada.weight" : !lowbit.tensor<768x128xf32, #w>
  lowbit.param @"blocks.2.ada.bias" : tensor<768xf32>
  lowbit.param @"blocks.2.qkv.weight" : !lowbit.tensor<384x128xf32, #w>
  lowbit.param @"blocks.2.qkv.bias" : tensor<384xf32>
  lowbit.param @"blocks.2.proj.weight" : !lowbit.tensor<128x128xf32, #w>
  lowbit.param @"blocks.2.proj.bias" : tensor<128xf32>
  lowbit.param @"blocks.2.fc1.weight" : !lowbit.tensor<512x128xf32, #w>
  lowbit.param @"blocks.2.fc1.bias" : tensor<512xf32>
  lowbit.param @"blocks.2.fc2.weight" : !lowbit.tensor<128x512xf32, #w>
  lowbit.param @"blocks.2.fc2.bias" : tensor<128xf32>
  lowbit.param @"blocks.3.ada.weight" : !lowbit.tensor<768x128xf32, #w>
  lowbit.param @"blocks.3.ada.bias" : tensor<768xf32>
  lowbit.param @"blocks.3.qkv.weight" : !lowbit.tensor<384x128xf32, #w>
  lowbit.param @"blocks.3.qkv.bias" : tensor<384xf32>
  lowbit.param @"blocks.3.proj.weight" : !lowbit.tensor<128x128xf32, #w>
  lowbit.param @"blocks.3.proj.bias" : tensor<128xf32>
  lowbit.param @"blocks.3.fc1.weight" : !lowbit.tensor<512x128xf32, #w>
  lowbit.param @"blocks.3.fc1.bias" : tensor<512xf32>
  lowbit.param @"blocks.3.fc2.weight" : !lowbit.tensor<128x512xf32, #w>
  lowbit.param @"blocks.3.fc2.bias" : tensor<128xf32>
  lowbit.param @"ada.weight" : !lowbit.tensor<256x128xf32, #f32>
  lowbit.param @"ada.bias" : tensor<256xf32>
  lowbit.param @"out.weight" : !lowbit.tensor<16x128xf32, #f32>
  lowbit.param @"out.bias" : tensor<16xf32>

  lowbit.param_set @block0 [@"blocks.0.ada.weight", @"blocks.0.ada.bias", @"blocks.0.qkv.weight", @"blocks.0.qkv.bias", @"blocks.0.proj.weight", @"blocks.0.proj.bias", @"blocks.0.fc1.weight", @"blocks.0.fc1.bias", @"blocks.0.fc2.weight", @"blocks.0.fc2.bias"]
  lowbit.param_set @block1 [@"blocks.1.ada.weight", @"blocks.1.ada.bias", @"blocks.1.qkv.weight", @"blocks.1.qkv.bias", @"blocks.1.proj.weight", @"blocks.1.proj.bias", @"blocks.1.fc1.weight", @"blocks.1.fc1.bias", @"blocks.1.fc2.weight", @"blocks.1.fc2.bias"]
  lowbit.param_set @block2 [@"blocks.2.ada.weight", @"blocks.2.ada.bias", @"blocks.2.qkv.weight", @"blocks.2.qkv.bias", @"blocks.2.proj.weight", @"blocks.2.proj.bias", @"blocks.2.fc1.weight", @"blocks.2.fc1.bias", @"blocks.2.fc2.weight", @"blocks.2.fc2.bias"]
  lowbit.param_set @block3 [@"blocks.3.ada.weight", @"blocks.3.ada.bias", @"blocks.3.qkv.weight", @"blocks.3.qkv.bias", @"blocks.3.proj.weight", @"blocks.3.proj.bias", @"blocks.3.fc1.weight", @"blocks.3.fc1.bias", @"blocks.3.fc2.weight", @"blocks.3.fc2.bias"]

  // One block: h [tokens, 128] and the conditioning c [images, 128], 49 tokens an image.
  lowbit.block @block(%h: tensor<?x128xf32>, %c: tensor<?x128xf32>,
                      %ada: !lowbit.tensor<768x128xf32, #w>, %ada_bias: tensor<768xf32>,
                      %qkv: !lowbit.tensor<384x128xf32, #w>, %qkv_bias: tensor<384xf32>,
                      %proj: !lowbit.tensor<128x128xf32, #w>, %proj_bias: tensor<128xf32>,
                      %fc1: !lowbit.tensor<512x128xf32, #w>, %fc1_bias: tensor<512xf32>,
                      %fc2: !lowbit.tensor<128x512xf32, #w>, %fc2_bias: tensor<128xf32>
                     ) -> tensor<?x128xf32> attributes {num_params = 10 : i64, num_states = 0 : i64} {
    %m = lowbit.matmul %c, %ada bias %ada_bias : tensor<768xf32> : tensor<?x128xf32>, !lowbit.tensor<768x128xf32, #w> -> tensor<?x768xf32>
    %shift_a = lowbit.repeat_rows %m times 49 from 0 : tensor<?x768xf32> -> tensor<?x128xf32>
    %scale_a = lowbit.repeat_rows %m times 49 from 128 : tensor<?x768xf32> -> tensor<?x128xf32>
    %gate_a = lowbit.repeat_rows %m times 49 from 256 : tensor<?x768xf32> -> tensor<?x128xf32>
    %shift_m = lowbit.repeat_rows %m times 49 from 384 : tensor<?x768xf32> -> tensor<?x128xf32>
    %scale_m = lowbit.repeat_rows %m times 49 from 512 : tensor<?x768xf32> -> tensor<?x128xf32>
    %gate_m = lowbit.repeat_rows %m times 49 from 640 : tensor<?x768xf32> -> tensor<?x128xf32>
    %n1 = lowbit.norm layer %h modulate %scale_a : tensor<?x128xf32>, %shift_a : tensor<?x128xf32> eps 1.0e-6 : tensor<?x128xf32>
    %x = lowbit.matmul %n1, %qkv bias %qkv_bias : tensor<384xf32> : tensor<?x128xf32>, !lowbit.tensor<384x128xf32, #w> -> tensor<?x384xf32>
    %q = lowbit.repeat_rows %x times 1 from 0 : tensor<?x384xf32> -> tensor<?x128xf32>
    %k = lowbit.repeat_rows %x times 1 from 128 : tensor<?x384xf32> -> tensor<?x128xf32>
    %v = lowbit.repeat_rows %x times 1 from 256 : tensor<?x384xf32> -> tensor<?x128xf32>
    %a = lowbit.attention none %q keys %k values %v : tensor<?x128xf32>, tensor<?x128xf32>
        heads 4 scale 0.176776695 kv_heads 4 sequence 49 : tensor<?x128xf32>
    %p = lowbit.matmul %a, %proj bias %proj_bias : tensor<128xf32> : tensor<?x128xf32>, !lowbit.tensor<128x128xf32, #w> -> tensor<?x128xf32>
    %pg = arith.mulf %gate_a, %p : tensor<?x128xf32>
    %h1 = arith.addf %h, %pg : tensor<?x128xf32>
    %n2 = lowbit.norm layer %h1 modulate %scale_m : tensor<?x128xf32>, %shift_m : tensor<?x128xf32> eps 1.0e-6 : tensor<?x128xf32>
    %u = lowbit.matmul %n2, %fc1 bias %fc1_bias : tensor<512xf32> : tensor<?x128xf32>, !lowbit.tensor<512x128xf32, #w> -> tensor<?x512xf32>
    %g = lowbit.activation gelu_tanh %u : tensor<?x512xf32>
    %f = lowbit.matmul %g, %fc2 bias %fc2_bias : tensor<128xf32> : tensor<?x512xf32>, !lowbit.tensor<128x512xf32, #w> -> tensor<?x128xf32>
    %fg = arith.mulf %gate_m, %f : tensor<?x128xf32>
    %h2 = arith.addf %h1, %fg : tensor<?x128xf32>
    lowbit.return %h2 : tensor<?x128xf32>
  }

  func.func @velocity(%latent: tensor<?x784xf32> {lowbit.name = "latent"},
                      %time: tensor<?x128xf32> {lowbit.name = "time"},
                      %label: tensor<?xi32> {lowbit.name = "label"}) -> tensor<?x784xf32> {
    // The conditioning: SiLU(t2(SiLU(t1(time))) + y[label]).
    %t1 = lowbit.get_param @"t1.weight" : !lowbit.tensor<128x128xf32, #f32>
    %t1_bias = lowbit.get_param @"t1.bias" : tensor<128xf32>
    %t2 = lowbit.get_param @"t2.weight" : !lowbit.tensor<128x128xf32, #f32>
    %t2_bias = lowbit.get_param @"t2.bias" : tensor<128xf32>
    %y = lowbit.get_param @"y.weight" : !lowbit.tensor<11x128xf32, #f32>
    %e1 = lowbit.matmul %time, %t1 bias %t1_bias : tensor<128xf32> : tensor<?x128xf32>, !lowbit.tensor<128x128xf32, #f32> -> tensor<?x128xf32>
    %e2 = lowbit.activation silu %e1 : tensor<?x128xf32>
    %e3 = lowbit.matmul %e2, %t2 bias %t2_bias : tensor<128xf32> : tensor<?x128xf32>, !lowbit.tensor<128x128xf32, #f32> -> tensor<?x128xf32>
    %l = lowbit.gather_rows %y, %label : !lowbit.tensor<11x128xf32, #f32>, tensor<?xi32> -> tensor<?x128xf32>
    %e4 = arith.addf %e3, %l : tensor<?x128xf32>
    %c = lowbit.activation silu %e4 : tensor<?x128xf32>
    // Patches and their positions.
    %patch = lowbit.get_param @"patch.weight" : !lowbit.tensor<128x16xf32, #f32>
    %patch_bias = lowbit.get_param @"patch.bias" : tensor<128xf32>
    %pos = lowbit.get_param @pos : tensor<49x128xf32>
    %p = lowbit.patchify %latent image [1, 28, 28] patch 4 : tensor<?x784xf32> -> tensor<?x16xf32>
    %x = lowbit.matmul %p, %patch bias %patch_bias : tensor<128xf32> : tensor<?x16xf32>, !lowbit.tensor<128x16xf32, #f32> -> tensor<?x128xf32>
    %at = lowbit.cycle_rows %pos like %x : tensor<49x128xf32>, tensor<?x128xf32>
    %h0 = arith.addf %x, %at : tensor<?x128xf32>
    %h1 = lowbit.layer @block(%h0, %c) params @block0 : (tensor<?x128xf32>, tensor<?x128xf32>) -> tensor<?x128xf32>
    %h2 = lowbit.layer @block(%h1, %c) params @block1 : (tensor<?x128xf32>, tensor<?x128xf32>) -> tensor<?x128xf32>
    %h3 = lowbit.layer @block(%h2, %c) params @block2 : (tensor<?x128xf32>, tensor<?x128xf32>) -> tensor<?x128xf32>
    %h4 = lowbit.layer @block(%h3, %c) params @block3 : (tensor<?x128xf32>, tensor<?x128xf32>) -> tensor<?x128xf32>
    // The end: modulated norm, projection, back to an image.
    %ada = lowbit.get_param @"ada.weight" : !lowbit.tensor<256x128xf32, #f32>
    %ada_bias = lowbit.get_param @"ada.bias" : tensor<256xf32>
    %out = lowbit.get_param @"out.weight" : !lowbit.tensor<16x128xf32, #f32>
    %out_bias = lowbit.get_param @"out.bias" : tensor<16xf32>
    %m = lowbit.matmul %c, %ada bias %ada_bias : tensor<256xf32> : tensor<?x128xf32>, !lowbit.tensor<256x128xf32, #f32> -> tensor<?x256xf32>
    %shift = lowbit.repeat_rows %m times 49 from 0 : tensor<?x256xf32> -> tensor<?x128xf32>
    %scale = lowbit.repeat_rows %m times 49 from 128 : tensor<?x256xf32> -> tensor<?x128xf32>
    %n = lowbit.norm layer %h4 modulate %scale : tensor<?x128xf32>, %shift : tensor<?x128xf32> eps 1.0e-6 : tensor<?x128xf32>
    %o = lowbit.matmul %n, %out bias %out_bias : tensor<16xf32> : tensor<?x128xf32>, !lowbit.tensor<16x128xf32, #f32> -> tensor<?x16xf32>
    %v = lowbit.unpatchify %o image [1, 28, 28] patch 4 : tensor<?x16xf32> -> tensor<?x784xf32>
    return %v : tensor<?x784xf32>
  }

  // t from 0 (noise) to 1 (image); 128 sinusoidal features of 1000 t; label 10 is "no class".
  lowbit.schedule @schedule euler latent [1, 28, 28] steps 20 classes 10 null_label 10
      features 128 scale 1.0e3
  lowbit.denoise @denoise schedule @schedule variants [@velocity] ranges [0, 20]
}

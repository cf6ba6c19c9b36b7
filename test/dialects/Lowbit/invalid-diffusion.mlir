// RUN: lowbit-opt %s -verify-diagnostics -split-input-file

// Images, tokens and schedules: rule V12 and each clause C.

// repeat_rows C1.
func.func @f(%x: tensor<?x64xf32>) {
  // expected-error @+1 {{'lowbit.repeat_rows' op requires 'times' of 1 to 2^31 - 1, got 0}}
  %0 = lowbit.repeat_rows %x times 0 from 0 : tensor<?x64xf32> -> tensor<?x8xf32>
  return
}

// -----

func.func @f(%x: tensor<?x64xf32>) {
  // expected-error @+1 {{'lowbit.repeat_rows' op requires 8 columns from column 60 on, the input has 64}}
  %0 = lowbit.repeat_rows %x times 2 from 60 : tensor<?x64xf32> -> tensor<?x8xf32>
  return
}

// -----

// cycle_rows C1.
func.func @f(%x: tensor<?x64xf32>, %t: tensor<16x32xf32>) {
  // expected-error @+1 {{'lowbit.cycle_rows' op requires a table of 64 columns, got 32}}
  %0 = lowbit.cycle_rows %t like %x : tensor<16x32xf32>, tensor<?x64xf32>
  return
}

// -----

func.func @f(%x: tensor<?x64xf32>) {
  // expected-error @+1 {{'lowbit.cycle_rows' op requires a static table, got 'tensor<?x64xf32>'}}
  %0 = lowbit.cycle_rows %x like %x : tensor<?x64xf32>, tensor<?x64xf32>
  return
}

// -----

// patchify C1, C2.
func.func @f(%x: tensor<?x64xf32>) {
  // expected-error @+1 {{'lowbit.patchify' op requires a patch that divides 8 and 8, got 3}}
  %0 = lowbit.patchify %x image [1, 8, 8] patch 3 : tensor<?x64xf32> -> tensor<?x9xf32>
  return
}

// -----

func.func @f(%x: tensor<?x64xf32>) {
  // expected-error @+1 {{'lowbit.patchify' op requires an image [channels, height, width] of extents from 1 to 65536}}
  %0 = lowbit.patchify %x image [8, 8] patch 2 : tensor<?x64xf32> -> tensor<?x4xf32>
  return
}

// -----

func.func @f(%x: tensor<?x60xf32>) {
  // expected-error @+1 {{'lowbit.patchify' op requires image rows of 64 columns, got 60}}
  %0 = lowbit.patchify %x image [1, 8, 8] patch 2 : tensor<?x60xf32> -> tensor<?x4xf32>
  return
}

// -----

func.func @f(%x: tensor<?x8xf32>) {
  // expected-error @+1 {{'lowbit.unpatchify' op requires patch rows of 4 columns, got 8}}
  %0 = lowbit.unpatchify %x image [1, 8, 8] patch 2 : tensor<?x8xf32> -> tensor<?x64xf32>
  return
}

// -----

// norm C4.
func.func @f(%x: tensor<?x64xf32>) {
  // expected-error @+1 {{'lowbit.norm' op requires heads that divide 64 columns, got 3}}
  %0 = lowbit.norm rms %x eps 1.0e-6 heads 3 : tensor<?x64xf32>
  return
}

// -----

func.func @f(%x: tensor<?x64xf32>, %s: tensor<16xf32>) {
  // expected-error @+1 {{'lowbit.norm' op requires 'heads' without modulation}}
  %0 = lowbit.norm rms %x modulate %s : tensor<16xf32>, %s : tensor<16xf32> eps 1.0e-6 heads 4 : tensor<?x64xf32>
  return
}

// -----

// attention C4.
func.func @f(%x: tensor<?x64xf32>) {
  // expected-error @+1 {{'lowbit.attention' op requires 'sequence' >= 1 with keys and values and without a mask}}
  %a = lowbit.attention causal %x keys %x values %x : tensor<?x64xf32>, tensor<?x64xf32>
      heads 4 scale 0.25 kv_heads 4 sequence 16 : tensor<?x64xf32>
  return
}

// -----

// dispatch: rows.
func.func @f(%x: tensor<?x64xf32>) {
  // expected-error @+1 {{'lowbit.dispatch' op requires rows >= 1, got 0}}
  lowbit.dispatch (%a = %x : tensor<?x64xf32>) attributes {rows = 0 : i64} {
    lowbit.return
  }
  return
}

// -----

// schedule C1 to C5.
// expected-error @+1 {{'lowbit.schedule' op requires a latent [channels, height, width] of extents from 1 to 65536}}
lowbit.schedule @s euler latent [1, 8] steps 20

// -----

// expected-error @+1 {{'lowbit.schedule' op requires 1 to 100000 steps, got 0}}
lowbit.schedule @s euler latent [1, 8, 8] steps 0

// -----

// expected-error @+1 {{'lowbit.schedule' op requires an even number of features below 65537, got 7}}
lowbit.schedule @s euler latent [1, 8, 8] steps 20 features 7

// -----

// expected-error @+1 {{'lowbit.schedule' op requires 'shift' below 4.000000e+00, got 4.000000e+00}}
lowbit.schedule @s euler latent [1, 8, 8] steps 20 features 8 shift 4.0

// -----

// expected-error @+1 {{'lowbit.schedule' op requires a positive scale and period}}
lowbit.schedule @s euler latent [1, 8, 8] steps 20 features 8 scale -1.0

// -----

// expected-error @+1 {{'lowbit.schedule' op requires a null label of 0 to the number of classes, of a model with classes, got 10 of 0}}
lowbit.schedule @s euler latent [1, 8, 8] steps 20 null_label 10

// -----

// expected-error @+1 {{'lowbit.schedule' op requires 'train_steps', 'beta_start' and 'beta_end' exactly with ddim}}
lowbit.schedule @s euler latent [1, 8, 8] steps 20 train_steps 1000

// -----

// expected-error @+1 {{'lowbit.schedule' op requires at least as many training steps as steps, and at most 100000, got 10 and 20}}
lowbit.schedule @s ddim latent [1, 8, 8] steps 20 train_steps 10 beta_start 1.0e-4 beta_end 0.02

// -----

// expected-error @+1 {{'lowbit.schedule' op requires 0 < beta_start <= beta_end < 1, got 2.000000e-02 and 1.000000e-04}}
lowbit.schedule @s ddim latent [1, 8, 8] steps 20 train_steps 1000 beta_start 0.02 beta_end 1.0e-4

// -----

// V12: reuse.
// expected-error @+1 {{'lowbit.schedule' op requires reuse of an earlier step (V12), got step 3 from 3 of 20}}
lowbit.schedule @s euler latent [1, 8, 8] steps 20 reuse [3, 3]

// -----

// expected-error @+1 {{'lowbit.schedule' op requires each step to be reused once (V12), got step 3 twice}}
lowbit.schedule @s euler latent [1, 8, 8] steps 20 reuse [3, 2, 3, 1]

// -----

// expected-error @+1 {{'lowbit.schedule' op requires reuse of a step that calls the model (V12), got 3}}
lowbit.schedule @s euler latent [1, 8, 8] steps 20 reuse [3, 2, 4, 3]

// -----

// V12: ranges.
lowbit.schedule @s euler latent [1, 1, 8] steps 20
func.func @f(%x: tensor<?x8xf32> {lowbit.name = "latent"}) -> tensor<?x8xf32> {
  return %x : tensor<?x8xf32>
}
// expected-error @+1 {{'lowbit.denoise' op requires ranges without gap or overlap (V12): after step 8 follows [10, 20)}}
lowbit.denoise @d schedule @s variants [@f, @f] ranges [0, 8, 10, 20]

// -----

lowbit.schedule @s euler latent [1, 1, 8] steps 20
func.func @f(%x: tensor<?x8xf32> {lowbit.name = "latent"}) -> tensor<?x8xf32> {
  return %x : tensor<?x8xf32>
}
// expected-error @+1 {{'lowbit.denoise' op requires ranges that end with the schedule's 20 steps (V12), got 18}}
lowbit.denoise @d schedule @s variants [@f] ranges [0, 18]

// -----

// V12: one state signature.
lowbit.schedule @s euler latent [1, 1, 8] steps 20
func.func @f(%x: tensor<?x8xf32> {lowbit.name = "latent"}) -> tensor<?x8xf32> {
  return %x : tensor<?x8xf32>
}
func.func @g(%x: tensor<?x16xf32> {lowbit.name = "latent"}) -> tensor<?x16xf32> {
  return %x : tensor<?x16xf32>
}
// expected-error @+1 {{'lowbit.denoise' op variant @g requires an argument 'latent' of type tensor<?x8xf32>}}
lowbit.denoise @d schedule @s variants [@f, @g] ranges [0, 8, 8, 20]

// -----

lowbit.schedule @s euler latent [1, 1, 8] steps 20
func.func @f(%x: tensor<?x8xf32> {lowbit.name = "latent"},
             %t: tensor<?x4xf32> {lowbit.name = "time"}) -> tensor<?x8xf32> {
  return %x : tensor<?x8xf32>
}
func.func @g(%x: tensor<?x8xf32> {lowbit.name = "latent"},
             %t: tensor<?x6xf32> {lowbit.name = "time"}) -> tensor<?x8xf32> {
  return %x : tensor<?x8xf32>
}
// expected-error @+1 {{'lowbit.denoise' op variant @g requires the state signature of the other variants (V12): 'time' is 'tensor<?x6xf32>', theirs 'tensor<?x4xf32>'}}
lowbit.denoise @d schedule @s variants [@f, @g] ranges [0, 8, 8, 20]

// -----

// denoise C1 and names.
lowbit.schedule @s euler latent [1, 1, 8] steps 20
// expected-error @+1 {{'lowbit.denoise' op requires functions as variants, got @nobody}}
lowbit.denoise @d schedule @s variants [@nobody] ranges [0, 20]

// -----

// expected-error @+1 {{'lowbit.denoise' op requires a lowbit.schedule, got @none}}
lowbit.denoise @d schedule @none variants [@f] ranges [0, 20]

// -----

lowbit.schedule @s euler latent [1, 1, 8] steps 20
func.func @f(%x: tensor<?x8xf32> {lowbit.name = "latent"},
             %c: tensor<?x8xf32> {lowbit.name = "c0"}) -> tensor<?x8xf32> {
  return %x : tensor<?x8xf32>
}
// expected-error @+1 {{'lowbit.denoise' op variant @f has an argument 'c0' that is neither latent, time or label nor a result of @f.condition}}
lowbit.denoise @d schedule @s variants [@f] ranges [0, 20]

// -----

// C4: time, label and the tables that labels index, in the function and in a block.
lowbit.schedule @s euler latent [1, 1, 8] steps 20 features 6
func.func @f(%x: tensor<?x8xf32> {lowbit.name = "latent"},
             %t: tensor<?x4xf32> {lowbit.name = "time"}) -> tensor<?x8xf32> {
  return %x : tensor<?x8xf32>
}
// expected-error @+1 {{'lowbit.denoise' op variant @f requires an argument 'time' of type tensor<?x6xf32> for the schedule's 6 features}}
lowbit.denoise @d schedule @s variants [@f] ranges [0, 20]

// -----

lowbit.schedule @s euler latent [1, 1, 8] steps 20
func.func @f(%x: tensor<?x8xf32> {lowbit.name = "latent"},
             %l: tensor<?xi32> {lowbit.name = "label"}) -> tensor<?x8xf32> {
  return %x : tensor<?x8xf32>
}
// expected-error @+1 {{'lowbit.denoise' op variant @f requires an argument 'label' of type tensor<?xi32> and a schedule with classes}}
lowbit.denoise @d schedule @s variants [@f] ranges [0, 20]

// -----

lowbit.param @y : !lowbit.tensor<4x8xf32, #lowbit.leaf<fp<f32>>>
lowbit.schedule @s euler latent [1, 1, 8] steps 20 classes 4 null_label 4
func.func @f(%x: tensor<?x8xf32> {lowbit.name = "latent"},
             %l: tensor<?xi32> {lowbit.name = "label"}) -> tensor<?x8xf32> {
  %y = lowbit.get_param @y : !lowbit.tensor<4x8xf32, #lowbit.leaf<fp<f32>>>
  %e = lowbit.gather_rows %y, %l : !lowbit.tensor<4x8xf32, #lowbit.leaf<fp<f32>>>, tensor<?xi32> -> tensor<?x8xf32>
  %z = arith.addf %x, %e : tensor<?x8xf32>
  return %z : tensor<?x8xf32>
}
// expected-error @+1 {{'lowbit.denoise' op requires tables with a row for each label up to 4, got one of 4 rows}}
lowbit.denoise @d schedule @s variants [@f] ranges [0, 20]

// -----

lowbit.param @y : !lowbit.tensor<4x8xf32, #lowbit.leaf<fp<f32>>>
lowbit.param_set @set [@y]
lowbit.schedule @s euler latent [1, 1, 8] steps 20 classes 10
lowbit.block @embed(%x: tensor<?x8xf32>, %l: tensor<?xi32>,
                    %y: !lowbit.tensor<4x8xf32, #lowbit.leaf<fp<f32>>>) -> tensor<?x8xf32>
    attributes {num_params = 1 : i64, num_states = 0 : i64} {
  %e = lowbit.gather_rows %y, %l : !lowbit.tensor<4x8xf32, #lowbit.leaf<fp<f32>>>, tensor<?xi32> -> tensor<?x8xf32>
  %z = arith.addf %x, %e : tensor<?x8xf32>
  lowbit.return %z : tensor<?x8xf32>
}
func.func @f(%x: tensor<?x8xf32> {lowbit.name = "latent"},
             %l: tensor<?xi32> {lowbit.name = "label"}) -> tensor<?x8xf32> {
  %z = lowbit.layer @embed(%x, %l) params @set : (tensor<?x8xf32>, tensor<?xi32>) -> tensor<?x8xf32>
  return %z : tensor<?x8xf32>
}
// expected-error @+1 {{'lowbit.denoise' op requires tables with a row for each label up to 9, got one of 4 rows}}
lowbit.denoise @d schedule @s variants [@f] ranges [0, 20]

// -----

// The limits are those of the runtime.
// expected-error @+1 {{'lowbit.schedule' op requires a null label of 0 to the number of classes, of a model with classes, got 11 of 10}}
lowbit.schedule @s euler latent [1, 8, 8] steps 20 classes 10 null_label 11

// -----

// expected-error @+1 {{'lowbit.schedule' op requires 0 to 16777216 classes, got 16777217}}
lowbit.schedule @s euler latent [1, 8, 8] steps 20 classes 16777217

// -----

// expected-error @+1 {{'lowbit.schedule' op requires a latent of at most 268435456 numbers}}
lowbit.schedule @s euler latent [1, 65536, 65536] steps 20

// -----

// expected-error @+1 {{'lowbit.schedule' op requires a finite guidance and shift}}
lowbit.schedule @s euler latent [1, 8, 8] steps 20 guidance 0x7FC00000

// -----

lowbit.schedule @s euler latent [1, 1, 8] steps 20
func.func private @f(tensor<?x8xf32> {lowbit.name = "latent"}) -> tensor<?x8xf32>
// expected-error @+1 {{'lowbit.denoise' op requires variants with a body, @f has none}}
lowbit.denoise @d schedule @s variants [@f] ranges [0, 20]

// -----

lowbit.schedule @s euler latent [1, 4, 16] steps 20
func.func @f(%x: tensor<?x64xf32> {lowbit.name = "latent"}) -> tensor<?x64xf32> {
  %p = lowbit.patchify %x image [1, 8, 8] patch 2 : tensor<?x64xf32> -> tensor<?x4xf32>
  %y = lowbit.unpatchify %p image [1, 8, 8] patch 2 : tensor<?x4xf32> -> tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}
// expected-error @+1 {{'lowbit.denoise' op variant @f requires patches of the schedule's latent [1, 4, 16], got patchify of an image [1, 8, 8]}}
lowbit.denoise @d schedule @s variants [@f] ranges [0, 20]

// -----

// Labels through a block that calls itself.
lowbit.schedule @s euler latent [1, 1, 8] steps 20 classes 3
lowbit.block @a(%h: tensor<?x8xf32>, %l: tensor<?xi32>) -> tensor<?x8xf32> attributes {num_params = 0 : i64, num_states = 0 : i64} {
  // expected-error @+1 {{'lowbit.layer' op requires blocks that do not call themselves, got a cycle through @a}}
  %0 = lowbit.layer @a(%h, %l) : (tensor<?x8xf32>, tensor<?xi32>) -> tensor<?x8xf32>
  lowbit.return %0 : tensor<?x8xf32>
}
func.func @f(%x: tensor<?x8xf32> {lowbit.name = "latent"},
             %l: tensor<?xi32> {lowbit.name = "label"}) -> tensor<?x8xf32> {
  %0 = lowbit.layer @a(%x, %l) : (tensor<?x8xf32>, tensor<?xi32>) -> tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}
lowbit.denoise @d schedule @s variants [@f] ranges [0, 20]

// -----

// concat_rows C1.
func.func @f(%x: tensor<?x8xf32>) {
  // expected-error @+1 {{'lowbit.concat_rows' op requires two or more inputs and a number of rows for each, got 1 and 1}}
  %0 = lowbit.concat_rows %x rows [4] : tensor<?x8xf32> -> tensor<?x8xf32>
  return
}

// -----

// concat_rows C1.
func.func @f(%x: tensor<?x8xf32>) {
  // expected-error @+1 {{'lowbit.concat_rows' op requires two or more inputs and a number of rows for each, got 2 and 1}}
  %0 = lowbit.concat_rows %x, %x rows [4] : tensor<?x8xf32>, tensor<?x8xf32> -> tensor<?x8xf32>
  return
}

// -----

// concat_rows C1.
func.func @f(%x: tensor<?x8xf32>, %y: tensor<?x9xf32>) {
  // expected-error @+1 {{'lowbit.concat_rows' op requires inputs of the result's 8 columns, got 9}}
  %0 = lowbit.concat_rows %x, %y rows [4, 3] : tensor<?x8xf32>, tensor<?x9xf32> -> tensor<?x8xf32>
  return
}

// -----

// concat_rows C1.
func.func @f(%x: tensor<?x8xf32>) {
  // expected-error @+1 {{'lowbit.concat_rows' op requires from 1 to 2^31 - 1 rows an image, got 0}}
  %0 = lowbit.concat_rows %x, %x rows [4, 0] : tensor<?x8xf32>, tensor<?x8xf32> -> tensor<?x8xf32>
  return
}

// -----

// concat_rows C1: the sum.
func.func @f(%x: tensor<?x8xf32>) {
  // expected-error @+1 {{'lowbit.concat_rows' op requires from 1 to 2^31 - 1 rows an image, got 1}}
  %0 = lowbit.concat_rows %x, %x rows [2147483647, 1] : tensor<?x8xf32>, tensor<?x8xf32> -> tensor<?x8xf32>
  return
}

// -----

// concat_rows C1.
func.func @f(%x: tensor<?x?xf32>) {
  // expected-error @+1 {{'lowbit.concat_rows' op requires static numbers of columns}}
  %0 = lowbit.concat_rows %x, %x rows [1, 1] : tensor<?x?xf32>, tensor<?x?xf32> -> tensor<?x?xf32>
  return
}

// -----

// concat_rows C2: two images and one.
func.func @f(%x: tensor<8x8xf32>, %y: tensor<3x8xf32>) {
  // expected-error @+1 {{'lowbit.concat_rows' op requires rows of equally many whole images, got 3 rows where an image has 3}}
  %0 = lowbit.concat_rows %x, %y rows [4, 3] : tensor<8x8xf32>, tensor<3x8xf32> -> tensor<?x8xf32>
  return
}

// -----

// concat_rows C2: a rest.
func.func @f(%x: tensor<9x8xf32>, %y: tensor<6x8xf32>) {
  // expected-error @+1 {{'lowbit.concat_rows' op requires rows of equally many whole images, got 9 rows where an image has 4}}
  %0 = lowbit.concat_rows %x, %y rows [4, 3] : tensor<9x8xf32>, tensor<6x8xf32> -> tensor<?x8xf32>
  return
}

// -----

// slice_rows C1.
func.func @f(%x: tensor<?x8xf32>) {
  // expected-error @+1 {{'lowbit.slice_rows' op requires rows inside an image of 1 to 2^31 - 1 rows, got 2 from 3 of 4}}
  %0 = lowbit.slice_rows %x from 3 count 2 of 4 : tensor<?x8xf32> -> tensor<?x8xf32>
  return
}

// -----

// slice_rows C1.
func.func @f(%x: tensor<?x8xf32>) {
  // expected-error @+1 {{'lowbit.slice_rows' op requires rows inside an image of 1 to 2^31 - 1 rows, got 0 from 0 of 4}}
  %0 = lowbit.slice_rows %x from 0 count 0 of 4 : tensor<?x8xf32> -> tensor<?x8xf32>
  return
}

// -----

// slice_rows C1.
func.func @f(%x: tensor<?x8xf32>) {
  // expected-error @+1 {{'lowbit.slice_rows' op requires rows inside an image of 1 to 2^31 - 1 rows, got 1 from 9223372036854775807 of 4}}
  %0 = lowbit.slice_rows %x from 9223372036854775807 count 1 of 4 : tensor<?x8xf32> -> tensor<?x8xf32>
  return
}

// -----

// slice_rows C1.
func.func @f(%x: tensor<?x8xf32>) {
  // expected-error @+1 {{'lowbit.slice_rows' op requires static columns, those of the input}}
  %0 = lowbit.slice_rows %x from 0 count 2 of 4 : tensor<?x8xf32> -> tensor<?x4xf32>
  return
}

// -----

// slice_rows C2.
func.func @f(%x: tensor<8x8xf32>) {
  // expected-error @+1 {{'lowbit.slice_rows' op requires rows of equally many whole images, got 3 rows where an image has 3}}
  %0 = lowbit.slice_rows %x from 0 count 3 of 4 : tensor<8x8xf32> -> tensor<3x8xf32>
  return
}

// -----

// rope C3.
func.func @f(%x: tensor<?x8xf32>, %t: tensor<4x2x2xf32>) {
  // expected-error @+1 {{'lowbit.rope' op requires a position or a sequence, not both}}
  %0 = lowbit.rope half %x table %t heads 2 : tensor<?x8xf32>, tensor<4x2x2xf32>
  return
}

// -----

// rope C3.
func.func @f(%x: tensor<?x8xf32>, %t: tensor<4x2x2xf32>, %p: i64) {
  // expected-error @+1 {{'lowbit.rope' op requires a position or a sequence, not both}}
  %0 = lowbit.rope half %x table %t at %p heads 2 sequence 4 : tensor<?x8xf32>, tensor<4x2x2xf32>
  return
}

// -----

// rope C3.
func.func @f(%x: tensor<?x8xf32>, %t: tensor<4x2x2xf32>) {
  // expected-error @+1 {{'lowbit.rope' op requires a sequence of 1 to the table's 4 positions, got 5}}
  %0 = lowbit.rope half %x table %t heads 2 sequence 5 : tensor<?x8xf32>, tensor<4x2x2xf32>
  return
}

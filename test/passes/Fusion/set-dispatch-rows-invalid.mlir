// RUN: lowbit-opt %s --lowbit-set-dispatch-rows -verify-diagnostics -split-input-file

func.func @rows(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %t = lowbit.repeat_rows %x times 4 from 0 : tensor<?x8xf32> -> tensor<?x8xf32>
  %n = lowbit.norm rms %t eps 1.0e-6 : tensor<?x8xf32>
  // expected-error @+1 {{'arith.addf' op requires operands of equally many rows, got 4 and 1 for each row of the call}}
  %y = arith.addf %n, %x : tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

func.func @images(%x: tensor<?x4xf32>) -> tensor<?x16xf32> {
  %t = lowbit.repeat_rows %x times 6 from 0 : tensor<?x4xf32> -> tensor<?x4xf32>
  // expected-error @+1 {{'lowbit.unpatchify' op requires whole images of 4 patches, got 6 rows}}
  %y = lowbit.unpatchify %t image [1, 4, 4] patch 2 : tensor<?x4xf32> -> tensor<?x16xf32>
  return %y : tensor<?x16xf32>
}

// -----

func.func @sequences(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // expected-error @+1 {{'lowbit.attention' op requires whole sequences of 16 rows, got 1}}
  %y = lowbit.attention none %x keys %x values %x : tensor<?x8xf32>, tensor<?x8xf32>
      heads 1 scale 1.0 kv_heads 1 sequence 16 : tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

lowbit.block @b(%h: tensor<?x8xf32>) -> tensor<?x8xf32>
    attributes {num_params = 0 : i64, num_states = 0 : i64} {
  %y = lowbit.activation silu %h : tensor<?x8xf32>
  lowbit.return %y : tensor<?x8xf32>
}
func.func @calls(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %t = lowbit.repeat_rows %x times 4 from 0 : tensor<?x8xf32> -> tensor<?x8xf32>
  %0 = lowbit.layer @b(%x) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  // expected-error @+1 {{'lowbit.layer' op calls @b with 4 rows for each row of the call, another layer with 1}}
  %1 = lowbit.layer @b(%t) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  return %1 : tensor<?x8xf32>
}

// -----

func.func @streams(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %t = lowbit.repeat_rows %x times 4 from 0 : tensor<?x8xf32> -> tensor<?x8xf32>
  // expected-error @+1 {{'lowbit.concat_rows' op requires inputs of equally many whole images, got 1 rows for each row of the call where an image has 3}}
  %y = lowbit.concat_rows %t, %x rows [4, 3] : tensor<?x8xf32>, tensor<?x8xf32> -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

func.func @slice(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %t = lowbit.repeat_rows %x times 4 from 0 : tensor<?x8xf32> -> tensor<?x8xf32>
  // expected-error @+1 {{'lowbit.slice_rows' op requires whole images of 3 rows, got 4 rows}}
  %y = lowbit.slice_rows %t from 0 count 1 of 3 : tensor<?x8xf32> -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

func.func @positions(%x: tensor<?x8xf32>, %t: tensor<16x2x2xf32>, %p: i64) -> tensor<?x8xf32> {
  %r = lowbit.repeat_rows %x times 4 from 0 : tensor<?x8xf32> -> tensor<?x8xf32>
  // expected-error @+1 {{'lowbit.rope' op requires 'sequence' for rows of images, which have no consecutive positions; got 4 rows for each row of the call}}
  %y = lowbit.rope half %r table %t at %p heads 2 : tensor<?x8xf32>, tensor<16x2x2xf32>
  return %y : tensor<?x8xf32>
}

// -----

func.func @positions_of_images(%x: tensor<?x8xf32>, %t: tensor<16x2x2xf32>) -> tensor<?x8xf32> {
  %r = lowbit.repeat_rows %x times 4 from 0 : tensor<?x8xf32> -> tensor<?x8xf32>
  // expected-error @+1 {{'lowbit.rope' op requires whole sequences of 3 rows, got 4}}
  %y = lowbit.rope half %r table %t heads 2 sequence 3 : tensor<?x8xf32>, tensor<16x2x2xf32>
  return %y : tensor<?x8xf32>
}

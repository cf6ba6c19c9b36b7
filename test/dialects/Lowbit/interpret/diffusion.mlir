// RUN: lowbit-interpret %s

// Clauses N20 and N21, N12 with heads and with a modulation for each row, N14 in
// sequences. Numbers are small integers or powers of two, so every sum is exact.

func.func @views() {
  %x = arith.constant dense<[[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]]> : tensor<2x4xf32>
  %0 = lowbit.repeat_rows %x times 2 from 1 : tensor<2x4xf32> -> tensor<4x2xf32>
  %1 = arith.constant dense<[[2.0, 3.0], [2.0, 3.0], [6.0, 7.0], [6.0, 7.0]]> : tensor<4x2xf32>
  check.expect_eq %0, %1 : tensor<4x2xf32>
  %t = arith.constant dense<[[10.0, 20.0], [30.0, 40.0]]> : tensor<2x2xf32>
  %2 = lowbit.cycle_rows %t like %0 : tensor<2x2xf32>, tensor<4x2xf32>
  %3 = arith.constant dense<[[10.0, 20.0], [30.0, 40.0], [10.0, 20.0], [30.0, 40.0]]> : tensor<4x2xf32>
  check.expect_eq %2, %3 : tensor<4x2xf32>
  return
}

func.func @patches() {
  // Two channels of 2 x 4, patches of 2: two tokens.
  %x = arith.constant dense<[[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0,
                              10.0, 11.0, 12.0, 13.0, 14.0, 15.0, 16.0, 17.0]]> : tensor<1x16xf32>
  %0 = lowbit.patchify %x image [2, 2, 4] patch 2 : tensor<1x16xf32> -> tensor<2x8xf32>
  %1 = arith.constant dense<[[0.0, 1.0, 4.0, 5.0, 10.0, 11.0, 14.0, 15.0],
                             [2.0, 3.0, 6.0, 7.0, 12.0, 13.0, 16.0, 17.0]]> : tensor<2x8xf32>
  check.expect_eq %0, %1 : tensor<2x8xf32>
  %2 = lowbit.patchify %x image [2, 2, 4] patch 2 channels_last : tensor<1x16xf32> -> tensor<2x8xf32>
  %3 = arith.constant dense<[[0.0, 10.0, 1.0, 11.0, 4.0, 14.0, 5.0, 15.0],
                             [2.0, 12.0, 3.0, 13.0, 6.0, 16.0, 7.0, 17.0]]> : tensor<2x8xf32>
  check.expect_eq %2, %3 : tensor<2x8xf32>
  %4 = lowbit.unpatchify %0 image [2, 2, 4] patch 2 : tensor<2x8xf32> -> tensor<1x16xf32>
  check.expect_eq %4, %x : tensor<1x16xf32>
  %5 = lowbit.unpatchify %2 image [2, 2, 4] patch 2 channels_last : tensor<2x8xf32> -> tensor<1x16xf32>
  check.expect_eq %5, %x : tensor<1x16xf32>
  return
}

func.func @modulation_of_rows() {
  // d = (-1, 1): mean of squares 1, and eps is below half a unit in the last place.
  %x = arith.constant dense<[[1.0, 3.0], [5.0, 7.0]]> : tensor<2x2xf32>
  %scale = arith.constant dense<[[0.0, 1.0], [3.0, 0.0]]> : tensor<2x2xf32>
  %shift = arith.constant dense<[[10.0, 20.0], [30.0, 40.0]]> : tensor<2x2xf32>
  %0 = lowbit.norm layer %x modulate %scale : tensor<2x2xf32>, %shift : tensor<2x2xf32> eps 1.0e-9 : tensor<2x2xf32>
  %1 = arith.constant dense<[[9.0, 22.0], [26.0, 41.0]]> : tensor<2x2xf32>
  check.expect_eq %0, %1 : tensor<2x2xf32>
  return
}

func.func @norm_of_heads() {
  %x = arith.constant dense<[[2.0, -2.0, 4.0, 4.0]]> : tensor<1x4xf32>
  %g = arith.constant dense<[1.0, 8.0]> : tensor<2xf32>
  %0 = lowbit.norm rms %x weight %g : tensor<2xf32> eps 1.0e-9 heads 2 : tensor<1x4xf32>
  %1 = arith.constant dense<[[1.0, -8.0, 1.0, 8.0]]> : tensor<1x4xf32>
  check.expect_eq %0, %1 : tensor<1x4xf32>
  return
}

func.func @sequences() {
  // Equal scores: each row gets the mean of its own sequence's two values.
  %q = arith.constant dense<0.0> : tensor<4x2xf32>
  %v = arith.constant dense<[[1.0, 0.0], [3.0, 8.0], [100.0, 2.0], [300.0, 4.0]]> : tensor<4x2xf32>
  %0 = lowbit.attention none %q keys %v values %v : tensor<4x2xf32>, tensor<4x2xf32>
      heads 1 scale 1.0 kv_heads 1 sequence 2 : tensor<4x2xf32>
  %1 = arith.constant dense<[[2.0, 4.0], [2.0, 4.0], [200.0, 3.0], [200.0, 3.0]]> : tensor<4x2xf32>
  check.expect_eq %0, %1 : tensor<4x2xf32>
  return
}

func.func @main() {
  call @views() : () -> ()
  call @patches() : () -> ()
  call @modulation_of_rows() : () -> ()
  call @norm_of_heads() : () -> ()
  call @sequences() : () -> ()
  return
}

func.func @streams() {
  // Two images of two rows and of one row.
  %x = arith.constant dense<[[1.0], [2.0], [3.0], [4.0]]> : tensor<4x1xf32>
  %c = arith.constant dense<[[10.0], [20.0]]> : tensor<2x1xf32>
  %0 = lowbit.concat_rows %x, %c, %x rows [2, 1, 2]
      : tensor<4x1xf32>, tensor<2x1xf32>, tensor<4x1xf32> -> tensor<10x1xf32>
  %1 = arith.constant dense<[[1.0], [2.0], [10.0], [1.0], [2.0],
                             [3.0], [4.0], [20.0], [3.0], [4.0]]> : tensor<10x1xf32>
  check.expect_eq %0, %1 : tensor<10x1xf32>
  %2 = lowbit.slice_rows %0 from 1 count 2 of 5 : tensor<10x1xf32> -> tensor<4x1xf32>
  %3 = arith.constant dense<[[2.0], [10.0], [4.0], [20.0]]> : tensor<4x1xf32>
  check.expect_eq %2, %3 : tensor<4x1xf32>
  return
}

func.func @positions_in_images() {
  // Quarter turns: position 1 turns (a, b) to (-b, a). Two images of two rows.
  %t = arith.constant dense<[[[1.0, 0.0]], [[0.0, 1.0]]]> : tensor<2x1x2xf32>
  %x = arith.constant dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]]> : tensor<4x2xf32>
  %0 = lowbit.rope half %x table %t heads 1 sequence 2 : tensor<4x2xf32>, tensor<2x1x2xf32>
  %1 = arith.constant dense<[[1.0, 2.0], [-4.0, 3.0], [5.0, 6.0], [-8.0, 7.0]]> : tensor<4x2xf32>
  check.expect_eq %0, %1 : tensor<4x2xf32>
  return
}

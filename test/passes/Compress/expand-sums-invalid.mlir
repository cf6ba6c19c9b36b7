// RUN: lowbit-opt %s --lowbit-expand-sums --split-input-file --verify-diagnostics

#f = #lowbit.leaf<fp<f16>>
#p = #lowbit.prod<leaf<fp<f16>>, leaf<fp<f16>> inner [2]>
module {
  lowbit.param @table : !lowbit.tensor<8x32xf32, #p>
  func.func @embed(%x: tensor<?xi32>) -> tensor<?x32xf32> {
    %0 = lowbit.get_param @table : !lowbit.tensor<8x32xf32, #p>
    // expected-error @below {{uses a sum or product of encodings, which only lowbit.matmul multiplies by}}
    %1 = lowbit.gather_rows %0, %x : !lowbit.tensor<8x32xf32, #p>, tensor<?xi32> -> tensor<?x32xf32>
    return %1 : tensor<?x32xf32>
  }
}

// -----

#c = #lowbit.sum<leaf<int<4>, pattern = nm<2:4>>, leaf<fp<f16>, pattern = complement<0>>>
module {
  // expected-error @below {{'w' has a term that is the complement of another; kernels take leaves that stand by themselves}}
  lowbit.param @w : !lowbit.tensor<8x32xf32, #c>
}

// -----

#p = #lowbit.prod<leaf<fp<f16>>, leaf<fp<f16>> inner [2]>
module {
  // expected-error @below {{parameter 'w': a sum or product takes its numbers from a compression pass only}}
  lowbit.param @w : !lowbit.tensor<8x32xf32, #p>
}

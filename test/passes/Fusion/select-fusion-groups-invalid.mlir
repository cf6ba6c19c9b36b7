// RUN: lowbit-opt %s --pass-pipeline='builtin.module(func.func(lowbit-select-fusion-groups))' -verify-diagnostics -split-input-file

func.func @math(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // expected-error @+1 {{'math.tanh' op has no kernel: rows are computed by ops of the lowbit dialect (lowbit.activation has silu, gelu_tanh, relu2, sigmoid, tanh and exp) and by arith.addf, arith.subf, arith.mulf and arith.divf}}
  %y = math.tanh %x : tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

func.func @other_dialect(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // expected-error @+1 {{'tensor.concat' op has no kernel: rows are computed by ops of the lowbit dialect}}
  %y = tensor.concat dim(0) %x, %x : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

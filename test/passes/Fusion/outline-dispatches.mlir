// RUN: lowbit-opt %s -split-input-file --pass-pipeline='builtin.module(any(lowbit-outline-dispatches))' -verify-diagnostics | FileCheck %s

// CHECK-LABEL: func.func @f
func.func @f(%x: tensor<?x8xf32>, %y: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // CHECK: %[[A:.*]] = lowbit.dispatch (%[[X:.*]] = %arg0 : tensor<?x8xf32>) -> (tensor<?x8xf32>) {
  // CHECK-NEXT: %[[S:.*]] = lowbit.activation silu %[[X]] : tensor<?x8xf32>
  // CHECK-NEXT: lowbit.return %[[S]] : tensor<?x8xf32>
  // CHECK: %[[B:.*]] = lowbit.dispatch (%{{.*}} = %[[A]] : tensor<?x8xf32>, %{{.*}} = %arg1 : tensor<?x8xf32>)
  // CHECK: return %[[B]]
  %0 = lowbit.activation silu %x {lowbit.group = #lowbit.fusion_group<0>} : tensor<?x8xf32>
  %1 = arith.mulf %0, %y {lowbit.group = #lowbit.fusion_group<1>} : tensor<?x8xf32>
  return %1 : tensor<?x8xf32>
}

// -----

// expected-error @below {{requires fusion groups that do not depend on each other; two of them form a cycle}}
func.func @cycle(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %0 = lowbit.activation silu %x {lowbit.group = #lowbit.fusion_group<0>} : tensor<?x8xf32>
  %1 = lowbit.activation tanh %0 {lowbit.group = #lowbit.fusion_group<1>} : tensor<?x8xf32>
  %2 = arith.addf %0, %1 {lowbit.group = #lowbit.fusion_group<0>} : tensor<?x8xf32>
  return %2 : tensor<?x8xf32>
}

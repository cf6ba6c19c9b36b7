// A reordered phase is a visible difference.
// RUN: lowbit-opt %s --dump-pass-pipeline --pass-pipeline='builtin.module(lowbit-compress-pipeline,lowbit-encode-pipeline,lowbit-fuse-pipeline,lowbit-schedule-pipeline{targets=cpu:x86-64-v3},lowbit-codegen-pipeline{targets=cpu:x86-64-v3})' 2>&1 | FileCheck %s
// CHECK: lowbit-expand-sums
// CHECK: lowbit-quantize-activations{granularity=auto group-size=0}
// CHECK: lowbit-select-layouts{layout=rows-in-lanes}
// CHECK: lowbit-apply-layouts
// CHECK: cse
// CHECK: lowbit-select-fusion-groups
// CHECK: lowbit-outline-dispatches
// CHECK: lowbit-select-strategies{targets={cpu:x86-64-v3}}
// CHECK: convert-dispatch-to-llvm{targets={cpu:x86-64-v3}}

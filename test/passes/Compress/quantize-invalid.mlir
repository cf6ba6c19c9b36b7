// One message for each broken precondition, naming the pass.
// DEFINE: %{run} = not lowbit-opt %s -o /dev/null
// RUN: %{run} --lowbit-quantize='code=int9x random-weights=1' 2>&1 | FileCheck %s --check-prefix=CODE
// RUN: %{run} --lowbit-quantize='group=12 random-weights=1' 2>&1 | FileCheck %s --check-prefix=GROUP
// RUN: %{run} --lowbit-quantize='group=none random-weights=1' 2>&1 | FileCheck %s --check-prefix=TEXT
// RUN: %{run} --lowbit-quantize='code=uint4 group=row random-weights=1' 2>&1 | FileCheck %s --check-prefix=SIGN
// RUN: %{run} --lowbit-quantize='method=absmean group=row random-weights=1' 2>&1 | FileCheck %s --check-prefix=MEAN
// RUN: %{run} --lowbit-quantize='method=best group=row random-weights=1' 2>&1 | FileCheck %s --check-prefix=METHOD
// RUN: %{run} --lowbit-quantize='method=gptq group=row random-weights=1' 2>&1 | FileCheck %s --check-prefix=GPTQ
// RUN: %{run} --lowbit-quantize='only=zzz group=row random-weights=1' 2>&1 | FileCheck %s --check-prefix=NONE
// RUN: %{run} --lowbit-quantize='only=( group=row random-weights=1' 2>&1 | FileCheck %s --check-prefix=REGEX
// RUN: %{run} --lowbit-quantize='group=row damping=nan random-weights=1' 2>&1 | FileCheck %s --check-prefix=DAMPING
// RUN: %{run} --lowbit-prune-groups='damping=nan random-weights=1' 2>&1 | FileCheck %s --check-prefix=DAMPING
// RUN: %{run} --lowbit-quantize='group=row code=fp<f8E4M3FN> random-weights=1' 2>&1 | FileCheck %s --check-prefix=FLOAT
// RUN: %{run} --lowbit-quantize='group=row' 2>&1 | FileCheck %s --check-prefix=SOURCE

// CODE: error: pass 'quantize': option 'code' is not a code: 'int9x'; write int4, uint3, ternary, int<4, -7:7>
// GROUP: error: pass 'quantize': group=12 does not divide the 32 columns of 'l0.q'; use a divisor, group=row, or except=
// TEXT: error: pass 'quantize': option 'group' requires a number of columns, row or tensor, got 'none'
// SIGN: error: pass 'quantize': symmetric quantization requires a code with negative values; use symmetric=false
// MEAN: error: pass 'quantize': method=absmean requires code=ternary
// METHOD: error: pass 'quantize': option 'method' requires {{.*}}, got 'best'
// GPTQ: error: pass 'quantize': method=gptq needs --calibration=FILE
// NONE: error: pass 'quantize': no matrix is selected by only=zzz
// REGEX: error: pass 'quantize': option 'only' is not a regular expression: '('
// DAMPING: option 'damping' requires a number >= 0, got nan
// FLOAT: error: pass 'quantize': requires an integer code; embed-code turns integer codes into those of small floats
// SOURCE: error: pass 'quantize': parameter 'l0.q': it has no source
#f = #lowbit.leaf<fp<f32>>
module {
  lowbit.param @l0.q : !lowbit.tensor<8x32xf32, #f>
  lowbit.param_set @layer0 [@l0.q]
  lowbit.block @block(%x: tensor<?x32xf32>, %a: !lowbit.tensor<8x32xf32, #f>) -> tensor<?x8xf32>
      attributes {num_params = 1 : i64, num_states = 0 : i64} {
    %0 = lowbit.matmul %x, %a : tensor<?x32xf32>, !lowbit.tensor<8x32xf32, #f> -> tensor<?x8xf32>
    lowbit.return %0 : tensor<?x8xf32>
  }
  func.func @forward(%x: tensor<?x32xf32>) -> tensor<?x8xf32> {
    %0 = lowbit.layer @block(%x) params @layer0 : (tensor<?x32xf32>) -> tensor<?x8xf32>
    return %0 : tensor<?x8xf32>
  }
}

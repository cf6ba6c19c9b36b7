// RUN: lowbit-opt %s --lowbit-expand-zero-points='random-weights=1 except=b' | FileCheck %s
// RUN: lowbit-opt %s --lowbit-expand-zero-points='into=offset random-weights=1' | FileCheck %s --check-prefix=OFFSET
// DEFINE: %{run} = not lowbit-opt %s -o /dev/null
// RUN: %{run} --lowbit-expand-zero-points='into=scale random-weights=1' 2>&1 | FileCheck %s --check-prefix=INTO
// RUN: %{run} --lowbit-expand-zero-points='random-weights=1' 2>&1 | FileCheck %s --check-prefix=WIDE

// INTO: error: pass 'expand-zero-points': option 'into' requires codes or offset, got 'scale'
// WIDE: error: pass 'expand-zero-points': codes minus zero points run from -{{2[0-9][0-9]}} to {{2[0-9][0-9]}}, which takes more than 8 bits; into=offset has no such limit
// WIDE: note: in parameter 'b'

// CHECK: lowbit.param @a : !lowbit.tensor<8x64xf32, #[[A:.+]]> = #lowbit.computed
// OFFSET: lowbit.param @a : !lowbit.tensor<8x64xf32, #[[A:.+]]> = #lowbit.computed
// CHECK-NOT: scale = [f16 per row], zero = uint<4>
// OFFSET-NOT: zero =
#z4 = #lowbit.leaf<uint<4>, scale = [f16 per row], zero = uint<4> per row>
#z8 = #lowbit.leaf<uint<8>, scale = [f16 per row], zero = uint<8> per row>
module {
  lowbit.param @a : !lowbit.tensor<8x64xf32, #z4>
  lowbit.param @b : !lowbit.tensor<8x64xf32, #z8>
  lowbit.param_set @s [@a, @b]
  lowbit.block @block(%x: tensor<?x64xf32>, %a: !lowbit.tensor<8x64xf32, #z4>, %b: !lowbit.tensor<8x64xf32, #z8>) -> (tensor<?x8xf32>, tensor<?x8xf32>)
      attributes {num_params = 2 : i64, num_states = 0 : i64} {
    %0 = lowbit.matmul %x, %a : tensor<?x64xf32>, !lowbit.tensor<8x64xf32, #z4> -> tensor<?x8xf32>
    %1 = lowbit.matmul %x, %b : tensor<?x64xf32>, !lowbit.tensor<8x64xf32, #z8> -> tensor<?x8xf32>
    lowbit.return %0, %1 : tensor<?x8xf32>, tensor<?x8xf32>
  }
  func.func @forward(%x: tensor<?x64xf32>) -> (tensor<?x8xf32>, tensor<?x8xf32>) {
    %0:2 = lowbit.layer @block(%x) params @s : (tensor<?x64xf32>) -> (tensor<?x8xf32>, tensor<?x8xf32>)
    return %0#0, %0#1 : tensor<?x8xf32>, tensor<?x8xf32>
  }
}

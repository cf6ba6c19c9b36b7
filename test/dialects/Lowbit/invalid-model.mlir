// RUN: lowbit-opt %s -verify-diagnostics -split-input-file

// Parameters, caches, blocks, layers, dispatches: rules V11, V13, V14 and each
// clause C.

// -----

// param C1: static shapes.
// expected-error @+1 {{'lowbit.param' op requires a static shape, got '!lowbit.tensor<?x64xf32, #lowbit.leaf<uint<4>>>'}}
lowbit.param @p : !lowbit.tensor<?x64xf32, #lowbit.leaf<uint<4>>>

// -----

// param C1: static tensors.
// expected-error @+1 {{'lowbit.param' op requires a compressed tensor or a static tensor, got 'tensor<?xf32>'}}
lowbit.param @p : tensor<?xf32>

// -----

// param C1: tensors.
// expected-error @+1 {{'lowbit.param' op requires a compressed tensor or a static tensor, got 'i64'}}
lowbit.param @p : i64

// -----

// param C2 (V14): no literals.
// expected-error @+1 {{'lowbit.param' op requires the bytes of a parameter to be outside the text (V14), got a literal}}
lowbit.param @p : tensor<64xf32> = dense<1.0> : tensor<64xf32>

// -----

// param C2: known sources.
// expected-error @+1 {{'lowbit.param' op requires a file, rope_table or splat source, got "blk.0.attn_norm.weight"}}
lowbit.param @p : tensor<64xf32> = "blk.0.attn_norm.weight"

// -----

// param C2: what a rotary table is.
// expected-error @+1 {{'lowbit.param' op requires a rope_table to be a tensor [positions, d / 2, 2] of f32, got 'tensor<64xf32>'}}
lowbit.param @p : tensor<64xf32> = #lowbit.rope_table<theta = 1.0e4>

// -----

// get_param C1: a parameter.
func.func @f() {
  // expected-error @+1 {{'lowbit.get_param' op requires 'p' to be a lowbit.param}}
  %0 = lowbit.get_param @p : tensor<64xf32>
  return
}

// -----

// get_param C1: its type.
lowbit.param @p : tensor<64xf32>
func.func @f() {
  // expected-error @+1 {{'lowbit.get_param' op requires the parameter's type 'tensor<64xf32>', got 'tensor<32xf32>'}}
  %0 = lowbit.get_param @p : tensor<32xf32>
  return
}

// -----

// param_set C1: members are parameters.
// expected-error @+1 {{'lowbit.param_set' op requires @q to be a lowbit.param}}
lowbit.param_set @s [@q]

// -----

// param_set C1: members are symbols.
lowbit.param @p : tensor<64xf32>
// expected-error @+1 {{'lowbit.param_set' op requires symbol members, got "p"}}
"lowbit.param_set"() <{members = ["p"], sym_name = "s"}> : () -> ()

// -----

// param_set: an index for each overlaid member.
lowbit.param @p : tensor<64xf32>
lowbit.param_set @b [@p]
// expected-error @+1 {{'lowbit.param_set' op requires one index for each overlaid member}}
"lowbit.param_set"() <{base = @b, indices = array<i64>, members = [@p], sym_name = "s"}> : () -> ()

// -----

// param_set: no index without a base.
lowbit.param @p : tensor<64xf32>
// expected-error @+1 {{'lowbit.param_set' op requires one index for each overlaid member}}
"lowbit.param_set"() <{indices = array<i64: 0>, members = [@p], sym_name = "s"}> : () -> ()

// -----

// V11: the base exists.
lowbit.param @p : tensor<64xf32>
// expected-error @+1 {{'lowbit.param_set' op requires the base @b to be a lowbit.param_set without a base (V11)}}
lowbit.param_set @s overlay @b {0 = @p}

// -----

// V11: one level of overlays.
lowbit.param @p : tensor<64xf32>
lowbit.param_set @a [@p]
lowbit.param_set @b overlay @a {0 = @p}
// expected-error @+1 {{'lowbit.param_set' op requires the base @b to be a lowbit.param_set without a base (V11)}}
lowbit.param_set @s overlay @b {0 = @p}

// -----

// V11: members exist in the base.
lowbit.param @p : tensor<64xf32>
lowbit.param_set @b [@p]
// expected-error @+1 {{'lowbit.param_set' op requires overlaid members to exist in the base (V11), got index 1 of 1}}
lowbit.param_set @s overlay @b {1 = @p}

// -----

// V11: no negative index.
lowbit.param @p : tensor<64xf32>
lowbit.param_set @b [@p]
// expected-error @+1 {{'lowbit.param_set' op requires overlaid members to exist in the base (V11), got index -1 of 1}}
lowbit.param_set @s overlay @b {-1 = @p}

// -----

// V11: members have the type of the base.
lowbit.param @p : tensor<64xf32>
lowbit.param @q : tensor<32xf32>
lowbit.param_set @b [@p]
// expected-error @+1 {{'lowbit.param_set' op requires overlaid members of the base's type (V11), got 'tensor<32xf32>' for 'tensor<64xf32>'}}
lowbit.param_set @s overlay @b {0 = @q}

// -----

// kv_cache C1: slots.
// expected-error @+1 {{'lowbit.kv_cache' op requires 1 to 2^20 slots, got 0}}
lowbit.kv_cache @kv slots 0 : !lowbit.kv<4x8xf32>

// -----

// kv_cache C1: a bounded number of slots.
// expected-error @+1 {{'lowbit.kv_cache' op requires 1 to 2^20 slots, got 2097152}}
lowbit.kv_cache @kv slots 2097152 : !lowbit.kv<4x8xf32>

// -----

// V13: a slot serves one layer.
lowbit.block @s(%h: tensor<?x64xf32>, %kv: !lowbit.kv<4x8xf32>) -> tensor<?x64xf32>
    attributes {num_params = 0 : i64, num_states = 1 : i64} {
  lowbit.return %h : tensor<?x64xf32>
}
// expected-error @+1 {{'lowbit.kv_cache' op requires each slot to serve one layer call (V13), slot 0 serves two}}
lowbit.kv_cache @kv slots 1 : !lowbit.kv<4x8xf32>
func.func @f(%h: tensor<?x64xf32>) {
  %0 = lowbit.layer @s(%h) state @kv[0] : (tensor<?x64xf32>) -> tensor<?x64xf32>
  %1 = lowbit.layer @s(%0) state @kv[0] : (tensor<?x64xf32>) -> tensor<?x64xf32>
  return
}

// -----

// V13: every slot serves a layer.
lowbit.block @s(%h: tensor<?x64xf32>, %kv: !lowbit.kv<4x8xf32>) -> tensor<?x64xf32>
    attributes {num_params = 0 : i64, num_states = 1 : i64} {
  lowbit.return %h : tensor<?x64xf32>
}
// expected-error @+1 {{'lowbit.kv_cache' op requires as many slots as layer calls (V13), got 2 and 1}}
lowbit.kv_cache @kv slots 2 : !lowbit.kv<4x8xf32>
func.func @f(%h: tensor<?x64xf32>) {
  %0 = lowbit.layer @s(%h) state @kv[0] : (tensor<?x64xf32>) -> tensor<?x64xf32>
  return
}

// -----

// block C1: states are caches.
// expected-error @+1 {{'lowbit.block' op requires caches exactly at the states, argument 1 is 'tensor<64xf32>'}}
lowbit.block @b(%h: tensor<?x64xf32>, %g: tensor<64xf32>)
    attributes {num_params = 0 : i64, num_states = 1 : i64} {
  lowbit.return
}

// -----

// block C1: caches are states.
// expected-error @+1 {{'lowbit.block' op requires caches exactly at the states, argument 1 is '!lowbit.kv<4x8xf32>'}}
lowbit.block @b(%h: tensor<?x64xf32>, %kv: !lowbit.kv<4x8xf32>)
    attributes {num_params = 1 : i64, num_states = 0 : i64} {
  lowbit.return
}

// -----

// block C2: parameters.
// expected-error @+1 {{'lowbit.block' op requires at most one state and num_states + num_params <= 1, got 0 and 2}}
lowbit.block @b(%h: tensor<?x64xf32>)
    attributes {num_params = 2 : i64, num_states = 0 : i64} {
  lowbit.return
}

// -----

// block C2: states.
// expected-error @+1 {{'lowbit.block' op requires at most one state and num_states + num_params <= 2, got 2 and 0}}
lowbit.block @b(%a: !lowbit.kv<4x8xf32>, %b: !lowbit.kv<4x8xf32>)
    attributes {num_params = 0 : i64, num_states = 2 : i64} {
  lowbit.return
}

// -----

// block C2: no negative numbers.
// expected-error @+1 {{'lowbit.block' op requires at most one state and num_states + num_params <= 1, got 0 and -1}}
lowbit.block @b(%h: tensor<?x64xf32>)
    attributes {num_params = -1 : i64, num_states = 0 : i64} {
  lowbit.return
}

// -----

// return: the types of the block.
lowbit.block @b(%h: tensor<?x64xf32>) -> tensor<?x32xf32>
    attributes {num_params = 0 : i64, num_states = 0 : i64} {
  // expected-error @+1 {{'lowbit.return' op requires the types of the enclosing op's results}}
  lowbit.return %h : tensor<?x64xf32>
}

// -----

// return: nothing is forgotten.
lowbit.block @b(%h: tensor<?x64xf32>) -> tensor<?x64xf32>
    attributes {num_params = 0 : i64, num_states = 0 : i64} {
  // expected-error @+1 {{'lowbit.return' op requires the types of the enclosing op's results}}
  lowbit.return
}

// -----

// return: only in blocks and dispatches.
func.func @f() {
  // expected-error @+1 {{'lowbit.return' op expects parent op to be one of 'lowbit.block, lowbit.dispatch'}}
  lowbit.return
}

// -----

// layer C1: the block exists.
func.func @f(%h: tensor<?x64xf32>) {
  // expected-error @+1 {{'lowbit.layer' op requires 'b' to be a lowbit.block}}
  %0 = lowbit.layer @b(%h) : (tensor<?x64xf32>) -> tensor<?x64xf32>
  return
}

// -----

// layer C1: input types.
lowbit.param @p : tensor<64xf32>
lowbit.block @b(%h: tensor<?x64xf32>, %g: tensor<64xf32>) -> tensor<?x64xf32>
    attributes {num_params = 1 : i64, num_states = 0 : i64} {
  lowbit.return %h : tensor<?x64xf32>
}
lowbit.param_set @p0 [@p]
func.func @f(%h: tensor<?x32xf32>) {
  // expected-error @+1 {{'lowbit.layer' op requires the block's input types}}
  %0 = lowbit.layer @b(%h) params @p0 : (tensor<?x32xf32>) -> tensor<?x64xf32>
  return
}

// -----

// layer C1: result types.
lowbit.param @p : tensor<64xf32>
lowbit.block @b(%h: tensor<?x64xf32>, %g: tensor<64xf32>) -> tensor<?x64xf32>
    attributes {num_params = 1 : i64, num_states = 0 : i64} {
  lowbit.return %h : tensor<?x64xf32>
}
lowbit.param_set @p0 [@p]
func.func @f(%h: tensor<?x64xf32>) {
  // expected-error @+1 {{'lowbit.layer' op requires the block's result types}}
  %0 = lowbit.layer @b(%h) params @p0 : (tensor<?x64xf32>) -> tensor<?x32xf32>
  return
}

// -----

// layer C2: parameters are needed.
lowbit.block @b(%h: tensor<?x64xf32>, %g: tensor<64xf32>) -> tensor<?x64xf32>
    attributes {num_params = 1 : i64, num_states = 0 : i64} {
  lowbit.return %h : tensor<?x64xf32>
}
func.func @f(%h: tensor<?x64xf32>) {
  // expected-error @+1 {{'lowbit.layer' op requires 1 parameters, got 0}}
  %0 = lowbit.layer @b(%h) : (tensor<?x64xf32>) -> tensor<?x64xf32>
  return
}

// -----

// layer C2: the set exists.
lowbit.block @b(%h: tensor<?x64xf32>, %g: tensor<64xf32>) -> tensor<?x64xf32>
    attributes {num_params = 1 : i64, num_states = 0 : i64} {
  lowbit.return %h : tensor<?x64xf32>
}
func.func @f(%h: tensor<?x64xf32>) {
  // expected-error @+1 {{'lowbit.layer' op requires @p0 to be a valid lowbit.param_set}}
  %0 = lowbit.layer @b(%h) params @p0 : (tensor<?x64xf32>) -> tensor<?x64xf32>
  return
}

// -----

// layer C2: types of members.
lowbit.param @p : tensor<32xf32>
lowbit.block @b(%h: tensor<?x64xf32>, %g: tensor<64xf32>) -> tensor<?x64xf32>
    attributes {num_params = 1 : i64, num_states = 0 : i64} {
  lowbit.return %h : tensor<?x64xf32>
}
lowbit.param_set @p0 [@p]
func.func @f(%h: tensor<?x64xf32>) {
  // expected-error @+1 {{'lowbit.layer' op requires parameter 0 of type 'tensor<64xf32>', got 'tensor<32xf32>' from @p}}
  %0 = lowbit.layer @b(%h) params @p0 : (tensor<?x64xf32>) -> tensor<?x64xf32>
  return
}

// -----

// layer C3: state needs a slot.
lowbit.block @s(%h: tensor<?x64xf32>, %kv: !lowbit.kv<4x8xf32>) -> tensor<?x64xf32>
    attributes {num_params = 0 : i64, num_states = 1 : i64} {
  lowbit.return %h : tensor<?x64xf32>
}
func.func @f(%h: tensor<?x64xf32>) {
  // expected-error @+1 {{'lowbit.layer' op requires a cache slot exactly when the block has state}}
  %0 = lowbit.layer @s(%h) : (tensor<?x64xf32>) -> tensor<?x64xf32>
  return
}

// -----

// layer C3: no slot without state.
lowbit.param @p : tensor<64xf32>
lowbit.block @b(%h: tensor<?x64xf32>, %g: tensor<64xf32>) -> tensor<?x64xf32>
    attributes {num_params = 1 : i64, num_states = 0 : i64} {
  lowbit.return %h : tensor<?x64xf32>
}
lowbit.kv_cache @kv slots 1 : !lowbit.kv<4x8xf32>
lowbit.param_set @p0 [@p]
func.func @f(%h: tensor<?x64xf32>) {
  // expected-error @+1 {{'lowbit.layer' op requires a cache slot exactly when the block has state}}
  %0 = lowbit.layer @b(%h) params @p0 state @kv[0] : (tensor<?x64xf32>) -> tensor<?x64xf32>
  return
}

// -----

// layer C3: the cache exists.
lowbit.block @s(%h: tensor<?x64xf32>, %kv: !lowbit.kv<4x8xf32>) -> tensor<?x64xf32>
    attributes {num_params = 0 : i64, num_states = 1 : i64} {
  lowbit.return %h : tensor<?x64xf32>
}
func.func @f(%h: tensor<?x64xf32>) {
  // expected-error @+1 {{'lowbit.layer' op requires @kv to be a lowbit.kv_cache of type '!lowbit.kv<4x8xf32>'}}
  %0 = lowbit.layer @s(%h) state @kv[0] : (tensor<?x64xf32>) -> tensor<?x64xf32>
  return
}

// -----

// layer C3: its type.
lowbit.block @s(%h: tensor<?x64xf32>, %kv: !lowbit.kv<4x8xf32>) -> tensor<?x64xf32>
    attributes {num_params = 0 : i64, num_states = 1 : i64} {
  lowbit.return %h : tensor<?x64xf32>
}
lowbit.kv_cache @kv slots 1 : !lowbit.kv<8x8xf32>
func.func @f(%h: tensor<?x64xf32>) {
  // expected-error @+1 {{'lowbit.layer' op requires @kv to be a lowbit.kv_cache of type '!lowbit.kv<4x8xf32>'}}
  %0 = lowbit.layer @s(%h) state @kv[0] : (tensor<?x64xf32>) -> tensor<?x64xf32>
  return
}

// -----

// layer C3: the slot exists.
lowbit.block @s(%h: tensor<?x64xf32>, %kv: !lowbit.kv<4x8xf32>) -> tensor<?x64xf32>
    attributes {num_params = 0 : i64, num_states = 1 : i64} {
  lowbit.return %h : tensor<?x64xf32>
}
lowbit.kv_cache @kv slots 1 : !lowbit.kv<4x8xf32>
func.func @f(%h: tensor<?x64xf32>) {
  // expected-error @+1 {{'lowbit.layer' op requires a slot below 1, got 1}}
  %0 = lowbit.layer @s(%h) state @kv[1] : (tensor<?x64xf32>) -> tensor<?x64xf32>
  return
}

// -----

// dispatch C1: types of arguments.
func.func @f(%x: tensor<?x64xf32>) {
  // expected-error @+1 {{'lowbit.dispatch' op requires region arguments of the operands' types}}
  "lowbit.dispatch"(%x) ({
  ^bb0(%a: tensor<?x32xf32>):
    "lowbit.return"() : () -> ()
  }) : (tensor<?x64xf32>) -> ()
  return
}

// -----

// dispatch C1: a lowbit.return.
func.func @f(%x: tensor<?x64xf32>) {
  // expected-error @+1 {{'lowbit.dispatch' op requires a lowbit.return at the end}}
  lowbit.dispatch (%a = %x : tensor<?x64xf32>) {
    llvm.unreachable
  }
  return
}

// -----

// dispatch C1: types of results.
func.func @f(%x: tensor<?x64xf32>) {
  %y = lowbit.dispatch (%a = %x : tensor<?x64xf32>) -> (tensor<?x32xf32>) {
    // expected-error @+1 {{'lowbit.return' op requires the types of the enclosing op's results}}
    lowbit.return %a : tensor<?x64xf32>
  }
  return
}

// -----

// dispatch: strategies.
func.func @f(%x: tensor<?x64xf32>) {
  // expected-error @+1 {{'lowbit.dispatch' op requires strategies, got "fast"}}
  lowbit.dispatch (%a = %x : tensor<?x64xf32>) strategies ["fast"] {
    lowbit.return
  }
  return
}

// -----

// dispatch: isolated from above.
func.func @f(%x: tensor<?x64xf32>) {
  // expected-note @+1 {{required by region isolation constraints}}
  lowbit.dispatch () {
    // expected-error @+1 {{'lowbit.activation' op using value defined outside the region}}
    %0 = lowbit.activation silu %x : tensor<?x64xf32>
    lowbit.return
  }
  return
}

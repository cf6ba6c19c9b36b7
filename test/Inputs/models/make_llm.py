#!/usr/bin/env python3
"""Prints the graph of a Llama-like model as lowbit IR, parameters without sources.

Used with `lowbit-compile --weights=splat` for shape-only work: compile time, code size.
  make_llm.py --hidden 4096 --intermediate 14336 --layers 32 --heads 32 --kv-heads 8 --vocab 128256
"""
import argparse

parser = argparse.ArgumentParser(description=__doc__)
for name, value in (("hidden", 64), ("intermediate", 160), ("layers", 2), ("heads", 4),
                    ("kv-heads", 2), ("vocab", 96), ("context", 512), ("group", 32)):
    parser.add_argument("--" + name, type=int, default=value)
parser.add_argument("--code", default="uint<4>")
a = parser.parse_args()
D, F, L, H, KV, V = a.hidden, a.intermediate, a.layers, a.heads, a.kv_heads, a.vocab
d = D // H
per = f"f16 per map<(n, k) -> (n, k floordiv {a.group})>"
print(f"#w = #lowbit.leaf<{a.code}, scale = [{per}], offset = [{per}]>")
weight = lambda n, k: f"!lowbit.tensor<{n}x{k}xf32, #w>"
params = [("attn_norm", f"tensor<{D}xf32>"), ("q", weight(D, D)), ("k", weight(KV * d, D)),
          ("v", weight(KV * d, D)), ("o", weight(D, D)), ("ffn_norm", f"tensor<{D}xf32>"),
          ("gate", weight(F, D)), ("up", weight(F, D)), ("down", weight(D, F))]
h, hk, hf = f"tensor<?x{D}xf32>", f"tensor<?x{KV * d}xf32>", f"tensor<?x{F}xf32>"
kv, rope = f"!lowbit.kv<{KV}x{d}xf32>", f"tensor<{a.context}x{d // 2}x2xf32>"
print(f"lowbit.param @embedding : {weight(V, D)}")
print(f"lowbit.param @norm : tensor<{D}xf32>")
print(f"lowbit.param @rope : {rope} = #lowbit.rope_table<theta = 1.0e+04 : f64>")
for i in range(L):
    for name, kind in params:
        print(f"lowbit.param @l{i}.{name} : {kind}")
    print(f"lowbit.param_set @s{i} [" + ", ".join(f"@l{i}.{n}" for n, _ in params) + "]")
print(f"lowbit.kv_cache @kv slots {L} : {kv}")
arguments = ", ".join(f"%{n}: {t}" for n, t in params)
matmul = lambda x, w, xt, n, k, yt: f"lowbit.matmul %{x}, %{w} : {xt}, {weight(n, k)} -> {yt}"
norm = lambda x, w: f"lowbit.norm rms %{x} weight %{w} : tensor<{D}xf32> eps 1.0e-05 : {h}"
print(f"""lowbit.block @block(%h: {h}, %pos: i64, %rope: {rope}, %kv: {kv}, {arguments}) -> {h}
    attributes {{num_states = 1 : i64, num_params = {len(params)} : i64}} {{
  %n = {norm("h", "attn_norm")}
  %x = {matmul("n", "q", h, D, D, h)}
  %y = {matmul("n", "k", h, KV * d, D, hk)}
  %z = {matmul("n", "v", h, KV * d, D, hk)}
  %xr = lowbit.rope half %x table %rope at %pos heads {H} : {h}, {rope}
  %yr = lowbit.rope half %y table %rope at %pos heads {KV} : {hk}, {rope}
  lowbit.kv.append %kv, %yr, %z at %pos : {kv}, {hk}
  %a = lowbit.attention causal %xr cache %kv at %pos : {kv} heads {H} scale {d ** -0.5} : {h}
  %b = {matmul("a", "o", h, D, D, h)}
  %h1 = arith.addf %h, %b : {h}
  %m = {norm("h1", "ffn_norm")}
  %g = {matmul("m", "gate", h, F, D, hf)}
  %u = {matmul("m", "up", h, F, D, hf)}
  %s = lowbit.activation silu %g : {hf}
  %t = arith.mulf %s, %u : {hf}
  %c = {matmul("t", "down", hf, D, F, h)}
  %h2 = arith.addf %h1, %c : {h}
  lowbit.return %h2 : {h}
}}
func.func @forward(%ids: tensor<?xi32>, %pos: i64) -> {h} {{
  %e = lowbit.get_param @embedding : {weight(V, D)}
  %r = lowbit.get_param @rope : {rope}
  %h0 = lowbit.gather_rows %e, %ids : {weight(V, D)}, tensor<?xi32> -> {h}""")
for i in range(L):
    print(f"  %h{i + 1} = lowbit.layer @block(%h{i}, %pos, %r) params @s{i} state @kv[{i}] : ({h}, i64, {rope}) -> {h}")
print(f"""  return %h{L} : {h}
}}
func.func @head(%h: {h}) -> tensor<?x{V}xf32> {{
  %g = lowbit.get_param @norm : tensor<{D}xf32>
  %e = lowbit.get_param @embedding : {weight(V, D)}
  %n = {norm("h", "g")}
  %y = {matmul("n", "e", h, V, D, f"tensor<?x{V}xf32>")}
  return %y : tensor<?x{V}xf32>
}}""")

#===- stories260K.py - Logits of a small Llama in f64 ---------------------===#
#
# Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===------------------------------------------------------------------------===#
"""Writes stories260K-logits.npy beside this file: f32 [16, 512] for the tokens
1 + 37 i mod 512. Reads llama2.c's stories260K.bin (argument: its path), another
file than the one that the test imports. Needs numpy."""
import os
import struct
import sys

import numpy as np

data = open(sys.argv[1], "rb").read()
dim, hidden, layers, heads, kv_heads, vocabulary, _ = struct.unpack("<7i", data[:28])
numbers = np.frombuffer(data[28:], dtype="<f4").astype(np.float64)
position = 0


def take(*shape):
    global position
    count = int(np.prod(shape))
    position += count
    return numbers[position - count:position].reshape(shape)


size = dim // heads
embedding = take(vocabulary, dim)
attention_norm = take(layers, dim)
wq, wk = take(layers, dim, dim), take(layers, kv_heads * size, dim)
wv, wo = take(layers, kv_heads * size, dim), take(layers, dim, dim)
ffn_norm = take(layers, dim)
gate, down, up = take(layers, hidden, dim), take(layers, dim, hidden), take(layers, hidden, dim)
output_norm = take(dim)


def norm(x, weight):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-5) * weight


def rope(x, count):
    tokens = x.shape[0]
    x = x.reshape(tokens, count, size // 2, 2)
    angle = np.arange(tokens)[:, None] * 10000.0 ** (-np.arange(0, size, 2) / size)
    c, s = np.cos(angle)[:, None], np.sin(angle)[:, None]
    a, b = x[..., 0], x[..., 1]
    return np.stack([a * c - b * s, a * s + b * c], -1).reshape(tokens, count, size)


ids = np.array([(1 + 37 * i) % 512 for i in range(16)])
tokens = len(ids)
h = embedding[ids]
for layer in range(layers):
    x = norm(h, attention_norm[layer])
    q, k = rope(x @ wq[layer].T, heads), rope(x @ wk[layer].T, kv_heads)
    v = (x @ wv[layer].T).reshape(tokens, kv_heads, size)
    out = np.zeros((tokens, heads, size))
    for head in range(heads):
        shared = head // (heads // kv_heads)
        score = q[:, head] @ k[:, shared].T / np.sqrt(size)
        score = np.where(np.tril(np.ones((tokens, tokens))) > 0, score, -np.inf)
        score = np.exp(score - score.max(-1, keepdims=True))
        out[:, head] = score / score.sum(-1, keepdims=True) @ v[:, shared]
    h = h + out.reshape(tokens, dim) @ wo[layer].T
    x = norm(h, ffn_norm[layer])
    g = x @ gate[layer].T
    h = h + (g / (1 + np.exp(-g)) * (x @ up[layer].T)) @ down[layer].T
logits = norm(h, output_norm) @ embedding.T
np.save(os.path.join(os.path.dirname(os.path.abspath(__file__)), "stories260K-logits.npy"),
        logits.astype("<f4"))

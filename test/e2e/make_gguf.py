#===- make_gguf.py - A small Llama with random weights --------------------===#
#
# Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===------------------------------------------------------------------------===#
"""make_gguf.py OUT TYPE [HIDDEN FEED_FORWARD]: a GGUF file whose matrices are of
TYPE with random codes and scales. For comparing bits only. Standard library."""
import random
import struct
import sys

# Type: (ggml id, elements of a block, layout of a block). A layout is a list of
# (kind, bytes): d a positive f16, r random bytes, t 2-bit ternary, 3 base-3.
TYPES = {
    "F16": (1, 1, None), "BF16": (30, 1, None),
    "Q4_0": (2, 32, "d2 r16"), "Q4_1": (3, 32, "d2 d2 r16"),
    "Q5_0": (6, 32, "d2 r20"), "Q5_1": (7, 32, "d2 d2 r20"),
    "Q8_0": (8, 32, "d2 r32"), "Q2_K": (10, 256, "r80 d2 d2"),
    "Q3_K": (11, 256, "r108 d2"), "Q4_K": (12, 256, "d2 d2 r140"),
    "Q5_K": (13, 256, "d2 d2 r172"), "Q6_K": (14, 256, "r208 d2"),
    "TQ1_0": (34, 256, "348 q4 d2"), "TQ2_0": (35, 256, "t64 d2"),
}


def block(rng, layout):
    out = b""
    for piece in layout.split():
        kind, size = piece[0], int(piece[1:])
        if kind == "d":
            out += struct.pack("<e", rng.uniform(0.0005, 0.002))
        elif kind == "r":
            out += rng.randbytes(size)
        elif kind == "t":
            out += bytes(sum(rng.randrange(3) << s for s in (0, 2, 4, 6)) for _ in range(size))
        else:  # five digits a byte, or four and a zero
            values = [rng.randrange(243) if kind == "3" else 3 * rng.randrange(81)
                      for _ in range(size)]
            out += bytes((v * 256 + 242) // 243 for v in values)
    return out


def string(text):
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def entry(key, kind, value):
    """kind: one of GGUF's types by name, or [kind] for an array."""
    ids = {"u32": (4, "<I"), "i32": (5, "<i"), "f32": (6, "<f"), "str": (8, None)}

    def one(k, v):
        return string(v) if k == "str" else struct.pack(ids[k][1], v)
    if isinstance(kind, list):
        return (string(key) + struct.pack("<IIQ", 9, ids[kind[0]][0], len(value))
                + b"".join(one(kind[0], v) for v in value))
    return string(key) + struct.pack("<I", ids[kind][0]) + one(kind, value)


def main():
    out, kind = sys.argv[1], sys.argv[2]
    hidden, feed = (int(v) for v in sys.argv[3:5]) if len(sys.argv) > 3 else (256, 512)
    rng = random.Random(kind)
    heads, kv_heads, layers, vocabulary = 4, 2, 2, 300
    head = hidden // heads
    ggml, elements, layout = TYPES[kind]

    def matrix(rows, columns):
        if layout is None:
            pack = (lambda v: struct.pack("<e", v)) if kind == "F16" else \
                (lambda v: struct.pack("<f", v)[2:])
            return b"".join(pack(rng.gauss(0, 0.05)) for _ in range(rows * columns))
        assert columns % elements == 0
        return b"".join(block(rng, layout) for _ in range(rows * columns // elements))

    tensors = []

    def add(name, rows, columns=None):
        if columns is None:
            data = b"".join(struct.pack("<f", rng.uniform(0.5, 1.5)) for _ in range(rows))
            tensors.append((name, (rows,), 0, data))
        else:
            tensors.append((name, (columns, rows), ggml, matrix(rows, columns)))
    add("token_embd.weight", vocabulary, hidden)
    add("output_norm.weight", hidden)
    add("output.weight", vocabulary, hidden)
    for i in range(layers):
        add(f"blk.{i}.attn_norm.weight", hidden)
        add(f"blk.{i}.attn_q.weight", hidden, hidden)
        add(f"blk.{i}.attn_k.weight", kv_heads * head, hidden)
        add(f"blk.{i}.attn_v.weight", kv_heads * head, hidden)
        add(f"blk.{i}.attn_output.weight", hidden, hidden)
        add(f"blk.{i}.ffn_norm.weight", hidden)
        add(f"blk.{i}.ffn_gate.weight", feed, hidden)
        add(f"blk.{i}.ffn_up.weight", feed, hidden)
        add(f"blk.{i}.ffn_down.weight", hidden, feed)

    tokens = ["<unk>", "<s>", "</s>"] + [f"<0x{i:02X}>" for i in range(256)]
    tokens += [f"t{i}" for i in range(vocabulary - len(tokens))]
    kinds = [2, 3, 3] + [6] * 256 + [1] * (vocabulary - 259)
    entries = [
        entry("general.architecture", "str", "llama"),
        entry("general.name", "str", "random " + kind),
        entry("llama.context_length", "u32", 256),
        entry("llama.embedding_length", "u32", hidden),
        entry("llama.feed_forward_length", "u32", feed),
        entry("llama.block_count", "u32", layers),
        entry("llama.attention.head_count", "u32", heads),
        entry("llama.attention.head_count_kv", "u32", kv_heads),
        entry("llama.attention.layer_norm_rms_epsilon", "f32", 1e-5),
        entry("llama.rope.dimension_count", "u32", head),
        entry("llama.rope.freq_base", "f32", 10000.0),
        entry("tokenizer.ggml.model", "str", "llama"),
        entry("tokenizer.ggml.tokens", ["str"], tokens),
        entry("tokenizer.ggml.scores", ["f32"], [0.0] * vocabulary),
        entry("tokenizer.ggml.token_type", ["i32"], kinds),
        entry("tokenizer.ggml.bos_token_id", "u32", 1),
        entry("tokenizer.ggml.eos_token_id", "u32", 2),
    ]
    infos, data = b"", b""
    for name, dims, number, content in tensors:
        infos += string(name) + struct.pack("<I", len(dims))
        infos += struct.pack("<%dQ" % len(dims), *dims) + struct.pack("<IQ", number, len(data))
        data += content + bytes(-len(content) % 32)
    header = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(entries)) + b"".join(entries) + infos
    with open(out, "wb") as file:
        file.write(header + bytes(-len(header) % 32) + data)


if __name__ == "__main__":
    main()

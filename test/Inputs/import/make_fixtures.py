#!/usr/bin/env python3
"""Makes the small random models of this folder and their logits.

    make_fixtures.py [OUTPUT_FOLDER]

Needs numpy; the GGUF cases also the PyPI package gguf. The reference below is
written in float64 from the formulas of transformers 4.57's modeling files
(llama, mistral, qwen2, bitnet, modeling_rope_utils, integrations/bitnet.py), on
the stored (rounded) weights. Each case is a folder (or a .gguf file), NAME.ids.npy
(i32) and NAME.logits.npy (f32, [tokens, vocabulary]).
"""

import json
import os
import shutil
import struct
import sys

import numpy as np

TOKENS = 24


# --- files -------------------------------------------------------------------

def encode(x, dtype):
    """(bytes, the stored values)"""
    if dtype == "F32":
        x = np.asarray(x, np.float32)
        return x.tobytes(), x
    if dtype == "F16":
        half = np.asarray(x, np.float16)
        return half.tobytes(), half.astype(np.float32)
    if dtype == "BF16":
        bits = np.asarray(x, np.float32).view(np.uint32)
        bits = ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)
        return bits.tobytes(), (bits.astype(np.uint32) << 16).view(np.float32)
    assert dtype == "U8"
    return x.tobytes(), x


def write_folder(folder, config, tensors, shards):
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    with open(os.path.join(folder, "config.json"), "w") as f:
        json.dump(config, f, indent=1)
    names, weight_map = list(tensors), {}
    for shard in range(shards):
        header, data = {}, b""
        for name in names[shard::shards]:
            dtype, shape, raw = tensors[name]
            header[name] = {"dtype": dtype, "shape": list(shape),
                            "data_offsets": [len(data), len(data) + len(raw)]}
            data += raw
        text = json.dumps(header, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 8)
        file = ("model.safetensors" if shards == 1 else
                "model-%05d-of-%05d.safetensors" % (shard + 1, shards))
        with open(os.path.join(folder, file), "wb") as f:
            f.write(struct.pack("<Q", len(text)) + text + data)
        weight_map.update({name: file for name in names[shard::shards]})
    if shards > 1:
        index = os.path.join(folder, "model.safetensors.index.json")
        with open(index, "w") as f:
            json.dump({"metadata": {}, "weight_map": weight_map}, f, indent=1)


# --- the reference -----------------------------------------------------------

def inverse_frequencies(config, dim):
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    theta = rope.get("rope_theta", config.get("rope_theta", 10000.0))
    inv = 1.0 / theta ** (np.arange(0, dim, 2, dtype=np.float64) / dim)
    kind = rope.get("rope_type", rope.get("type", "default"))
    if kind == "linear":
        return inv / rope["factor"]
    if kind != "llama3":
        return inv
    factor, context = rope["factor"], rope["original_max_position_embeddings"]
    low, high = rope["low_freq_factor"], rope["high_freq_factor"]
    wavelength = 2 * np.pi / inv
    scaled = np.where(wavelength > context / low, inv / factor, inv)
    smooth = (context / wavelength - low) / (high - low)
    blended = (1 - smooth) * scaled / factor + smooth * scaled
    medium = ~(wavelength < context / high) & ~(wavelength > context / low)
    return np.where(medium, blended, scaled)


def rotate(x, cos, sin):
    half = x.shape[-1] // 2
    turned = np.concatenate([-x[..., half:], x[..., :half]], -1)
    return x * cos + turned * sin


def rms_norm(x, weight, eps):
    return weight * (x / np.sqrt((x * x).mean(-1, keepdims=True) + eps))


def bit_linear(x, packed, scale, linear_class):
    weight = np.concatenate(
        [((packed >> (2 * i)) & 3).astype(np.float64) - 1 for i in range(4)], 0)
    x = x.astype(np.float32)
    largest = np.maximum(np.abs(x).max(-1, keepdims=True), np.float32(1e-5))
    c = np.float32(127) / largest
    codes = np.clip(np.rint(x * c), -128, 127).astype(np.float64)
    sums = codes @ weight.T
    return sums / (c * scale) if linear_class == "bitlinear" else sums / c * scale


ACTIVATIONS = {
    "silu": lambda x: x / (1 + np.exp(-x)),
    "relu2": lambda x: np.maximum(x, 0) ** 2,
}


def logits(config, weights, ids):
    w = {k: v if v.dtype == np.uint8 else v.astype(np.float64)
         for k, v in weights.items()}
    heads, kv_heads = config["num_attention_heads"], config["num_key_value_heads"]
    dim = config.get("head_dim") or config["hidden_size"] // heads
    eps, kind = config["rms_norm_eps"], config["model_type"]

    def linear(x, name):
        weight = w[name + ".weight"]
        if weight.dtype == np.uint8:
            y = bit_linear(x, weight, w[name + ".weight_scale"][0],
                           config["quantization_config"]["linear_class"])
        else:
            y = x @ weight.T
        return y + w[name + ".bias"] if name + ".bias" in w else y

    def window(layer):
        if kind == "mistral":
            return config.get("sliding_window")
        if kind == "qwen2" and config.get("use_sliding_window"):
            if layer >= config["max_window_layers"]:
                return config["sliding_window"]
        return None

    count = len(ids)
    h = w["model.embed_tokens.weight"][ids]
    angle = np.arange(count)[:, None] * inverse_frequencies(config, dim)[None]
    angle = np.concatenate([angle, angle], -1)[:, None]
    cos, sin = np.cos(angle), np.sin(angle)
    position = np.arange(count)
    for i in range(config["num_hidden_layers"]):
        layer = "model.layers.%d." % i
        attention, mlp = layer + "self_attn.", layer + "mlp."
        n = rms_norm(h, w[layer + "input_layernorm.weight"], eps)
        q = linear(n, attention + "q_proj").reshape(count, heads, dim)
        k = linear(n, attention + "k_proj").reshape(count, kv_heads, dim)
        v = linear(n, attention + "v_proj").reshape(count, kv_heads, dim)
        q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        k, v = (np.repeat(x, heads // kv_heads, 1) for x in (k, v))
        scores = np.einsum("thd,shd->hts", q, k) * dim ** -0.5
        visible = position[None] <= position[:, None]
        if window(i):
            visible &= position[None] > position[:, None] - window(i)
        scores = np.where(visible, scores, -np.inf)
        p = np.exp(scores - scores.max(-1, keepdims=True))
        p /= p.sum(-1, keepdims=True)
        o = np.einsum("hts,shd->thd", p, v).reshape(count, -1)
        if kind == "bitnet":
            o = rms_norm(o, w[attention + "attn_sub_norm.weight"], eps)
        h = h + linear(o, attention + "o_proj")
        n = rms_norm(h, w[layer + "post_attention_layernorm.weight"], eps)
        u = ACTIVATIONS[config["hidden_act"]](linear(n, mlp + "gate_proj"))
        u = u * linear(n, mlp + "up_proj")
        if kind == "bitnet":
            u = rms_norm(u, w[mlp + "ffn_sub_norm.weight"], eps)
        h = h + linear(u, mlp + "down_proj")
    h = rms_norm(h, w["model.norm.weight"], eps)
    head = ("model.embed_tokens.weight" if config["tie_word_embeddings"]
            else "lm_head.weight")
    return h @ w[head].T


# --- random models -----------------------------------------------------------

def random_tensors(rng, config, packed):
    """Yields (name, values); uint8 values are packed ternary."""
    hidden, inner = config["hidden_size"], config["intermediate_size"]
    heads, kv_heads = config["num_attention_heads"], config["num_key_value_heads"]
    dim = config.get("head_dim") or hidden // heads
    kind = config["model_type"]

    def linear(name, rows, columns, bias):
        if packed:
            trits = rng.integers(0, 3, (4, rows // 4, columns)).astype(np.uint8)
            yield name + ".weight", (trits[0] | trits[1] << 2 | trits[2] << 4
                                     | trits[3] << 6)
            divides = config["quantization_config"]["linear_class"] == "bitlinear"
            size = columns ** (0.5 if divides else -0.5)
            yield name + ".weight_scale", rng.uniform(0.5, 2, (1,)) * size
        else:
            yield (name + ".weight",
                   rng.normal(0, 1.5 * columns ** -0.5, (rows, columns)))
        if bias:
            yield name + ".bias", rng.normal(0, 0.5, (rows,))

    def norm(name, size):
        yield name + ".weight", rng.uniform(0.5, 1.5, (size,))

    qkv_bias = kind == "qwen2" or config.get("attention_bias", False)
    mlp_bias = config.get("mlp_bias", False)
    vocabulary = config["vocab_size"]
    yield "model.embed_tokens.weight", rng.normal(0, 1, (vocabulary, hidden))
    for i in range(config["num_hidden_layers"]):
        layer = "model.layers.%d." % i
        attention, mlp = layer + "self_attn.", layer + "mlp."
        yield from norm(layer + "input_layernorm", hidden)
        yield from norm(layer + "post_attention_layernorm", hidden)
        yield from linear(attention + "q_proj", heads * dim, hidden, qkv_bias)
        yield from linear(attention + "k_proj", kv_heads * dim, hidden, qkv_bias)
        yield from linear(attention + "v_proj", kv_heads * dim, hidden, qkv_bias)
        yield from linear(attention + "o_proj", hidden, heads * dim,
                          config.get("attention_bias", False))
        yield from linear(mlp + "gate_proj", inner, hidden, mlp_bias)
        yield from linear(mlp + "up_proj", inner, hidden, mlp_bias)
        yield from linear(mlp + "down_proj", hidden, inner, mlp_bias)
        if kind == "bitnet":
            yield from norm(attention + "attn_sub_norm", hidden)
            yield from norm(mlp + "ffn_sub_norm", inner)
    yield from norm("model.norm", hidden)
    if not config["tie_word_embeddings"]:
        yield ("lm_head.weight",
               rng.normal(0, hidden ** -0.5, (vocabulary, hidden)))


def config_of(name, kind, **more):
    config = dict(architectures=[name], model_type=kind, hidden_size=24,
                  intermediate_size=40, num_hidden_layers=2,
                  num_attention_heads=3, num_key_value_heads=1, head_dim=8,
                  hidden_act="silu", rms_norm_eps=1e-5, rope_theta=10000.0,
                  max_position_embeddings=64, vocab_size=29,
                  tie_word_embeddings=False)
    config.update(more)
    return config


def bitnet(**more):
    return config_of("BitNetForCausalLM", "bitnet", hidden_act="relu2",
                     rope_theta=500000.0, **more)


def quantization(linear_class):
    return dict(quant_method="bitnet", linear_class=linear_class,
                quantization_mode="offline", modules_to_not_convert=None)


# name: (config, dtypes in turn, shards)
CASES = {
    "llama3": (config_of(
        "LlamaForCausalLM", "llama", head_dim=16, attention_bias=True,
        mlp_bias=True, rope_parameters=dict(
            rope_type="llama3", rope_theta=500.0, factor=8.0,
            low_freq_factor=1.0, high_freq_factor=4.0,
            original_max_position_embeddings=64)), ["BF16", "F32"], 3),
    "linear": (config_of(
        "LlamaForCausalLM", "llama", tie_word_embeddings=True,
        rope_scaling=dict(type="linear", factor=2.0)), ["F16"], 1),
    "mistral": (config_of(
        "MistralForCausalLM", "mistral", head_dim=12, num_attention_heads=5,
        sliding_window=7), ["BF16"], 1),
    "qwen2": (config_of(
        "Qwen2ForCausalLM", "qwen2", num_hidden_layers=3, rope_theta=1e6,
        use_sliding_window=True, sliding_window=5, max_window_layers=1,
        tie_word_embeddings=True), ["F16", "BF16", "F32"], 2),
    "bitnet-float": (bitnet(), ["BF16"], 1),
    "bitnet-bitlinear": (bitnet(
        tie_word_embeddings=True,
        quantization_config=quantization("bitlinear")), ["BF16"], 1),
    "bitnet-autobitlinear": (bitnet(
        quantization_config=quantization("autobitlinear")), ["F32"], 2),
}


def llama3_divisors(config):
    """What llama.cpp's converter writes as rope_freqs.weight, in float32."""
    plain = dict(config, rope_parameters={"rope_theta":
                                          config["rope_parameters"]["rope_theta"]})
    dim = config["head_dim"]
    return (inverse_frequencies(plain, dim)
            / inverse_frequencies(config, dim)).astype(np.float32)


def write_gguf(path, config, weights):
    """Q8_0 matrices; returns the values that it stores, as Hugging Face has
    them: architecture llama stores rows of q and k for adjacent pairs."""
    import gguf
    kind = config["model_type"]
    rope = config.get("rope_parameters", config)
    writer = gguf.GGUFWriter(path, kind)
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_key_length(config["head_dim"])
    writer.add_value_length(config["head_dim"])
    writer.add_rope_freq_base(rope["rope_theta"])
    renamed = {"model.embed_tokens": "token_embd", "model.norm": "output_norm",
               "lm_head": "output", "input_layernorm": "attn_norm",
               "post_attention_layernorm": "ffn_norm",
               "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
               "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
               "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
               "mlp.down_proj": "ffn_down"}
    stored = {}
    if rope.get("rope_type") == "llama3":
        writer.add_tensor("rope_freqs.weight", llama3_divisors(config))
    for name, values in weights.items():
        values = np.asarray(values, np.float32)
        target = name.replace("model.layers.", "blk.")
        for old, new in renamed.items():
            target = target.replace(old + ".", new + ".")
        if values.ndim == 2:
            q8 = gguf.GGMLQuantizationType.Q8_0
            packed = gguf.quants.quantize(values, q8)
            writer.add_tensor(target, packed, raw_dtype=q8)
            values = gguf.quants.dequantize(packed, q8)
            if kind == "llama" and ("q_proj" in name or "k_proj" in name):
                half, columns = config["head_dim"] // 2, values.shape[1]
                values = values.reshape(-1, half, 2, columns).transpose(
                    0, 2, 1, 3).reshape(values.shape)
            stored[name] = values
        else:
            writer.add_tensor(target, values)
            stored[name] = values
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return stored


def main():
    out = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(
        os.path.abspath(__file__))

    def save(name, config, weights, rng):
        ids = rng.integers(0, config["vocab_size"], TOKENS)
        np.save(os.path.join(out, name + ".ids.npy"), ids.astype(np.int32))
        np.save(os.path.join(out, name + ".logits.npy"),
                logits(config, weights, ids).astype(np.float32))

    for name, (config, dtypes, shards) in CASES.items():
        rng = np.random.default_rng(5)
        tensors, weights = {}, {}
        packed = "quantization_config" in config
        for i, (key, values) in enumerate(random_tensors(rng, config, packed)):
            dtype = ("U8" if values.dtype == np.uint8
                     else dtypes[i % len(dtypes)])
            raw, weights[key] = encode(values, dtype)
            tensors[key] = (dtype, values.shape, raw)
        write_folder(os.path.join(out, name), config, tensors, shards)
        save(name, config, weights, rng)

    for name, config in {
            "qwen2-q8": config_of(
                "Qwen2ForCausalLM", "qwen2", hidden_size=32, head_dim=8,
                intermediate_size=64, num_attention_heads=4,
                num_key_value_heads=2),
            "llama3-q8": config_of(
                "LlamaForCausalLM", "llama", hidden_size=64, head_dim=64,
                intermediate_size=64, num_hidden_layers=1,
                num_attention_heads=2, rope_parameters=dict(
                    rope_type="llama3", rope_theta=500000.0, factor=32.0,
                    low_freq_factor=1.0, high_freq_factor=4.0,
                    original_max_position_embeddings=8192)),
    }.items():
        rng = np.random.default_rng(6)
        weights = dict(random_tensors(rng, config, False))
        stored = write_gguf(os.path.join(out, name + ".gguf"), config, weights)
        save(name, config, stored, rng)


if __name__ == "__main__":
    main()

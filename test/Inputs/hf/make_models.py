#!/usr/bin/env python3
"""Small random models made with transformers, and their logits in f32 of the stored weights.

  make_models.py DIR [--check]     needs torch, transformers, safetensors from PyPI

DIR gets one folder a model: the Hugging Face files, `prompts.txt` (ids, comma separated, a line a
prompt) and `logits.npy` (f32, all rows of all prompts). --check regenerates into a temporary folder
and compares with what is stored. Stored fixtures: DIR = this folder, seed 0.
"""
import json, os, shutil, sys, tempfile
import numpy as np
import torch
import transformers as tf

VOCAB = 96


def prompts(count, length, seed):
    rng = np.random.default_rng(seed)
    return [rng.integers(3, VOCAB, length).tolist() for _ in range(count)]


def common(**kw):
    base = dict(vocab_size=VOCAB, max_position_embeddings=256, tie_word_embeddings=False,
                bos_token_id=1, eos_token_id=2, pad_token_id=0, initializer_range=0.15)
    return base | kw


def models():
    """name -> (config, dtype, shard size)"""
    yield "llama3-scaling", tf.LlamaConfig(**common(
        hidden_size=48, intermediate_size=80, num_hidden_layers=2, num_attention_heads=3,
        num_key_value_heads=1, head_dim=16, max_position_embeddings=256,
        rope_parameters=dict(rope_type="llama3", rope_theta=10000.0, factor=8.0, low_freq_factor=1.0,
                             high_freq_factor=4.0, original_max_position_embeddings=64))), torch.float32, "40KB"
    yield "mistral-head-dim", tf.MistralConfig(**common(
        hidden_size=40, intermediate_size=72, num_hidden_layers=2, num_attention_heads=5,
        num_key_value_heads=5, head_dim=24, sliding_window=None)), torch.bfloat16, None
    yield "mistral-window", tf.MistralConfig(**common(
        hidden_size=32, intermediate_size=56, num_hidden_layers=3, num_attention_heads=4,
        num_key_value_heads=2, head_dim=8, sliding_window=7)), torch.float16, None
    yield "qwen2", tf.Qwen2Config(**common(
        hidden_size=56, intermediate_size=64, num_hidden_layers=2, num_attention_heads=7,
        num_key_value_heads=7, tie_word_embeddings=True)), torch.float32, None
    yield "bitnet-float", tf.BitNetConfig(**common(
        hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, hidden_act="relu2")), torch.float32, None


def build(folder):
    os.environ["TORCHDYNAMO_DISABLE"] = "1"
    for index, (name, config, dtype, shard) in enumerate(models()):
        torch.manual_seed(index)
        config._attn_implementation = "eager"
        model = tf.AutoModelForCausalLM.from_config(config, dtype=dtype).eval()
        with torch.no_grad():  # norms and biases that are not all ones and zeros
            for key, value in model.named_parameters():
                if value.ndim == 1:
                    value.copy_(torch.randn_like(value) * 0.2 + (0.0 if key.endswith("bias") else 1.0))
        path = os.path.join(folder, name)
        shutil.rmtree(path, ignore_errors=True)
        model.save_pretrained(path, **({"max_shard_size": shard} if shard else {}))
        reference = tf.AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32,
                                                            attn_implementation="eager").eval()
        rows, lines = [], prompts(3, 40, index)
        with torch.no_grad():
            for ids in lines:
                rows.append(reference(torch.tensor([ids])).logits[0].numpy())
        np.save(os.path.join(path, "logits.npy"), np.concatenate(rows).astype(np.float32))
        with open(os.path.join(path, "prompts.txt"), "w") as out:
            out.writelines(",".join(map(str, ids)) + "\n" for ids in lines)
        print(name, "written")


if __name__ == "__main__":
    target = sys.argv[1]
    if "--check" not in sys.argv:
        build(target)
        sys.exit(0)
    with tempfile.TemporaryDirectory() as fresh:
        build(fresh)
        bad = 0
        for name, *_ in models():
            old, new = (np.load(os.path.join(d, name, "logits.npy")) for d in (target, fresh))
            error = np.abs(old - new).max() / np.abs(new).max()
            print(f"{name}: stored and fresh logits differ by {error:.2e}")
            bad += not error < 1e-5
        sys.exit(bad != 0)

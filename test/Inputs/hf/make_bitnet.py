#!/usr/bin/env python3
"""Logits of packed BitNet in transformers: the last row of 40 prompts of stories-ternary-2M.

  make_bitnet.py MODEL_FOLDER OUT_FOLDER       needs torch, transformers, accelerate from PyPI

Writes OUT_FOLDER/bitnet-prompts.txt and bitnet-logits.npy (f32 [40, vocabulary])."""
import os, sys
os.environ["TORCHDYNAMO_DISABLE"] = "1"
import numpy as np
import torch
from transformers import BitNetForCausalLM

model = BitNetForCausalLM.from_pretrained(sys.argv[1], dtype=torch.float32).eval()
rng = np.random.default_rng(7)
lines = [[1] + rng.integers(259, 512, 15).tolist() for _ in range(40)]
with torch.no_grad():
    rows = [model(torch.tensor([ids])).logits[0, -1].float().numpy() for ids in lines]
np.save(os.path.join(sys.argv[2], "bitnet-logits.npy"), np.stack(rows).astype(np.float32))
with open(os.path.join(sys.argv[2], "bitnet-prompts.txt"), "w") as out:
    out.writelines(",".join(map(str, ids)) + "\n" for ids in lines)

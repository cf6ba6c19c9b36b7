"""One denoising step of a DiT-S/2-shaped network against PyTorch, interleaved.

usage: against_pytorch.py BIN [--rounds=5] [--threads=2] [--batch=1] [--work=FOLDER]

Compiles the models of make_dit.py (ternary and int8 weights, int8 activations) with
BIN/lowbit-compile. Each round times, one after another, one step of PyTorch in f32 and
of both modules (lowbit-bench --steps), so that a machine with other work on it slows all
of them alike. Prints the medians and their ratios. Needs torch.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import torch
import torch.nn.functional as F
from torch import nn

HERE = pathlib.Path(__file__).resolve().parent
WIDTH, DEPTH, HEADS, TOKENS, VALUES = 384, 12, 6, 256, 16


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.proj = nn.Linear(WIDTH, WIDTH)
        self.fc1 = nn.Linear(WIDTH, 4 * WIDTH)
        self.fc2 = nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, h, m):
        shift_a, scale_a, gate_a, shift_m, scale_m, gate_m = m[:, None].chunk(6, -1)
        x = F.layer_norm(h, (WIDTH,), eps=1e-6) * (1 + scale_a) + shift_a
        q, k, v = (self.qkv(x).view(len(h), TOKENS, 3, HEADS, -1)
                   .permute(2, 0, 3, 1, 4))
        x = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(h.shape)
        h = h + gate_a * self.proj(x)
        x = F.layer_norm(h, (WIDTH,), eps=1e-6) * (1 + scale_m) + shift_m
        return h + gate_m * self.fc2(F.gelu(self.fc1(x), approximate="tanh"))


class Step(nn.Module):
    """A step whose modulation is given, as it is after hoist-steps."""

    def __init__(self):
        super().__init__()
        self.patch = nn.Linear(VALUES, WIDTH)
        self.blocks = nn.ModuleList(Block() for _ in range(DEPTH))
        self.out = nn.Linear(WIDTH, VALUES)

    def forward(self, patches, modulation):
        h = self.patch(patches)
        for block, m in zip(self.blocks, modulation):
            h = block(h, m)
        return self.out(F.layer_norm(h, (WIDTH,), eps=1e-6))


def compile_models(tools, work):
    for weights in ("ternary", "int8"):
        subprocess.run([sys.executable, HERE / "make_dit.py", work,
                        f"--weights={weights}"], check=True)
        subprocess.run([tools / "lowbit-compile", work / f"{weights}.safetensors",
                        f"--model={work}/{weights}.mlir", "-q", "-o",
                        work / f"{weights}.lowbit"], check=True)


def bench(tools, work, weights, options):
    output = subprocess.run(
        [tools / "lowbit-bench", work / f"{weights}.lowbit", "--steps", "4", "--batch",
         str(options.batch), "-r", "1", "-t", str(options.threads), "--format=json"],
        check=True, capture_output=True, text=True).stdout
    return json.loads(output)[0]["step_milliseconds"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("bin", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--work", type=pathlib.Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    work = options.work or pathlib.Path(tempfile.mkdtemp())
    os.makedirs(work, exist_ok=True)
    compile_models(options.bin, work)
    model = Step().eval()
    patches = torch.randn(options.batch, TOKENS, VALUES)
    modulation = torch.randn(DEPTH, options.batch, 6 * WIDTH) * 0.1
    times = {"pytorch": [], "ternary": [], "int8": []}
    with torch.inference_mode():
        model(patches, modulation)
        for _ in range(options.rounds):
            begin = time.perf_counter()
            for _ in range(4):
                model(patches, modulation)
            times["pytorch"].append((time.perf_counter() - begin) / 4 * 1e3)
            for weights in ("ternary", "int8"):
                times[weights].append(bench(options.bin, work, weights, options))
    cpu = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo")
                if line.startswith("model name")), "unknown CPU")
    print(f"{cpu}, {options.threads} threads, batch {options.batch}, "
          f"{options.rounds} rounds, torch {torch.__version__}")
    for name, values in times.items():
        median = statistics.median(values)
        ratio = statistics.median(p / v for p, v in zip(times["pytorch"], values))
        print(f"{name:8} {median:8.1f} ms a step (of {min(values):.1f} to "
              f"{max(values):.1f}), {ratio:.2f}x PyTorch f32 in the median round")


if __name__ == "__main__":
    main()

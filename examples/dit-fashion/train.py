"""Trains a natively ternary diffusion transformer on Fashion-MNIST.

usage: train.py [--data=FOLDER] [--minutes=40] [--out=dit-fashion.safetensors]

Needs torch, numpy and safetensors from PyPI and Debian's `dataset-fashion-mnist`
(the default of --data is where it installs). Ternary weights by their mean absolute
value, int8 activations per token, straight-through gradients, from scratch; rectified
flow: at x_t = t image + (1 - t) noise the model predicts image - noise. The weights
written are the exponential moving average. 40 minutes on 2 cores gave the weights of
this folder.
"""

import argparse
import copy
import gzip
import math
import time
from dataclasses import dataclass

import numpy
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn

CLASSES = 10  # label 10 is "no class", for guidance
FEATURES = 128


@dataclass
class Shape:
    """Sizes of a model; images are size x size, one channel."""
    size: int
    patch: int
    width: int
    depth: int
    heads: int

    @property
    def tokens(self):
        return (self.size // self.patch) ** 2


class TernaryLinear(nn.Linear):
    """y = W x + b with W in {-1, 0, 1} * scale and x in int8 per token.

    Backwards both roundings are the identity. `ternary` off is an ordinary layer.
    """
    ternary = True

    def forward(self, x):
        if not self.ternary:
            return super().forward(x)
        codes = 127 / x.detach().abs().amax(-1, keepdim=True).clamp(min=1e-5)
        rounded = (x.detach() * codes).round().clamp(-128, 127) / codes
        x = x + (rounded - x.detach())
        values, scale = ternary_of(self.weight.detach())
        weight = self.weight + (values * scale - self.weight.detach())
        return F.linear(x, weight, self.bias)


def ternary_of(weight):
    """(codes in {-1, 0, 1}, scale): absmean, as BitNet b1.58."""
    scale = weight.abs().mean().clamp(min=1e-5)
    return (weight / scale).round().clamp(-1, 1), scale


def normed(x):
    return F.layer_norm(x, x.shape[-1:], eps=1e-6)


class Block(nn.Module):
    def __init__(self, shape):
        super().__init__()
        width = shape.width
        self.heads = shape.heads
        self.ada = TernaryLinear(width, 6 * width)
        self.qkv = TernaryLinear(width, 3 * width)
        self.proj = TernaryLinear(width, width)
        self.fc1 = TernaryLinear(width, 4 * width)
        self.fc2 = TernaryLinear(4 * width, width)
        for layer in (self.ada, self.qkv, self.proj, self.fc1, self.fc2):
            nn.init.normal_(layer.weight, std=0.02)
            nn.init.zeros_(layer.bias)

    def forward(self, h, c):
        images, tokens, width = h.shape
        shift_a, scale_a, gate_a, shift_m, scale_m, gate_m = (
            self.ada(c)[:, None].chunk(6, -1))
        x = normed(h) * (1 + scale_a) + shift_a
        q, k, v = (self.qkv(x).view(images, tokens, 3, self.heads, -1)
                   .permute(2, 0, 3, 1, 4))
        x = F.scaled_dot_product_attention(q, k, v)
        h = h + gate_a * self.proj(x.transpose(1, 2).reshape(images, tokens, width))
        x = normed(h) * (1 + scale_m) + shift_m
        return h + gate_m * self.fc2(F.gelu(self.fc1(x), approximate="tanh"))


class DiT(nn.Module):
    """velocity(x [n, size, size], t [n] or a number, label [n])."""

    def __init__(self, shape):
        super().__init__()
        self.shape = shape
        width, values = shape.width, shape.patch ** 2
        self.patch = nn.Linear(values, width)
        self.pos = nn.Parameter(torch.randn(shape.tokens, width) * 0.02)
        self.t1 = nn.Linear(FEATURES, width)
        self.t2 = nn.Linear(width, width)
        self.y = nn.Embedding(CLASSES + 1, width)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.depth))
        self.ada = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, values)
        for layer in (self.ada, self.out):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, x, t, label):
        images, (side, patch) = len(x), (self.shape.size // self.shape.patch,
                                         self.shape.patch)
        patches = (x.view(images, side, patch, side, patch).permute(0, 1, 3, 2, 4)
                   .reshape(images, side * side, patch * patch))
        h = self.patch(patches) + self.pos
        half = FEATURES // 2
        frequencies = torch.exp(-math.log(1e4) * torch.arange(half) / half)
        angles = 1000 * torch.as_tensor(t).float().reshape(-1, 1) * frequencies
        features = torch.cat((angles.cos(), angles.sin()), -1).expand(images, -1)
        c = F.silu(self.t2(F.silu(self.t1(features))) + self.y(label))
        for block in self.blocks:
            h = block(h, c)
        shift, scale = self.ada(c)[:, None].chunk(2, -1)
        x = self.out(normed(h) * (1 + scale) + shift)
        return (x.view(images, side, side, patch, patch).permute(0, 1, 3, 2, 4)
                .reshape(images, side * patch, side * patch))


def train(model, images, labels, minutes, rate, batch):
    """Trains for a time; gives the moving average of the weights."""
    average = copy.deepcopy(model).eval()
    matrices = [p for n, p in model.named_parameters()
                if p.dim() == 2 and n not in ("pos", "y.weight")]
    others = [p for p in model.parameters() if all(p is not m for m in matrices)]
    optimizer = torch.optim.AdamW([dict(params=matrices, weight_decay=0.05),
                                   dict(params=others, weight_decay=0.0)],
                                  lr=rate, betas=(0.9, 0.98))
    begin, step, shown = time.time(), 0, None
    while (progress := (time.time() - begin) / (minutes * 60)) < 1:
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1, (step + 1) / 200) * (1 - progress) ** 0.7
        if progress > 0.6:  # lets the ternary codes settle
            optimizer.param_groups[0]["weight_decay"] = 0.0
        chosen = torch.randint(0, len(images), (batch,))
        image, noise = images[chosen], torch.randn(batch, *images.shape[1:])
        label = torch.where(torch.rand(batch) < 0.1,
                            torch.full((batch,), CLASSES), labels[chosen])
        t = torch.sigmoid(torch.randn(batch)) if step % 2 else torch.rand(batch)
        mixed = t[:, None, None] * image + (1 - t)[:, None, None] * noise
        loss = F.mse_loss(model(mixed, t, label), image - noise)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        step += 1
        keep = min(0.9995, (1 + step) / (10 + step))
        with torch.no_grad():
            for a, b in zip(average.parameters(), model.parameters()):
                a.lerp_(b, 1 - keep)
        shown = loss.item() if shown is None else 0.98 * shown + 0.02 * loss.item()
        if step % 100 == 0:
            print(f"step {step}, {100 * progress:.0f} %, loss {shown:.4f}", flush=True)
    return average


def export(model, path):
    """Writes codes in {-1, 0, 1} (I8) with one scale for each ternary matrix."""
    ternary = {name for name, layer in model.named_modules()
               if isinstance(layer, TernaryLinear) and layer.ternary}
    tensors = {}
    for name, value in model.state_dict().items():
        layer, _, leaf = name.rpartition(".")
        if layer in ternary and leaf == "weight":
            codes, scale = ternary_of(value)
            tensors[name] = codes.to(torch.int8)
            tensors[name + "_scale"] = scale.view(1)
        else:
            tensors[name] = value.clone().contiguous()
    save_file(tensors, path)
    print(f"wrote {path}")


def read_fashion(folder):
    def read(name, offset):
        with gzip.open(f"{folder}/{name}") as file:
            return numpy.frombuffer(file.read(), numpy.uint8, offset=offset)
    images = read("train-images-idx3-ubyte.gz", 16).reshape(-1, 28, 28)
    labels = read("train-labels-idx1-ubyte.gz", 8)
    return (torch.from_numpy(images.astype(numpy.float32) / 127.5 - 1),
            torch.from_numpy(labels.astype(numpy.int64)))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", default="/usr/share/datasets/fashion-mnist")
    parser.add_argument("--minutes", type=float, default=40)
    parser.add_argument("--out", default="dit-fashion.safetensors")
    parser.add_argument("--seed", type=int, default=5)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    images, labels = read_fashion(options.data)
    model = DiT(Shape(size=28, patch=4, width=128, depth=4, heads=4))
    export(train(model, images, labels, options.minutes, rate=2e-3, batch=128),
           options.out)


if __name__ == "__main__":
    main()

"""Draws of PyTorch's CPU generator, for the tests of runtime/Models/Noise.

usage: make_noise.py FOLDER      (needs torch; the fixtures are stored)

uniform.npy  f32 [seeds, 700]: torch.manual_seed(seed); torch.rand(700)
normal.npy   f32 [seeds, total]: for each of the sizes below, one after another,
             torch.manual_seed(seed); torch.randn(size)
chain.npy    f32 [seeds, 56]: torch.manual_seed(seed), then torch.randn of 3, 20,
             5, 16, 5 and 7 numbers without seeding in between
The sizes and seeds are repeated in test/unit/runtime/Models/NoiseTest.cpp.
"""

import sys

import numpy
import torch

SEEDS = [0, 1, 42, 0xFFFFFFFF, 0x123456789ABCDEF]
SIZES = [1, 2, 7, 15, 16, 17, 31, 64, 300]
CHAIN = [3, 20, 5, 16, 5, 7]


def main():
    folder = sys.argv[1]

    def draws(seed, sizes, again):
        parts = []
        torch.manual_seed(seed)
        for size in sizes:
            if again:
                torch.manual_seed(seed)
            parts.append(torch.randn(size))
        return torch.cat(parts).numpy()

    uniform = []
    for seed in SEEDS:
        torch.manual_seed(seed)
        uniform.append(torch.rand(700).numpy())
    numpy.save(folder + "/uniform.npy", numpy.stack(uniform))
    numpy.save(folder + "/normal.npy",
               numpy.stack([draws(seed, SIZES, True) for seed in SEEDS]))
    numpy.save(folder + "/chain.npy",
               numpy.stack([draws(seed, CHAIN, False) for seed in SEEDS]))


if __name__ == "__main__":
    main()

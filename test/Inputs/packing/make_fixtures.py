#!/usr/bin/env python3
"""Writes the fixtures of test/unit/lib/Packing: random blocks of every stored
format with the values that the PyPI package `gguf` (quants.py) gives for them.

Usage: make_fixtures.py [folder]     (needs: pip install gguf numpy)

File NAME.bin, little-endian: u32 rows, u32 columns, u32 bytes, the stored bytes,
rows * columns f32 values.
"""
import pathlib
import struct
import sys

import gguf
import numpy as np

FORMATS = ["F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q2_K", "Q3_K",
           "Q4_K", "Q5_K", "Q6_K", "TQ1_0", "TQ2_0"]
# Byte offsets of the f16 numbers of a block.
HALVES = {"Q8_0": [0], "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2],
          "Q2_K": [80, 82], "Q3_K": [108], "Q4_K": [0, 2], "Q5_K": [0, 2],
          "Q6_K": [208], "TQ1_0": [52], "TQ2_0": [64]}


def random_halves(rng, count):
    """Finite f16 numbers over the whole exponent range, some subnormal."""
    bits = rng.integers(0, 1 << 16, count, dtype=np.uint16)
    return np.where((bits & 0x7C00) == 0x7C00, bits & 0x83FF, bits).astype("<u2")


def random_blocks(rng, name, rows, blocks, size):
    data = rng.integers(0, 256, (rows * blocks, size), dtype=np.uint8)
    if name == "F16":
        data = random_halves(rng, rows * blocks).view(np.uint8)
    elif name == "BF16":
        data = rng.normal(size=rows * blocks).astype("<f4").view("<u2")[1::2]
        data = np.ascontiguousarray(data).view(np.uint8)
    if name == "TQ2_0":  # 3 is not a ternary digit
        parts = rng.integers(0, 3, (4, rows * blocks, 64))
        data[:, :64] = sum(parts[i] << (2 * i) for i in range(4))
    for offset in HALVES.get(name, []):
        half = random_halves(rng, rows * blocks).view(np.uint8)
        data[:, offset:offset + 2] = half.reshape(-1, 2)
    return data.reshape(rows, blocks * size)


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else
                          pathlib.Path(__file__).parent)
    for seed, name in enumerate(FORMATS):
        rng = np.random.default_rng(1000 + seed)
        kind = gguf.GGMLQuantizationType[name]
        elements, size = gguf.GGML_QUANT_SIZES[kind]
        rows, blocks = 3, {256: 2, 32: 3}.get(elements, 40)
        data = random_blocks(rng, name, rows, blocks, size)
        if name == "F16":
            values = data.view("<f2").astype("<f4")
        else:
            values = gguf.quants.dequantize(data, kind).astype("<f4")
        assert values.shape == (rows, blocks * elements), name
        with open(folder / f"{name}.bin", "wb") as out:
            out.write(struct.pack("<3I", rows, blocks * elements, data.size))
            out.write(data.tobytes())
            out.write(values.tobytes())


if __name__ == "__main__":
    main()

"""A small MMDiT with random weights, and its first velocity in f64, with the standard
library alone.

usage: make_joint.py FOLDER [--heads=H] [--head-size=D] [--height=H] [--width=W]
                            [--images=N] [--seed=S]

Two streams of tokens (patches of the image; three rows of tables that the label
indexes) go through two blocks: each stream has its own modulation, projections, RMS
norms of the heads of queries, keys and results, and MLP; both attend to all tokens of
the image, and the labels' stream ends with the last attention. Patches have rotary positions. Writes
model.mlir, weights.safetensors, noise.npy and velocity.npy (time 0, image i has label
i mod 3, no guidance) into FOLDER.
"""

import argparse
import json
import math
import os
import random
import struct

CLASSES, FEATURES, BLOCKS, CONTEXT, EPS = 3, 16, 2, 3, 1e-6


def f32(value):
    return struct.unpack("<f", struct.pack("<f", value))[0]


def rows_type(columns):
    return f"tensor<?x{columns}xf32>"


def write_npy(path, shape, values):
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape!r}, }}"
    header += " " * (-(len(header) + 11) % 64) + "\n"
    with open(path, "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)))
        file.write(header.encode() + struct.pack(f"<{len(values)}f", *values))


def write_safetensors(path, tensors):
    entries, data = {}, b""
    for name, (shape, values) in tensors.items():
        part = struct.pack(f"<{len(values)}f", *values)
        entries[name] = {"dtype": "F32", "shape": shape,
                         "data_offsets": [len(data), len(data) + len(part)]}
        data += part
    text = json.dumps(entries).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


class Shape:
    def __init__(self, options):
        self.heads, self.head = options.heads, options.head_size
        self.height, self.width = options.height, options.width
        self.columns = self.heads * self.head
        self.tokens = self.height // 2 * (self.width // 2)
        self.hidden = 2 * self.columns + 3
        self.pairs = self.head // 2


class Weights:
    """Random parameters, made when first asked for; their values are f32."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.tensors = {}

    def get(self, name, shape, spread, mean=0.0):
        if name not in self.tensors:
            count = math.prod(shape)
            values = [f32(self.random.gauss(mean, spread)) for _ in range(count)]
            self.tensors[name] = (shape, values)
        return self.tensors[name][1]

    def linear(self, name, rows, columns):
        return (self.get(f"{name}.weight", [rows, columns], 1 / math.sqrt(columns)),
                self.get(f"{name}.bias", [rows], 0.1))


class Text:
    """Writes the description, and asks for each parameter that it names."""

    def __init__(self, shape, weights):
        self.shape, self.weights = shape, weights
        self.params, self.lines = {}, []

    def define(self, text):
        name = f"%v{len(self.lines)}"
        self.lines.append(f"  {name} = {text}")
        return name

    def param(self, name, kind):
        self.params[name] = kind
        return self.define(f'lowbit.get_param @"{name}" : {kind}')

    def linear(self, x, name, rows, columns):
        self.weights.linear(name, rows, columns)
        kind = f"!lowbit.tensor<{rows}x{columns}xf32, #f32>"
        w = self.param(f"{name}.weight", kind)
        b = self.param(f"{name}.bias", f"tensor<{rows}xf32>")
        return self.define(f"lowbit.matmul {x}, {w} bias {b} : tensor<{rows}xf32> : "
                           f"{rows_type(columns)}, {kind} -> {rows_type(rows)}")

    def part(self, x, index, parts, times=1):
        width = self.shape.columns
        return self.define(f"lowbit.repeat_rows {x} times {times} from {index * width} : "
                           f"{rows_type(parts * width)} -> {rows_type(width)}")

    def binary(self, op, a, b, columns):
        return self.define(f"arith.{op} {a}, {b} : {rows_type(columns)}")

    def activation(self, kind, x, columns):
        return self.define(f"lowbit.activation {kind} {x} : {rows_type(columns)}")

    def label_row(self, index):
        name, width = f"label{index}.weight", self.shape.columns
        self.weights.get(name, [CLASSES + 1, width], 1.0)
        kind = f"!lowbit.tensor<{CLASSES + 1}x{width}xf32, #f32>"
        table = self.param(name, kind)
        return self.define(f"lowbit.gather_rows {table}, %label : {kind}, tensor<?xi32> "
                           f"-> {rows_type(width)}")

    def modulated(self, x, scale, shift):
        rows = rows_type(self.shape.columns)
        return self.define(f"lowbit.norm layer {x} modulate {scale} : {rows}, {shift} : "
                           f"{rows} eps {EPS:e} : {rows}")

    def head_norm(self, x, name):
        s = self.shape
        self.weights.get(name, [s.head], 0.2, 1.0)
        w = self.param(name, f"tensor<{s.head}xf32>")
        return self.define(f"lowbit.norm rms {x} weight {w} : tensor<{s.head}xf32> eps "
                           f"{EPS:e} heads {s.heads} : {rows_type(s.columns)}")

    def rope(self, x):
        s = self.shape
        kind = f"tensor<{s.tokens}x{s.pairs}x2xf32>"
        table = self.param("rope", kind)
        return self.define(f"lowbit.rope half {x} table {table} heads {s.heads} sequence "
                           f"{s.tokens} : {rows_type(s.columns)}, {kind}")

    def joined(self, streams, counts):
        rows = rows_type(self.shape.columns)
        return self.define(f"lowbit.concat_rows {', '.join(streams)} rows {counts} : "
                           f"{', '.join([rows] * len(streams))} -> {rows}")

    def stream(self, x, first, count):
        rows = rows_type(self.shape.columns)
        return self.define(f"lowbit.slice_rows {x} from {first} count {count} of "
                           f"{CONTEXT + self.shape.tokens} : {rows} -> {rows}")

    def block(self, name, streams, condition, last):
        s = self.shape
        width, counts = s.columns, [CONTEXT, s.tokens]
        modulations, joint = [], [[], [], []]
        for side, x, count in zip("cx", streams, counts):
            m = self.linear(condition, f"{name}.{side}.ada", 6 * width, width)
            parts = [self.part(m, i, 6, count) for i in range(6)]
            modulations.append(parts)
            n = self.modulated(x, parts[1], parts[0])
            qkv = self.linear(n, f"{name}.{side}.qkv", 3 * width, width)
            for i in range(3):
                value = self.part(qkv, i, 3)
                if i < 2:
                    value = self.head_norm(value, f"{name}.{side}.norm{i}")
                    if side == "x":
                        value = self.rope(value)
                joint[i].append(value)
        q, k, v = [self.joined(each, counts) for each in joint]
        rows = rows_type(width)
        a = self.define(f"lowbit.attention none {q} keys {k} values {v} : {rows}, {rows} "
                        f"heads {s.heads} scale {f32(1 / math.sqrt(s.head)):.9e} kv_heads "
                        f"{s.heads} sequence {sum(counts)} : {rows}")
        result = []
        for side, x, parts, first, count in zip("cx", streams, modulations, [0, CONTEXT],
                                                counts):
            if last and side == "c":
                result.append(None)  # nobody reads it
                continue
            y = self.head_norm(self.stream(a, first, count), f"{name}.{side}.norm2")
            y = self.linear(y, f"{name}.{side}.proj", width, width)
            x = self.binary("addf", x, self.binary("mulf", parts[2], y, width), width)
            n = self.modulated(x, parts[4], parts[3])
            u = self.linear(n, f"{name}.{side}.fc1", s.hidden, width)
            u = self.activation("gelu_tanh", u, s.hidden)
            y = self.linear(u, f"{name}.{side}.fc2", width, s.hidden)
            result.append(self.binary("addf", x,
                                      self.binary("mulf", parts[5], y, width), width))
        return result

    def describe(self):
        s, width = self.shape, self.shape.columns
        pixels = s.height * s.width
        image = f"image [1, {s.height}, {s.width}] patch 2"
        t = self.linear("%time", "time1", width, FEATURES)
        t = self.linear(self.activation("silu", t, width), "time2", width, width)
        labels = [self.label_row(i) for i in range(CONTEXT)]
        condition = self.activation(
            "silu", self.binary("addf", t, labels[0], width), width)
        p = self.define(f"lowbit.patchify %latent {image} : {rows_type(pixels)} -> "
                        f"{rows_type(4)}")
        x = self.linear(p, "patch", width, 4)
        streams = [self.joined(labels, [1] * CONTEXT), x]
        for i in range(BLOCKS):
            streams = self.block(f"b{i}", streams, condition, i == BLOCKS - 1)
        x = streams[1]
        m = self.linear(condition, "ada", 2 * width, width)
        shift, scale = [self.part(m, i, 2, s.tokens) for i in (0, 1)]
        o = self.linear(self.modulated(x, scale, shift), "out", 4, width)
        y = self.define(f"lowbit.unpatchify {o} {image} : {rows_type(4)} -> "
                        f"{rows_type(pixels)}")
        params = [f'lowbit.param @"{n}" : {k}' for n, k in self.params.items()]
        return "\n".join([
            "#f32 = #lowbit.leaf<fp<f32>>", *params,
            f'func.func @velocity(%latent: {rows_type(pixels)} {{lowbit.name = "latent"}},',
            f'    %time: {rows_type(FEATURES)} {{lowbit.name = "time"}},',
            f'    %label: tensor<?xi32> {{lowbit.name = "label"}}) -> {rows_type(pixels)} {{',
            *self.lines, f"  return {y} : {rows_type(pixels)}", "}",
            f"lowbit.schedule @schedule euler latent [1, {s.height}, {s.width}] steps 4 "
            f"classes {CLASSES} null_label {CLASSES} features {FEATURES} scale 1.0e3",
            "lowbit.denoise @denoise schedule @schedule variants [@velocity] ranges [0, 4]",
            ""])


class Reference:
    """The same network by the formulas, rows as lists of Python floats."""

    def __init__(self, shape, weights):
        self.shape, self.weights = shape, weights

    def value(self, name):
        return self.weights.tensors[name][1]

    def linear(self, rows, name):
        w, b = self.value(f"{name}.weight"), self.value(f"{name}.bias")
        size = len(w) // len(b)
        return [[math.fsum(a * c for a, c in zip(row, w[n * size:(n + 1) * size])) + b[n]
                 for n in range(len(b))] for row in rows]

    @staticmethod
    def silu(rows):
        return [[a / (1 + math.exp(-a)) for a in row] for row in rows]

    @staticmethod
    def gelu(rows):
        c = math.sqrt(2 / math.pi)
        return [[0.5 * a * (1 + math.tanh(c * (a + 0.044715 * a ** 3))) for a in row]
                for row in rows]

    @staticmethod
    def modulated(rows, scale, shift):
        result = []
        for row in rows:
            mean = math.fsum(row) / len(row)
            root = math.sqrt(math.fsum((a - mean) ** 2 for a in row) / len(row) + EPS)
            result.append([(a - mean) / root * (1 + c) + d
                           for a, c, d in zip(row, scale, shift)])
        return result

    def heads_of(self, row):
        s = self.shape
        return [row[h * s.head:(h + 1) * s.head] for h in range(s.heads)]

    def head_norm(self, heads, name):
        result = []
        for a in heads:
            root = math.sqrt(math.fsum(x * x for x in a) / len(a) + EPS)
            result.append([x / root * w for x, w in zip(a, self.value(name))])
        return result

    def rope(self, heads, position):
        p = self.shape.pairs
        table = self.value("rope")[position * 2 * p:(position + 1) * 2 * p]
        result = []
        for a in heads:
            b = list(a)
            for i in range(p):
                c, d = table[2 * i:2 * i + 2]
                b[i], b[i + p] = a[i] * c - a[i + p] * d, a[i] * d + a[i + p] * c
            result.append(b)
        return result

    def attention(self, q, k, v):
        result = []
        for query in q:
            row = []
            for h, a in enumerate(query):
                scores = [math.fsum(x * y for x, y in zip(a, key[h])) /
                          math.sqrt(self.shape.head) for key in k]
                top = max(scores)
                p = [math.exp(score - top) for score in scores]
                row += [math.fsum(x * value[h][d] for x, value in zip(p, v)) / math.fsum(p)
                        for d in range(self.shape.head)]
            result.append(row)
        return result

    def block(self, name, streams, condition, last):
        w = self.shape.columns
        modulations, q, k, v = [], [], [], []
        for side, x in zip("cx", streams):
            m = self.linear([condition], f"{name}.{side}.ada")[0]
            parts = [m[i * w:(i + 1) * w] for i in range(6)]
            modulations.append(parts)
            n = self.modulated(x, parts[1], parts[0])
            for t, row in enumerate(self.linear(n, f"{name}.{side}.qkv")):
                for i, rows in enumerate((q, k, v)):
                    heads = self.heads_of(row[i * w:(i + 1) * w])
                    if i < 2:
                        heads = self.head_norm(heads, f"{name}.{side}.norm{i}")
                        if side == "x":
                            heads = self.rope(heads, t)
                    rows.append(heads)
        a = self.attention(q, k, v)
        result = []
        for side, x, y, parts in zip("cx", streams, (a[:CONTEXT], a[CONTEXT:]),
                                     modulations):
            if last and side == "c":
                result.append(None)
                continue
            y = [sum(self.head_norm(self.heads_of(row), f"{name}.{side}.norm2"), [])
                 for row in y]
            y = self.linear(y, f"{name}.{side}.proj")
            x = [[b + g * c for b, g, c in zip(r, parts[2], o)] for r, o in zip(x, y)]
            n = self.modulated(x, parts[4], parts[3])
            y = self.linear(self.gelu(self.linear(n, f"{name}.{side}.fc1")),
                            f"{name}.{side}.fc2")
            result.append([[b + g * c for b, g, c in zip(r, parts[5], o)]
                           for r, o in zip(x, y)])
        return result

    def velocity(self, image, label):
        s, w = self.shape, self.shape.columns
        half = FEATURES // 2
        features = [1.0] * half + [0.0] * half  # cos and sin of time 0
        t = self.linear(self.silu(self.linear([features], "time1")), "time2")[0]
        labels = [self.value(f"label{i}.weight")[label * w:(label + 1) * w]
                  for i in range(CONTEXT)]
        condition = self.silu([[a + b for a, b in zip(t, labels[0])]])[0]
        across = s.width // 2
        places = [[(t // across * 2 + y) * s.width + t % across * 2 + x
                   for y in range(2) for x in range(2)] for t in range(s.tokens)]
        x = self.linear([[image[i] for i in each] for each in places], "patch")
        streams = [labels, x]
        for i in range(BLOCKS):
            streams = self.block(f"b{i}", streams, condition, i == BLOCKS - 1)
        m = self.linear([condition], "ada")[0]
        o = self.linear(self.modulated(streams[1], m[w:], m[:w]), "out")
        result = [0.0] * len(image)
        for each, row in zip(places, o):
            for place, number in zip(each, row):
                result[place] = number
        return result


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder")
    for name, default in (("heads", 2), ("head-size", 8), ("height", 6), ("width", 8),
                          ("images", 3), ("seed", 1)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    shape, weights = Shape(options), Weights(options.seed)
    angles = []
    for position in range(shape.tokens):
        for i in range(shape.pairs):
            angle = position / 20 ** (i / shape.pairs)
            angles += [f32(math.cos(angle)), f32(math.sin(angle))]
    weights.tensors["rope"] = ([shape.tokens, shape.pairs, 2], angles)
    os.makedirs(options.folder, exist_ok=True)
    with open(os.path.join(options.folder, "model.mlir"), "w") as file:
        file.write(Text(shape, weights).describe())
    write_safetensors(os.path.join(options.folder, "weights.safetensors"),
                      weights.tensors)
    reference, pixels = Reference(shape, weights), shape.height * shape.width
    noise, velocity = [], []
    for i in range(options.images):
        image = [f32(weights.random.gauss(0, 1)) for _ in range(pixels)]
        noise += image
        velocity += reference.velocity(image, i % CLASSES)
    extents = (options.images, 1, shape.height, shape.width)
    write_npy(os.path.join(options.folder, "noise.npy"), extents, noise)
    write_npy(os.path.join(options.folder, "velocity.npy"), extents, velocity)


if __name__ == "__main__":
    main()

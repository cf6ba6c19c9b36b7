"""Writes a DiT with random weights and its description for lowbit-compile.

usage: make_dit.py FOLDER [--weights=ternary|int8] [--width=384] [--depth=12] [--heads=6]
                   [--channels=4] [--size=32] [--patch=2] [--seed=0]

The defaults are the shape of DiT-S/2 at 32x32 latents: 12 blocks, hidden 384, 256
tokens. Writes FOLDER/WEIGHTS.safetensors and FOLDER/WEIGHTS.mlir; the graph is that of
examples/dit-fashion. Needs the standard library only.
"""

import argparse
import json
import random
import struct

F32 = "#lowbit.leaf<fp<f32>>"
ENCODINGS = {"ternary": "#lowbit.leaf<ternary, scale = [f32 per tensor]>",
             "int8": "#lowbit.leaf<int<8>, scale = [f32 per row]>"}
BLOCK = ["ada", "qkv", "proj", "fc1", "fc2"]


class Checkpoint:
    """Tensors of random numbers in a safetensors file."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.header, self.data, self.size = {}, [], 0

    def add(self, name, dtype, shape, data):
        self.header[name] = {"dtype": dtype, "shape": shape,
                             "data_offsets": [self.size, self.size + len(data)]}
        self.data.append(data)
        self.size += len(data)

    def floats(self, name, shape, scale):
        count = 1
        for extent in shape:
            count *= extent
        values = [self.random.uniform(-scale, scale) for _ in range(count)]
        self.add(name, "F32", shape, struct.pack(f"<{count}f", *values))

    def codes(self, name, rows, columns, kind):
        count = rows * columns
        raw = self.random.randbytes(count)
        if kind == "ternary":
            self.add(name, "I8", [rows, columns],
                     raw.translate(bytes((0, 1, 255)[i % 3] for i in range(256))))
            self.add(name + "_scale", "F32", [1],
                     struct.pack("<f", 1.2 / columns ** 0.5))
            return
        low = bytes(129 if i == 128 else i for i in range(256))  # -127..127
        self.add(name, "I8", [rows, columns], raw.translate(low))
        scale = 1.7 / 127 / columns ** 0.5
        self.add(name + "_scale", "F32", [rows], struct.pack(f"<{rows}f", *[scale] * rows))

    def write(self, path):
        header = json.dumps(self.header).encode()
        header += b" " * (-len(header) % 8)
        with open(path, "wb") as file:
            file.write(struct.pack("<Q", len(header)) + header)
            file.writelines(self.data)


def tensor(rows, columns):
    return f"tensor<{rows}x{columns}xf32>" if rows else f"tensor<{columns}xf32>"


def packed(rows, columns, alias):
    return f"!lowbit.tensor<{rows}x{columns}xf32, #{alias}>"


class Writer:
    """The text of the graph."""

    def __init__(self, options):
        self.o = options
        self.lines = []
        self.values = options.channels * options.patch ** 2
        self.tokens = (options.size // options.patch) ** 2
        self.numbers = options.channels * options.size ** 2
        w = options.width
        self.shapes = {"ada": (6 * w, w), "qkv": (3 * w, w), "proj": (w, w),
                       "fc1": (4 * w, w), "fc2": (w, 4 * w)}

    def say(self, text):
        self.lines.append(text)

    def matmul(self, result, x, name, rows, columns, alias, weight=None, bias=None):
        weight, bias = weight or f"%{name}", bias or f"%{name}_bias"
        self.say(f"    {result} = lowbit.matmul {x}, {weight} bias {bias} : "
                 f"{tensor(0, rows)} : {tensor('?', columns)}, "
                 f"{packed(rows, columns, alias)} -> {tensor('?', rows)}")

    def repeat(self, result, x, total, start, columns, times=None):
        times = self.tokens if times is None else times
        self.say(f"    {result} = lowbit.repeat_rows {x} times {times} from {start} : "
                 f"{tensor('?', total)} -> {tensor('?', columns)}")

    def params(self):
        o = self.o
        self.say(f"  lowbit.param @pos : {tensor(self.tokens, o.width)}")
        for name, rows, columns in self.outer():
            self.say(f'  lowbit.param @"{name}.weight" : {packed(rows, columns, "f32")}')
            if name != "y":
                self.say(f'  lowbit.param @"{name}.bias" : {tensor(0, rows)}')
        for b in range(o.depth):
            members = []
            for name in BLOCK:
                rows, columns = self.shapes[name]
                full = f"blocks.{b}.{name}"
                self.say(f'  lowbit.param @"{full}.weight" : {packed(rows, columns, "w")}')
                self.say(f'  lowbit.param @"{full}.bias" : {tensor(0, rows)}')
                members += [f'@"{full}.weight"', f'@"{full}.bias"']
            self.say(f"  lowbit.param_set @block{b} [{', '.join(members)}]")

    def outer(self):
        w = self.o.width
        return [("patch", w, self.values), ("t1", w, 256), ("t2", w, w), ("y", 1001, w),
                ("ada", 2 * w, w), ("out", self.values, w)]

    def block(self):
        w, heads = self.o.width, self.o.heads
        row = tensor("?", w)
        arguments = [f"%h: {row}", f"%c: {row}"]
        for name in BLOCK:
            rows, columns = self.shapes[name]
            arguments += [f"%{name}: {packed(rows, columns, 'w')}",
                          f"%{name}_bias: {tensor(0, rows)}"]
        self.say(f"  lowbit.block @block({', '.join(arguments)}) -> {row} attributes "
                 "{num_params = 10 : i64, num_states = 0 : i64} {")
        self.matmul("%m", "%c", "ada", 6 * w, w, "w")
        for i, name in enumerate(("shift_a", "scale_a", "gate_a", "shift_m", "scale_m",
                                  "gate_m")):
            self.repeat(f"%{name}", "%m", 6 * w, i * w, w)
        norm = (lambda to, x, s: self.say(
            f"    {to} = lowbit.norm layer {x} modulate %scale_{s} : {row}, %shift_{s} : "
            f"{row} eps 1.0e-6 : {row}"))
        norm("%n1", "%h", "a")
        self.matmul("%x", "%n1", "qkv", 3 * w, w, "w")
        for i, name in enumerate("qkv"):
            self.repeat(f"%{name}", "%x", 3 * w, i * w, w, times=1)
        self.say(f"    %a = lowbit.attention none %q keys %k values %v : {row}, {row} "
                 f"heads {heads} scale {(w / heads) ** -0.5:.9g} kv_heads {heads} "
                 f"sequence {self.tokens} : {row}")
        self.matmul("%p", "%a", "proj", w, w, "w")
        self.say(f"    %pg = arith.mulf %gate_a, %p : {row}")
        self.say(f"    %h1 = arith.addf %h, %pg : {row}")
        norm("%n2", "%h1", "m")
        self.matmul("%u", "%n2", "fc1", 4 * w, w, "w")
        self.say(f"    %g = lowbit.activation gelu_tanh %u : {tensor('?', 4 * w)}")
        self.matmul("%f", "%g", "fc2", w, 4 * w, "w")
        self.say(f"    %fg = arith.mulf %gate_m, %f : {row}")
        self.say(f"    %h2 = arith.addf %h1, %fg : {row}")
        self.say(f"    lowbit.return %h2 : {row}\n  }}")

    def function(self):
        o, w = self.o, self.o.width
        row, image = tensor("?", w), tensor("?", self.numbers)
        geometry = f"image [{o.channels}, {o.size}, {o.size}] patch {o.patch}"
        self.say(f'  func.func @velocity(%latent: {image} {{lowbit.name = "latent"}}, '
                 f'%time: {tensor("?", 256)} {{lowbit.name = "time"}}, '
                 f'%label: tensor<?xi32> {{lowbit.name = "label"}}) -> {image} {{')
        for name, rows, columns in self.outer():
            self.say(f'    %{name} = lowbit.get_param @"{name}.weight" : '
                     f'{packed(rows, columns, "f32")}')
            if name != "y":
                self.say(f'    %{name}_bias = lowbit.get_param @"{name}.bias" : '
                         f"{tensor(0, rows)}")
        self.matmul("%e1", "%time", "t1", w, 256, "f32")
        self.say(f"    %e2 = lowbit.activation silu %e1 : {row}")
        self.matmul("%e3", "%e2", "t2", w, w, "f32")
        self.say(f"    %l = lowbit.gather_rows %y, %label : {packed(1001, w, 'f32')}, "
                 f"tensor<?xi32> -> {row}")
        self.say(f"    %e4 = arith.addf %e3, %l : {row}")
        self.say(f"    %c = lowbit.activation silu %e4 : {row}")
        self.say(f"    %pos = lowbit.get_param @pos : {tensor(self.tokens, w)}")
        self.say(f"    %p = lowbit.patchify %latent {geometry} : {image} -> "
                 f"{tensor('?', self.values)}")
        self.matmul("%x", "%p", "patch", w, self.values, "f32")
        self.say(f"    %at = lowbit.cycle_rows %pos like %x : {tensor(self.tokens, w)}, "
                 f"{row}")
        self.say(f"    %h0 = arith.addf %x, %at : {row}")
        for b in range(o.depth):
            self.say(f"    %h{b + 1} = lowbit.layer @block(%h{b}, %c) params @block{b} : "
                     f"({row}, {row}) -> {row}")
        self.matmul("%m", "%c", "ada", 2 * w, w, "f32")
        self.repeat("%shift", "%m", 2 * w, 0, w)
        self.repeat("%scale", "%m", 2 * w, w, w)
        self.say(f"    %n = lowbit.norm layer %h{o.depth} modulate %scale : {row}, %shift :"
                 f" {row} eps 1.0e-6 : {row}")
        self.matmul("%o", "%n", "out", self.values, w, "f32")
        self.say(f"    %v = lowbit.unpatchify %o {geometry} : "
                 f"{tensor('?', self.values)} -> {image}")
        self.say(f"    return %v : {image}\n  }}")

    def text(self):
        o = self.o
        self.say(f"#w = {ENCODINGS[o.weights]}\n#f32 = {F32}\n\nmodule {{")
        self.params()
        self.block()
        self.function()
        self.say(f"  lowbit.schedule @schedule euler latent [{o.channels}, {o.size}, "
                 f"{o.size}] steps 20 classes 1000 null_label 1000 features 256 scale "
                 "1.0e3")
        self.say("  lowbit.denoise @denoise schedule @schedule variants [@velocity] "
                 "ranges [0, 20]\n}")
        return "\n".join(self.lines) + "\n"

    def weights(self):
        o, checkpoint = self.o, Checkpoint(self.o.seed)
        checkpoint.floats("pos", [self.tokens, o.width], 0.1)
        for name, rows, columns in self.outer():
            checkpoint.floats(name + ".weight", [rows, columns], 1.7 / columns ** 0.5)
            if name != "y":
                checkpoint.floats(name + ".bias", [rows], 0.1)
        for b in range(o.depth):
            for name in BLOCK:
                rows, columns = self.shapes[name]
                checkpoint.codes(f"blocks.{b}.{name}.weight", rows, columns, o.weights)
                checkpoint.floats(f"blocks.{b}.{name}.bias", [rows], 0.1)
        return checkpoint


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder")
    parser.add_argument("--weights", choices=sorted(ENCODINGS), default="ternary")
    for name, default in (("width", 384), ("depth", 12), ("heads", 6), ("channels", 4),
                          ("size", 32), ("patch", 2), ("seed", 0)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    writer = Writer(options)
    stem = f"{options.folder}/{options.weights}"
    with open(stem + ".mlir", "w") as file:
        file.write(writer.text())
    writer.weights().write(stem + ".safetensors")


if __name__ == "__main__":
    main()

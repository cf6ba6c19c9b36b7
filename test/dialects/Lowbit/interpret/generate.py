#===- generate.py - Programs with expected numbers for lowbit-interpret ---===#
#
# Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===------------------------------------------------------------------------===#
"""Writes the .mlir files of this folder; with --check compares them instead.

The expected numbers come from exact.py, not from the interpreter. A case is a
function of its inputs and expected results; @main passes constants, so a scale of
any length is a value here, not a literal of the op (V14)."""
import math
import os
import random
import struct
import sys

import exact
from exact import INF, NAN, f16, f32

HERE = os.path.dirname(os.path.abspath(__file__))


class Program:
    """One file: cases, and the @main that calls them."""

    def __init__(self, name, text):
        self.name, self.text = name, text
        self.cases, self.calls = [], []

    def case(self, name, inputs, body, expected, comment=None):
        """inputs, expected: lists of (name, shape, element, values or scalar)."""
        arguments, constants = [], []
        for label, shape, element, values in inputs + expected:
            kind = element if shape is None else "tensor<%sx%s>" % (
                "x".join(map(str, shape)), element)
            arguments.append("%%%s: %s" % (label, kind))
            constant = "%%%s.%s" % (name, label)
            constants.append((constant, kind, self.literal(shape, element, values)))
        lines = ["func.func @%s(%s) {" % (name, ", ".join(arguments))]
        if comment:
            lines.insert(0, "\n".join("// " + c for c in comment.split("\n")))
        lines += ["  " + line for line in body.strip("\n").split("\n")]
        for label, shape, element, _ in expected:
            lines.append("  check.expect_eq %%%s_actual, %%%s : tensor<%sx%s>" % (
                label, label, "x".join(map(str, shape)), element))
        self.cases.append("\n".join(lines + ["  return", "}"]))
        for constant, kind, text in constants:
            self.calls.append("  %s = arith.constant %s" % (constant, text))
        self.calls.append("  call @%s(%s) : (%s) -> ()" % (
            name, ", ".join(c for c, _, _ in constants),
            ", ".join(k for _, k, _ in constants)))

    @staticmethod
    def literal(shape, element, values):
        if shape is None:
            return "%s : %s" % (values, element)
        kind = "tensor<%sx%s>" % ("x".join(map(str, shape)), element)
        assert len(values) == math.prod(shape), (shape, len(values))
        data = exact.raw(element, values).hex().upper()
        if len(values) == 1:  # Raw bytes of one element would be a splat.
            bits = data if element in ("i8",) else \
                bytes.fromhex(data)[::-1].hex().upper()
            return "dense<0x%s> : %s" % (bits, kind)
        return 'dense<"0x%s"> : %s' % (data, kind)

    def write(self, check):
        text = "// RUN: lowbit-opt --verify-roundtrip %s -o /dev/null\n"
        text += "// RUN: lowbit-interpret %s\n\n"
        text += "// Written by generate.py. " + self.text + "\n\n"
        text += "\n\n".join(self.cases) + "\n\nfunc.func @main() {\n"
        text += "\n".join(self.calls) + "\n  return\n}\n"
        path = os.path.join(HERE, self.name)
        if check:
            return open(path, encoding="utf-8").read() == text
        open(path, "w", encoding="utf-8").write(text)
        return True


def floats(rng, count, scale=1.0):
    return [f32(rng.gauss(0, scale)) for _ in range(count)]


def rows(values, columns):
    return [values[i:i + columns] for i in range(0, len(values), columns)]


def flat(table):
    return [v for row in table for v in row]


# Encodings --------------------------------------------------------------------
def encodings():
    program = Program("encodings.mlir", "Clauses E1 to E3: decode, and layouts.")
    rng = random.Random(1)

    def decode(s, v, o=None):
        v = f32(v)
        if o is not None:
            return exact.fma(1.0 if s is None else s, v, o)
        return v if s is None else exact.mul(s, v)

    n, k = 2, 8
    codes = [rng.randint(-8, 7) for _ in range(n * k)]
    leaf = "#lowbit.leaf<int<4>>"
    program.case("plain", [("c", (n, k), "i8", codes)], f"""
%w = lowbit.assemble %c : (tensor<2x8xi8>) -> !lowbit.tensor<2x8xf32, {leaf}>
%d_actual = lowbit.decode %w : !lowbit.tensor<2x8xf32, {leaf}> -> tensor<2x8xf32>
""", [("d", (n, k), "f32", [f32(c) for c in codes])], "No scale: no multiplication.")

    scale = [f16(rng.uniform(0.01, 2)) for _ in range(n * 2)]
    group = "per map<(n, k) -> (n, k floordiv 4)>"
    codes = [rng.randint(0, 15) for _ in range(n * k)]
    zero = [rng.randint(0, 15) for _ in range(n)]
    leaf = f"#lowbit.leaf<uint<4>, scale = [f16 {group}], zero = uint<4> per row>"
    program.case("zero_point", [("c", (n, k), "i8", codes), ("s", (n, 2), "f16", scale),
                                ("z", (n,), "i8", zero)], f"""
%w = lowbit.assemble %c, %s, %z : (tensor<2x8xi8>, tensor<2x2xf16>, tensor<2xi8>) -> !lowbit.tensor<2x8xf32, {leaf}>
%d_actual = lowbit.decode %w : !lowbit.tensor<2x8xf32, {leaf}> -> tensor<2x8xf32>
""", [("d", (n, k), "f32", [decode(scale[i // k * 2 + i % k // 4], codes[i] - zero[i // k])
                            for i in range(n * k)])])

    outer = [f16(rng.uniform(0.001, 0.1)) for _ in range(n)]
    inner = [rng.randint(0, 63) for _ in range(n * 2)]
    least = [f16(rng.uniform(0.001, 0.1)) for _ in range(n)]
    mins = [rng.randint(0, 63) for _ in range(n * 2)]
    leaf = (f"#lowbit.leaf<uint<4>, scale = [f16 per row, uint<6> {group}], "
            f"offset = -[f16 per row, uint<6> {group}]>")

    def k_quant(i):
        g = i // k * 2 + i % k // 4
        return decode(exact.mul(outer[i // k], f32(inner[g])), codes[i],
                      exact.mul(-least[i // k], f32(mins[g])))
    program.case("k_quant", [
        ("c", (n, k), "i8", codes), ("s", (n,), "f16", outer), ("t", (n, 2), "i8", inner),
        ("o", (n,), "f16", least), ("p", (n, 2), "i8", mins)], f"""
%w = lowbit.assemble %c, %s, %t, %o, %p : (tensor<2x8xi8>, tensor<2xf16>, tensor<2x2xi8>, tensor<2xf16>, tensor<2x2xi8>) -> !lowbit.tensor<2x8xf32, {leaf}>
%d_actual = lowbit.decode %w : !lowbit.tensor<2x8xf32, {leaf}> -> tensor<2x8xf32>
""", [("d", (n, k), "f32", [k_quant(i) for i in range(n * k)])],
        "Two factors each, one of them integer; the offset is negated.")

    values = [1.5, -0.0, 65504.0, 2.0 ** -24, INF, -2.0, 0.1, 3.0]
    for name, element, rounding in (("half", "f16", f16), ("brain", "bf16", exact.bf16)):
        numbers = [v if math.isinf(v) else rounding(v) for v in values]
        words = struct.unpack("<8h", exact.raw(element, numbers))
        leaf = f"#lowbit.leaf<fp<{element}>, scale = [f32 per row]>"
        program.case(name, [("c", (1, 8), "i16", list(words)), ("s", (1,), "f32", [0.75])], f"""
%w = lowbit.assemble %c, %s : (tensor<1x8xi16>, tensor<1xf32>) -> !lowbit.tensor<1x8xf32, {leaf}>
%d_actual = lowbit.decode %w : !lowbit.tensor<1x8xf32, {leaf}> -> tensor<1x8xf32>
""", [("d", (1, 8), "f32", [exact.mul(0.75, v) for v in numbers])])

    # 4 bits low half first, in bytes; 5 bits as 4 + 1; ternary as 2 bits, biased.
    codes = [rng.randint(0, 15) for _ in range(n * k)]
    packed = [codes[2 * i] | codes[2 * i + 1] << 4 for i in range(n * k // 2)]
    leaf = "#lowbit.leaf<uint<4>>"
    words = ("#lowbit.leaf<uint<4>, layout = bits<i8, word = (n, k) -> (n, k floordiv 2), "
             "bit = (n, k) -> (4 * (k mod 2))>>")
    program.case("nibbles", [("c", (n, k // 2), "i8", packed)], f"""
%w = lowbit.assemble %c : (tensor<2x4xi8>) -> !lowbit.tensor<2x8xf32, {words}>
%d_actual = lowbit.decode %w : !lowbit.tensor<2x8xf32, {words}> -> tensor<2x8xf32>
%v = lowbit.convert %w : !lowbit.tensor<2x8xf32, {words}> to !lowbit.tensor<2x8xf32, {leaf}>
%e_actual = lowbit.disassemble %v : !lowbit.tensor<2x8xf32, {leaf}> -> tensor<2x8xi8>
%x = lowbit.convert %v : !lowbit.tensor<2x8xf32, {leaf}> to !lowbit.tensor<2x8xf32, {words}>
%f_actual = lowbit.disassemble %x : !lowbit.tensor<2x8xf32, {words}> -> tensor<2x4xi8>
""", [("d", (n, k), "f32", [f32(c) for c in codes]), ("e", (n, k), "i8", codes),
      ("f", (n, k // 2), "i8", packed)], "Converting there and back gives the same words.")

    codes = [rng.randint(-16, 15) for _ in range(n * k)]
    low = [((codes[2 * i] + 16) & 15) | ((codes[2 * i + 1] + 16) & 15) << 4
           for i in range(n * k // 2)]
    high = [sum(((codes[8 * i + j] + 16) >> 4) << j for j in range(8)) for i in range(n)]
    fields = ("#lowbit.leaf<int<5>, layout = bits<[i8 x 4, word = (n, k) -> (n, k floordiv 2), "
              "bit = (n, k) -> (4 * (k mod 2))], [i8 x 1, word = (n, k) -> (n, k floordiv 8), "
              "bit = (n, k) -> (k mod 8)], store = biased>>")
    program.case("fields", [("c", (n, 4), "i8", low), ("h", (n, 1), "i8", high)], f"""
%w = lowbit.assemble %c, %h : (tensor<2x4xi8>, tensor<2x1xi8>) -> !lowbit.tensor<2x8xf32, {fields}>
%d_actual = lowbit.decode %w : !lowbit.tensor<2x8xf32, {fields}> -> tensor<2x8xf32>
%e_actual, %f_actual = lowbit.disassemble %w : !lowbit.tensor<2x8xf32, {fields}> -> tensor<2x4xi8>, tensor<2x1xi8>
""", [("d", (n, k), "f32", [f32(c) for c in codes]), ("e", (n, 4), "i8", low),
      ("f", (n, 1), "i8", high)], "5 bits as 4 and 1, stored biased.")

    table = [f32(rng.gauss(0, 1)) for _ in range(4)]
    codes = [rng.randint(-1, 1) for _ in range(4 * 8)]
    leaf = "#lowbit.leaf<ternary, scale = [f32 per row]>"
    ids = [3, 0, 3]
    program.case("gather_rows", [("c", (4, 8), "i8", codes), ("s", (4,), "f32", table),
                                 ("i", (3,), "i32", ids)], f"""
%t = lowbit.assemble %c, %s : (tensor<4x8xi8>, tensor<4xf32>) -> !lowbit.tensor<4x8xf32, {leaf}>
%d_actual = lowbit.gather_rows %t, %i : !lowbit.tensor<4x8xf32, {leaf}>, tensor<3xi32> -> tensor<3x8xf32>
""", [("d", (3, 8), "f32", [exact.mul(table[i], f32(c)) for i in ids
                            for c in codes[8 * i:8 * i + 8]])], "N16.")
    return program


# Products ---------------------------------------------------------------------
def products():
    program = Program("matmul.mlir", "Clauses N1 to N6.")
    rng = random.Random(2)
    for k in (1, 7, 40, 1100):
        n, t = 3, 2
        x = floats(rng, t * k)
        codes = [rng.randint(-128, 127) for _ in range(n * k)]
        scale = [abs(v) for v in floats(rng, n, 0.1)]
        bias = floats(rng, n)
        w = [[exact.mul(scale[r], f32(c)) for c in row]
             for r, row in enumerate(rows(codes, k))]
        y = [[exact.dot(row, token) for row in w] for token in rows(x, k)]
        leaf = f"!lowbit.tensor<{n}x{k}xf32, #lowbit.leaf<int<8>, scale = [f32 per row]>>"
        program.case(f"float_{k}", [("x", (t, k), "f32", x), ("c", (n, k), "i8", codes),
                                    ("s", (n,), "f32", scale), ("b", (n,), "f32", bias)], f"""
%w = lowbit.assemble %c, %s : (tensor<{n}x{k}xi8>, tensor<{n}xf32>) -> {leaf}
%y_actual = lowbit.matmul %x, %w : tensor<{t}x{k}xf32>, {leaf} -> tensor<{t}x{n}xf32>
%z_actual = lowbit.matmul %x, %w bias %b : tensor<{n}xf32> : tensor<{t}x{k}xf32>, {leaf} -> tensor<{t}x{n}xf32>
""", [("y", (t, n), "f32", flat(y)),
      ("z", (t, n), "f32", [exact.add(v, bias[r]) for row in y for r, v in enumerate(row)])],
            "N3, with and without bias.")

    def integer(name, k, code, lo, hi, weight_group, input_group, zero=None, factor=None,
                offset=None, comment=None):
        """Groups of columns; None: one number a row."""
        n, t = 2, 2
        codes = [rng.randint(lo, hi) for _ in range(n * k)]
        acts = [rng.randint(-127, 127) for _ in range(t * k)]

        def count(group):
            return k // group if group else 1

        def text(group):
            return f"map<(n, k) -> (n, k floordiv {group})>" if group else "row"

        def shape(group, extent):
            return (extent, k // group) if group else (extent,)

        def at(group, values, row, col):
            return values[row * count(group) + (col // group if group else 0)]
        scale = [f16(rng.uniform(0.001, 0.1)) for _ in range(n * count(weight_group))]
        a_scale = [f32(rng.uniform(0.001, 0.1)) for _ in range(t * count(input_group))]
        operands = [("c", (n, k), "i8", codes),
                    ("s", shape(weight_group, n), "f16", scale)]
        leaf = f"{code}, scale = [f16 per {text(weight_group)}"
        factors = [1] * n
        if factor:
            factors = [rng.randint(0, 63) for _ in range(n * count(factor))]
            leaf += f", uint<6> per {text(factor)}"
            operands.append(("f", shape(factor, n), "i8", factors))
        leaf += "]"
        zeros = [0] * n
        if zero:
            zeros = [rng.randint(0, 15) for _ in range(n)]
            leaf += ", zero = uint<4> per row"
            operands.append(("q", (n,), "i8", zeros))
        offsets = None
        if offset:
            offsets = [f16(rng.uniform(0.001, 0.1)) for _ in range(n * count(weight_group))]
            leaf += f", offset = -[f16 per {text(weight_group)}]"
            operands.append(("o", shape(weight_group, n), "f16", offsets))
        kind = f"!lowbit.tensor<{n}x{k}xf32, #lowbit.leaf<{leaf}>>"
        akind = (f"!lowbit.tensor<{t}x{k}xf32, #lowbit.leaf<int<8, -127:127>, "
                 f"scale = [f32 per {text(input_group)}]>>")
        borders = sorted({b for g in (weight_group, input_group, 512) if g
                          for b in range(0, k, g)} | {k})
        y = []
        for token in range(t):
            a = acts[token * k:token * k + k]
            for r in range(n):
                terms = [at(factor, factors, r, c) * (codes[r * k + c] - zeros[r])
                         for c in range(k)]
                if weight_group or input_group:
                    groups = []
                    for begin, end in zip(borders, borders[1:]):
                        s = at(weight_group, scale, r, begin)
                        o = -at(weight_group, offsets, r, begin) if offset else None
                        if input_group:
                            act = at(input_group, a_scale, token, begin)
                            s = exact.mul(s, act)
                            o = exact.mul(o, act) if offset else None
                        groups.append((begin, end, s, o))
                    v = exact.grouped_dot(terms, [1] * k, a, groups)
                else:
                    v = exact.mul(exact.s32(sum(p * q for p, q in zip(terms, a))), scale[r])
                    if offset:
                        v = exact.fma(exact.s32(sum(a)), -offsets[r], v)
                y.append(v if input_group else exact.mul(v, a_scale[token]))
        types = ", ".join("tensor<%sx%s>" % ("x".join(map(str, s)), e) for _, s, e, _ in operands)
        names = ", ".join("%" + label for label, *_ in operands)
        a_shape = shape(input_group, t)
        a_type = "tensor<%sxf32>" % "x".join(map(str, a_shape))
        program.case(name, operands + [("a", (t, k), "i8", acts), ("r", a_shape, "f32", a_scale)], f"""
%w = lowbit.assemble {names} : ({types}) -> {kind}
%x = lowbit.assemble %a, %r : (tensor<{t}x{k}xi8>, {a_type}) -> {akind}
%y_actual = lowbit.matmul %x, %w : {akind}, {kind} -> tensor<{t}x{n}xf32>
""", [("y", (t, n), "f32", y)], comment)

    integer("row", 70, "int<8>", -128, 127, None, None, comment="N5: one group a row.")
    integer("ternary_row", 1030, "ternary", -1, 1, None, None)
    integer("row_zero", 64, "uint<4>", 0, 15, None, None, zero=True,
            comment="N5 with a zero point: integers.")
    integer("row_factor", 64, "uint<4>", 0, 15, None, None, factor=16,
            comment="N5 with an integer factor that varies along k: still one group.")
    integer("row_offset", 64, "uint<4>", 0, 15, None, None, offset=True,
            comment="N5 with an offset: the sum of the codes.")
    integer("group", 64, "int<4>", -8, 7, 32, None, comment="N4: weight groups, a scale a token.")
    integer("group_offset", 1088, "uint<4>", 0, 15, 32, None, offset=True,
            comment="N4: an offset in every group; three chunks.")
    integer("group_both", 1152, "uint<4>", 0, 15, 96, 64, zero=True, offset=True,
            comment="N4: groups of 96 and 64 refine each other and are cut at 512.")
    integer("group_input", 96, "int<8>", -128, 127, None, 48, comment="N4: activation groups only.")
    integer("group_factor", 512, "uint<4>", 0, 15, 256, None, factor=32, offset=True,
            comment="N4: super-blocks with integer factors, as in K-quants.")
    return program


# Quantization -----------------------------------------------------------------
def quantization():
    program = Program("quantize.mlir", "Clauses N7 and N8.")
    rng = random.Random(3)

    def case(name, x, lo, hi, floor=0.0, group=None, comment=None):
        k = len(x[0])
        code = "int<8>" if (lo, hi) == (-128, 127) else f"int<8, {lo}:{hi}>"
        per = f"map<(n, k) -> (n, k floordiv {group})>" if group else "row"
        kind = f"!lowbit.tensor<{len(x)}x{k}xf32, #lowbit.leaf<{code}, scale = [f32 per {per}]>>"
        codes, scales = [], []
        for row in x:
            for begin in range(0, k, group or k):
                c, s = exact.quantize(row[begin:begin + (group or k)], lo, hi, floor)
                codes += c
                scales.append(s)
        shape = (len(x), k // group) if group else (len(x),)
        bits = struct.unpack("<I", struct.pack("<f", floor))[0]
        program.case(name, [("x", (len(x), k), "f32", flat(x))], f"""
%q = lowbit.quantize %x floor 0x{bits:08X} : tensor<{len(x)}x{k}xf32> -> {kind}
%c_actual, %s_actual = lowbit.disassemble %q : {kind} -> tensor<{len(x)}x{k}xi8>, tensor<{"x".join(map(str, shape))}xf32>
""", [("c", (len(x), k), "i8", codes), ("s", shape, "f32", scales)], comment)

    case("rows", [floats(rng, 16), floats(rng, 16, 100.0)], -128, 127)
    case("symmetric", [floats(rng, 16)], -127, 127)
    case("groups", [floats(rng, 32), floats(rng, 32)], -127, 127, group=8)
    case("floor_applies", [[1e-9 * 1.0, -1e-9, 0.0, 0.0]], -128, 127, f32(1e-5))
    case("ties", [[127.0, 0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 63.5]], -127, 127,
         comment="A scale of 1: halves round to even.")
    case("zeros", [[0.0, -0.0, 0.0, 0.0]], -128, 127, comment="0 * inf is NaN: code 0, scale +0.0.")
    case("nan", [[NAN, 1.0, -2.0, 0.5]], -128, 127, comment="NaN is never larger and gives 0.")
    case("infinity", [[INF, 1.0, -INF, NAN]], -128, 127)
    case("tiny", [[1e-45, -1e-45, 0.0, 3e-45]], -128, 127, comment="Subnormals; hi / m overflows.")
    return program


# Functions --------------------------------------------------------------------
def functions():
    program = Program("functions.mlir", "Clauses N10, N11 and N15.")
    rng = random.Random(4)
    x = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, INF, -INF, NAN, 88.72284, 88.72283, 88.8, -87.33655,
         -87.33654, -87.34, 1e-30, -1e-30, 1e-45, 10.0, -10.0, 3.0, -3.0, 20.0, 104.0]
    x = [v if not math.isfinite(v) else f32(v) for v in x] + floats(rng, 40, 4.0)
    for kind, function in (("exp", exact.exp), ("sigmoid", exact.sigmoid), ("silu", exact.silu),
                           ("tanh", exact.tanh), ("gelu_tanh", exact.gelu_tanh),
                           ("relu2", exact.relu2)):
        program.case(kind, [("x", (2, 32), "f32", x)], f"""
%y_actual = lowbit.activation {kind} %x : tensor<2x32xf32>
""", [("y", (2, 32), "f32", [function(v) for v in x])])
    a, b = floats(rng, 16), floats(rng, 16)
    program.case("arithmetic", [("a", (2, 8), "f32", a), ("b", (2, 8), "f32", b)], """
%p_actual = arith.addf %a, %b : tensor<2x8xf32>
%q_actual = arith.subf %a, %b : tensor<2x8xf32>
%r_actual = arith.mulf %a, %b : tensor<2x8xf32>
%s_actual = arith.divf %a, %b : tensor<2x8xf32>
""", [(name, (2, 8), "f32", [f(u, v) for u, v in zip(a, b)]) for name, f in
      (("p", exact.add), ("q", exact.sub), ("r", exact.mul), ("s", exact.div))], "N15.")
    return program


# Layers -----------------------------------------------------------------------
def layers():
    program = Program("layers.mlir", "Clauses N9, N12 and N13.")
    rng = random.Random(5)
    eps = f32(1e-5)
    for k in (8, 45, 600):
        x = floats(rng, 2 * k)
        g, b, s, h = (floats(rng, k) for _ in range(4))
        tensor, vector = f"tensor<2x{k}xf32>", f"tensor<{k}xf32>"

        def expect(**options):
            return flat(exact.norm(row, eps, **options) for row in rows(x, k))
        program.case(f"norm_{k}", [("x", (2, k), "f32", x), ("g", (k,), "f32", g),
                                   ("b", (k,), "f32", b), ("s", (k,), "f32", s),
                                   ("h", (k,), "f32", h)], f"""
%p_actual = lowbit.norm rms %x eps 0x3727C5AC : {tensor}
%q_actual = lowbit.norm rms %x weight %g : {vector} eps 0x3727C5AC : {tensor}
%r_actual = lowbit.norm layer %x weight %g : {vector} bias %b : {vector} eps 0x3727C5AC : {tensor}
%t_actual = lowbit.norm layer %x modulate %s : {vector}, %h : {vector} eps 0x3727C5AC : {tensor}
%u_actual = lowbit.norm rms %x weight %g : {vector} modulate %s : {vector}, %h : {vector} eps 0x3727C5AC : {tensor}
""", [("p", (2, k), "f32", expect()), ("q", (2, k), "f32", expect(weight=g)),
      ("r", (2, k), "f32", expect(layer=True, weight=g, bias=b)),
      ("t", (2, k), "f32", expect(layer=True, scale=s, shift=h)),
      ("u", (2, k), "f32", expect(weight=g, scale=s, shift=h))])
    assert struct.pack("<f", eps) == struct.pack("<I", 0x3727C5AC)

    angles = [[rng.uniform(-3, 3) for _ in range(2)] for _ in range(6)]
    table = [(f32(math.cos(a)), f32(math.sin(a))) for row in angles for a in row]
    x = floats(rng, 3 * 12)
    for pairs in ("adjacent", "half"):
        y = []
        for t, row in enumerate(rows(x, 12)):
            entry = table[2 * (t + 2):2 * (t + 2) + 2]
            for head in rows(row, 6):
                y += exact.rope(head, entry, pairs == "adjacent")
        program.case(f"rope_{pairs}", [
            ("x", (3, 12), "f32", x), ("t", (6, 2, 2), "f32", flat(table)),
            ("p", None, "i64", 2)], f"""
%y_actual = lowbit.rope {pairs} %x table %t at %p heads 2 : tensor<3x12xf32>, tensor<6x2x2xf32>
""", [("y", (3, 12), "f32", y)], "Two heads of 6, of which 4 rotate; rows at positions 2, 3, 4.")
    return program


# Attention --------------------------------------------------------------------
def attentions():
    program = Program("attention.mlir", "Clause N14.")
    rng = random.Random(6)
    dim, heads, kv_heads = 4, 4, 2
    bits = "0x%08X" % struct.unpack("<I", struct.pack("<f", 0.5))[0]

    def attend(q, k, v, begin, end):
        out = []
        for h in range(heads):
            part = slice(h // 2 * dim, h // 2 * dim + dim)
            out += exact.attention(q[h * dim:h * dim + dim], [r[part] for r in k],
                                   [r[part] for r in v], begin, end, 0.5)
        return out

    def given(name, mask, window, queries, count, comment):
        q = floats(rng, queries * heads * dim)
        k, v = floats(rng, count * kv_heads * dim), floats(rng, count * kv_heads * dim)
        y = []
        for t, row in enumerate(rows(q, heads * dim)):
            end = count if mask == "none" else min(count, t + 1)
            begin = max(0, t + 1 - window) if window else 0
            y += attend(row, rows(k, kv_heads * dim), rows(v, kv_heads * dim), begin, end)
        kt, qt = f"tensor<{count}x{kv_heads * dim}xf32>", f"tensor<{queries}x{heads * dim}xf32>"
        extra = f"window {window} " if window else ""
        program.case(name, [("q", (queries, heads * dim), "f32", q),
                            ("k", (count, kv_heads * dim), "f32", k),
                            ("v", (count, kv_heads * dim), "f32", v)], f"""
%y_actual = lowbit.attention {mask} %q keys %k values %v : {kt}, {kt} heads {heads} scale {bits} {extra}kv_heads {kv_heads} : {qt}
""", [("y", (queries, heads * dim), "f32", y)], comment)

    given("all_keys", "none", None, 2, 5, "One chunk.")
    given("chunks", "none", None, 1, 300, "Three chunks of 128 absolute positions.")
    given("causal", "causal", None, 4, 4, "Row t sees t + 1 keys.")
    given("window", "window", 3, 6, 6, "Row t sees the last three.")

    # A cache filled by two calls; the window then starts inside the first chunk.
    first, second = 126, 4
    k, v = (floats(rng, (first + second) * kv_heads * dim) for _ in range(2))
    q = floats(rng, second * heads * dim)
    cut = first * kv_heads * dim
    y, z = [], []
    for t, row in enumerate(rows(q, heads * dim)):
        end = first + t + 1
        krows, vrows = rows(k, kv_heads * dim), rows(v, kv_heads * dim)
        y += attend(row, krows, vrows, 0, end)
        z += attend(row, krows, vrows, end - 3, end)
    width = kv_heads * dim
    program.cases.append(f"""// A block with a cache, called twice: state persists between calls.
lowbit.kv_cache @kv slots 1 : !lowbit.kv<{kv_heads}x{dim}xf32>
lowbit.block @append(%q: tensor<?x{heads * dim}xf32>, %k: tensor<?x{width}xf32>, %v: tensor<?x{width}xf32>, %p: i64,
    %kv: !lowbit.kv<{kv_heads}x{dim}xf32>) -> (tensor<?x{heads * dim}xf32>, tensor<?x{heads * dim}xf32>)
    attributes {{num_params = 0 : i64, num_states = 1 : i64}} {{
  lowbit.kv.append %kv, %k, %v at %p : !lowbit.kv<{kv_heads}x{dim}xf32>, tensor<?x{width}xf32>
  %y = lowbit.attention causal %q cache %kv at %p : !lowbit.kv<{kv_heads}x{dim}xf32> heads {heads} scale {bits} : tensor<?x{heads * dim}xf32>
  %z = lowbit.attention window %q cache %kv at %p : !lowbit.kv<{kv_heads}x{dim}xf32> heads {heads} scale {bits} window 3 : tensor<?x{heads * dim}xf32>
  lowbit.return %y, %z : tensor<?x{heads * dim}xf32>, tensor<?x{heads * dim}xf32>
}}
func.func @step(%q: tensor<?x{heads * dim}xf32>, %k: tensor<?x{width}xf32>, %v: tensor<?x{width}xf32>, %p: i64) -> (tensor<?x{heads * dim}xf32>, tensor<?x{heads * dim}xf32>) {{
  %y, %z = lowbit.layer @append(%q, %k, %v, %p) state @kv[0] : (tensor<?x{heads * dim}xf32>, tensor<?x{width}xf32>, tensor<?x{width}xf32>, i64) -> (tensor<?x{heads * dim}xf32>, tensor<?x{heads * dim}xf32>)
  return %y, %z : tensor<?x{heads * dim}xf32>, tensor<?x{heads * dim}xf32>
}}""")
    q0 = floats(rng, first * heads * dim)

    def cast(name, extent, columns):
        return (f"%{name}_ = tensor.cast %{name} : tensor<{extent}x{columns}xf32> "
                f"to tensor<?x{columns}xf32>")
    call = (f"call @step(%s, %s, %s, %s) : (tensor<?x{heads * dim}xf32>, tensor<?x{width}xf32>, "
            f"tensor<?x{width}xf32>, i64) -> (tensor<?x{heads * dim}xf32>, tensor<?x{heads * dim}xf32>)")
    program.case("cache", [
        ("q0", (first, heads * dim), "f32", q0), ("k0", (first, width), "f32", k[:cut]),
        ("v0", (first, width), "f32", v[:cut]), ("q1", (second, heads * dim), "f32", q),
        ("k1", (second, width), "f32", k[cut:]), ("v1", (second, width), "f32", v[cut:]),
        ("p0", None, "i64", 0), ("p1", None, "i64", first)], "\n".join([
            cast("q0", first, heads * dim), cast("k0", first, width), cast("v0", first, width),
            cast("q1", second, heads * dim), cast("k1", second, width), cast("v1", second, width),
            "%r0, %r1 = " + call % ("%q0_", "%k0_", "%v0_", "%p0"),
            "%r2, %r3 = " + call % ("%q1_", "%k1_", "%v1_", "%p1"),
            f"%y_actual = tensor.cast %r2 : tensor<?x{heads * dim}xf32> to tensor<{second}x{heads * dim}xf32>",
            f"%z_actual = tensor.cast %r3 : tensor<?x{heads * dim}xf32> to tensor<{second}x{heads * dim}xf32>"]),
        [("y", (second, heads * dim), "f32", y), ("z", (second, heads * dim), "f32", z)])
    return program


def main():
    check = "--check" in sys.argv[1:]
    stale = [program.name for program in
             (encodings(), products(), quantization(), functions(), layers(), attentions())
             if not program.write(check)]
    if stale:
        sys.exit("not what generate.py writes: " + ", ".join(stale))


if __name__ == "__main__":
    main()

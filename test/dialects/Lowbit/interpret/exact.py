#===- exact.py - binary32 arithmetic on fractions -------------------------===#
#
# Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===------------------------------------------------------------------------===#
"""Clauses of dialects/Lowbit/Semantics.md in exact arithmetic.

Every operation is computed on fractions.Fraction and rounded once, so that this
file depends on no floating-point unit, compiler or library. Numbers are Python
floats that hold binary32 values."""
import math
import struct
from fractions import Fraction

INF = float("inf")
NAN = float("nan")


def round_to(value, precision, lowest):
    """Nearest even float of `precision` bits; subnormal below 2^lowest."""
    if value == 0:
        return 0.0
    sign = -1 if value < 0 else 1
    value = abs(value)
    exponent = value.numerator.bit_length() - value.denominator.bit_length()
    while Fraction(2) ** exponent > value:
        exponent -= 1
    while Fraction(2) ** (exponent + 1) <= value:
        exponent += 1
    unit = Fraction(2) ** (max(exponent, lowest) - precision + 1)
    quotient, rest = divmod(value, unit)
    if rest * 2 > unit or (rest * 2 == unit and quotient % 2 == 1):
        quotient += 1
    return sign * float(quotient * unit)


def f32(value):
    """Rounds a Fraction (or a finite float) to binary32."""
    result = round_to(Fraction(value), 24, -126)
    return math.copysign(INF, result) if abs(result) >= 2.0 ** 128 else result


def f16(value):
    result = round_to(Fraction(value), 11, -14)
    return math.copysign(INF, result) if abs(result) >= 65536 else result


def bf16(value):
    return round_to(Fraction(value), 8, -126)


def _exact(plain, compute, *operands):
    """`plain` decides zeros, infinities and NaN, `compute` everything else."""
    try:
        result = plain(*operands)
    except ZeroDivisionError:
        a, b = operands
        if a == 0 or a != a:
            return NAN
        return math.copysign(INF, a) * math.copysign(1, b)
    if any(not math.isfinite(x) for x in operands):
        return result
    value = compute(*[Fraction(x) for x in operands])
    if value == 0:
        return result if result == 0 else 0.0
    return f32(value)


def add(a, b):
    return _exact(lambda x, y: x + y, lambda x, y: x + y, a, b)


def sub(a, b):
    return _exact(lambda x, y: x - y, lambda x, y: x - y, a, b)


def mul(a, b):
    if a == 0 or b == 0:
        return a * b
    return _exact(lambda x, y: x * y, lambda x, y: x * y, a, b)


def div(a, b):
    return _exact(lambda x, y: x / y, lambda x, y: x / y, a, b)


def fma(a, b, c):
    if not all(math.isfinite(x) for x in (a, b, c)):
        return a * b + c
    value = Fraction(a) * Fraction(b) + Fraction(c)
    if value == 0:
        # An exact zero: the sign is that of the sum of signed zeros.
        product = math.copysign(0.0, a) * math.copysign(1.0, b)
        if a != 0 and b != 0:
            return 0.0 if Fraction(c) != 0 else product + c
        return product + c
    return f32(value)


def sqrt(a):
    """Correctly rounded, by an integer root with 60 spare bits."""
    if a != a or a < 0:
        return NAN
    if a == 0 or a == INF:
        return a
    value = Fraction(a)
    shift = 400
    scaled = value.numerator * (1 << shift) * (1 << shift) // value.denominator
    root = math.isqrt(scaled)
    exact = root * root == scaled
    # A sticky bit below the root keeps ties apart.
    return f32(Fraction(root * 2 + (0 if exact else 1), 1 << (shift + 1)))


def s32(value):
    """N6: an exact integer to binary32."""
    assert abs(value) < 2 ** 31, "V10"
    return f32(Fraction(value))


# N1 to N5 ---------------------------------------------------------------------
def tree(values):
    values = list(values)
    if not values:
        return 0.0
    while len(values) > 1:
        pairs = [add(values[i], values[i + 1])
                 for i in range(0, len(values) - 1, 2)]
        values = pairs + ([values[-1]] if len(values) % 2 else [])
    return values[0]


def lanes_of(count, step, chunk=512, lanes=32):
    """`step(lane value, k)` over chunks and lanes."""
    chunks = []
    for begin in range(0, count, chunk):
        end = min(begin + chunk, count)
        values = [0.0] * min(lanes, end - begin)
        for k in range(begin, end):
            values[k % lanes] = step(values[k % lanes], k)
        chunks.append(tree(values))
    return tree(chunks)


def dot(w, x):
    return lanes_of(len(w), lambda a, k: fma(w[k], x[k], a))


def total(x):
    return lanes_of(len(x), lambda a, k: add(a, x[k]))


def grouped_dot(scaled, offsets, codes, groups):
    """N4: groups are (begin, end, S, O or None)."""
    chunks = {}
    for begin, end, scale, offset in groups:
        acc = chunks.get(begin // 512, 0.0)
        s = sum(scaled[k] * codes[k] for k in range(begin, end))
        acc = fma(s32(s), scale, acc)
        if offset is not None:
            u = sum(offsets[k] * codes[k] for k in range(begin, end))
            acc = fma(s32(u), offset, acc)
        chunks[begin // 512] = acc
    return tree(chunks[c] for c in sorted(chunks))


# N7, N8 -----------------------------------------------------------------------
def clamp_to_int(v, lo, hi):
    if v != v:
        return 0
    v = max(min(v, float(hi)), float(lo))
    return round(Fraction(v))  # Python rounds half to even


def quantize(x, lo, hi, floor):
    m = 0.0
    for value in x:
        m = abs(value) if abs(value) > m else m
    m = floor if floor > m else m
    c = div(float(hi), m)
    return [clamp_to_int(mul(v, c), lo, hi) for v in x], div(m, float(hi))


# N9 to N11 --------------------------------------------------------------------
def exp(x):
    if x != x:
        return x
    if x > f32(88.72284):
        return INF
    if x < f32(-87.33655):
        return 0.0
    magic = 12582912.0
    n = sub(fma(x, f32(1.44269504), magic), magic)
    r = fma(n, f32(-0.693145752), x)
    r = fma(n, f32(-1.42860677e-06), r)
    p = f32(1.98412698e-4)
    for c in (1.38888889e-3, 8.33333333e-3, 4.16666667e-2, 1.66666667e-1, 0.5,
              1.0, 1.0):
        p = fma(p, r, f32(c))
    half = int(n) >> 1
    return mul(mul(p, 2.0 ** half), 2.0 ** (int(n) - half))


def sigmoid(x):
    return div(1.0, add(1.0, exp(-x)))


def silu(x):
    return div(x, add(1.0, exp(-x)))


def tanh(x):
    e = exp(mul(-2.0, abs(x)))
    return math.copysign(div(sub(1.0, e), add(1.0, e)), x)


def gelu_tanh(x):
    u = mul(f32(0.797884561), fma(f32(0.044715), mul(mul(x, x), x), x))
    return mul(mul(0.5, x), add(1.0, tanh(u)))


def relu2(x):
    r = x if x > 0 else 0.0
    return mul(r, r)


# N12 to N14 -------------------------------------------------------------------
def norm(x, eps, layer=False, weight=None, bias=None, scale=None, shift=None):
    if layer:
        mu = div(total(x), float(len(x)))
        x = [sub(v, mu) for v in x]
    v = div(dot(x, x), float(len(x)))
    r = div(1.0, sqrt(add(v, eps)))
    out = []
    for k, d in enumerate(x):
        y = mul(d, r)
        y = mul(y, weight[k]) if weight else y
        y = add(y, bias[k]) if bias else y
        y = fma(y, add(1.0, scale[k]), shift[k]) if scale else y
        out.append(y)
    return out


def rope(head, table, adjacent):
    out = list(head)
    for i, (cosine, sine) in enumerate(table):
        first, second = (2 * i, 2 * i + 1) if adjacent else (i, i + len(table))
        a, b = head[first], head[second]
        out[first] = fma(a, cosine, -mul(b, sine))
        out[second] = fma(a, sine, mul(b, cosine))
    return out


def attention(query, keys, values, begin, end, scale):
    """One query row and head over the keys [begin, end)."""
    parts = []
    for chunk in range(begin // 128, (end + 127) // 128):
        visible = range(max(begin, 128 * chunk), min(end, 128 * (chunk + 1)))
        scores = {j: mul(dot(query, keys[j]), scale) for j in visible}
        m = -INF
        for j in visible:
            m = scores[j] if scores[j] > m else m
        lanes = [0.0] * 32
        o = [0.0] * len(query)
        for j in visible:
            p = exp(sub(scores[j], m))
            lanes[j % 32] = add(lanes[j % 32], p)
            o = [fma(p, values[j][d], o[d]) for d in range(len(o))]
        parts.append((m, tree(lanes), o))
    top, l, o = parts[0]
    for m, part_l, part_o in parts[1:]:
        merged = m if m > top else top
        a, b = exp(sub(top, merged)), exp(sub(m, merged))
        l = fma(l, a, mul(part_l, b))
        o = [fma(o[d], a, mul(part_o[d], b)) for d in range(len(o))]
        top = merged
    return [div(v, l) for v in o]


# Bits -------------------------------------------------------------------------
def raw(element, values):
    """Little-endian bytes of numbers as MLIR's dense<"0x..."> wants them."""
    codes = {"f32": "<f", "f16": "<e", "i8": "<b", "i16": "<h", "i32": "<i",
             "i64": "<q"}
    out = b""
    for value in values:
        if element == "bf16":
            out += struct.pack("<f", value)[2:]
        elif element in ("i8", "i16", "i32") and value >= 0:
            out += struct.pack(codes[element].upper(), value)
        else:
            out += struct.pack(codes[element], value)
    return out

#===- generate.py - Published systems as encodings, with expected values ---===#
#
# Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===------------------------------------------------------------------------===#
"""Writes one .mlir a system into this folder; with --check compares them instead.

Each file has the encoding at the size of the paper's layers (parsed, verified, its
bits a weight checked), and a small tensor whose components are packed here, by
NumPy, and whose decode must equal the dense tensor that the system's own formula
gives, also by NumPy. Nothing of lowbit takes part. All numbers are small multiples
of powers of two, so that every formula is exact and order does not matter; the
rounding of decode is the business of ../interpret.
"""
import os
import sys

try:
    import numpy as np
except ImportError:
    print("SKIP: numpy is not installed")
    sys.exit(0)

HERE = os.path.dirname(os.path.abspath(__file__))
RNG = np.random.default_rng(20240704)
SYSTEMS = []

# Layouts, as text with the small or the large shape alike.
NIBBLES = ("layout = bits<i8, word = (n, k) -> (n, k floordiv 2), "
           "bit = (n, k) -> (4 * (k mod 2))>")
CRUMBS = ("layout = bits<i32, word = (n, k) -> (n, k floordiv 16), "
          "bit = (n, k) -> (2 * (k mod 16))>")
ABQ_PLANES = ("layout = planes<i32, word = (p, n, k) -> (p, n, k floordiv 32), "
              "bit = (p, n, k) -> (31 - k mod 32), order = lsb>")
MSB_PLANES = ABQ_PLANES.replace("lsb", "msb")
SIGNS = ("layout = bits<i32, word = (n, k) -> (n, k floordiv 32), "
         "bit = (n, k) -> (k mod 32), store = biased>")
BITS01 = SIGNS.replace(", store = biased", "")


def group(size):
    return "map<(n, k) -> (n, k floordiv %d)>" % size


# ---------------------------------------------------------------------------
# Numbers


def codes(low, high, shape):
    return RNG.integers(low, high + 1, shape)


def scales(shape, top=8):
    """Positive multiples of 1/16."""
    return RNG.integers(1, top * 16, shape) / 16.0


def spread(values, columns):
    """One value for each group of columns, repeated."""
    return np.repeat(values, columns // values.shape[-1], axis=-1)


E2M1 = np.array([0, .5, 1, 1.5, 2, 3, 4, 6])
E2M1 = np.concatenate([E2M1, -E2M1])


def minifloat(code, exponent_bits, mantissa_bits):
    """A finite value of a small float, from the definition."""
    bias = 2 ** (exponent_bits - 1) - 1
    sign = np.where(code >> (exponent_bits + mantissa_bits) & 1, -1.0, 1.0)
    exponent = code >> mantissa_bits & (2 ** exponent_bits - 1)
    fraction = (code & (2 ** mantissa_bits - 1)) / 2.0 ** mantissa_bits
    return sign * np.where(exponent == 0, fraction * 2.0 ** (1 - bias),
                           (1 + fraction) * 2.0 ** (exponent - bias))


# ---------------------------------------------------------------------------
# Packing, by NumPy


def pack_fields(values, bits, word_bits):
    """Values of `bits` bits along the last axis, lowest first."""
    per = word_bits // bits
    padded = -(-values.shape[-1] // per) * per
    full = np.zeros(values.shape[:-1] + (padded,), np.uint64)
    full[..., :values.shape[-1]] = values & (2 ** bits - 1)
    full = full.reshape(values.shape[:-1] + (padded // per, per))
    return (full << (np.arange(per, dtype=np.uint64) * np.uint64(bits))).sum(-1)


def pack_planes(values, planes, msb_first=False, reverse=True):
    """[plane, row, word]; element k at bit 31 - k mod 32 when reversed."""
    rows, columns = values.shape
    words = -(-columns // 32)
    result = np.zeros((planes, rows, words), np.uint64)
    for p in range(planes):
        bit = planes - 1 - p if msb_first else p
        for k in range(columns):
            at = 31 - k % 32 if reverse else k % 32
            result[p, :, k // 32] |= ((values[:, k] >> bit & 1).astype(np.uint64)
                                      << np.uint64(at))
    return result


def pack_radix(values, radix, digits):
    """Words of `digits` digits, the first the least significant."""
    padded = -(-values.shape[-1] // digits) * digits
    full = np.zeros(values.shape[:-1] + (padded,), np.int64)
    full[..., :values.shape[-1]] = values
    full = full.reshape(values.shape[:-1] + (padded // digits, digits))
    return (full * radix ** np.arange(digits)).sum(-1)


def packed_zeros(values, bits):
    """A flat array of entries of `bits` bits in bytes."""
    return pack_fields(values.reshape(-1), bits, 8)


def blocks_of(mask, r, c):
    """Row starts, block columns and the stored blocks' places of a mask."""
    rows, columns = mask.shape
    kept = mask.reshape(rows // r, r, columns // c, c).any((1, 3))
    starts = np.concatenate([[0], np.cumsum(kept.sum(1))])
    places = [(i, j) for i in range(kept.shape[0]) for j in range(kept.shape[1])
              if kept[i, j]]
    return kept, starts, places


# ---------------------------------------------------------------------------
# Files

ELEMENT = {"f32": np.float32, "f16": np.float16, "i8": np.uint8, "i16": np.uint16,
           "i32": np.uint32}


def literal(values, element):
    values = np.asarray(values)
    shape = "x".join(map(str, values.shape))
    kind = "tensor<%s%s>" % (shape + "x" if shape else "", element)
    if element == "bf16":
        data = (np.asarray(values, np.float32).view(np.uint32) >> 16).astype(
            np.uint16)
    elif element.startswith("f"):
        data = values.astype(ELEMENT[element])
        assert (data.astype(np.float64) == values).all(), "not exact"
    else:
        bits = int(element[1:])
        data = (values.astype(np.int64) & (2 ** bits - 1)).astype(ELEMENT[element])
    raw = data.tobytes()
    if data.size == 1:
        raw = data.reshape(-1)[:1].tobytes()
    if data.size > 1 and len(set(data.reshape(-1).tolist())) == 1:
        # A hex string of one element would be a splat; say it as one.
        raw = data.reshape(-1)[:1].tobytes()
    return 'dense<"0x%s"> : %s' % (raw.hex().upper(), kind), kind


def system(name, text, large, small=None, parts=(), dense=None, bits=None):
    """large: (shape, encoding) printed with `bits` (total, to 3 decimals); small:
    (shape, encoding) whose components `parts` [(values, element)] decode to
    `dense`."""
    lines = ["// Written by generate.py. " + text[0]]
    lines += ["// " + line for line in text[1:]]
    lines += ["// RUN: lowbit-opt --verify-roundtrip %s -o /dev/null",
              "// RUN: lowbit-opt --lowbit-print-encodings %s -o /dev/null 2>&1 "
              "| FileCheck %s", "// RUN: lowbit-interpret %s", ""]
    for index, (shape, encoding) in enumerate(large):
        symbol = "layer" if len(large) == 1 else "layer_%d" % index
        if bits:
            lines.append("// CHECK: @%s: %.3f bits a weight" % (symbol, bits[index]))
        else:
            lines.append("// CHECK: @%s: {{.*}} bits a weight" % symbol)
        lines.append("lowbit.param @%s : !lowbit.tensor<%dx%dxf32, %s>" % (
            (symbol,) + shape + (encoding,)))
    (rows, columns), encoding = small
    kind = "!lowbit.tensor<%dx%dxf32, %s>" % (rows, columns, encoding)
    constants, kinds, names = [], [], []
    for index, (values, element) in enumerate(list(parts) + [(dense, "f32")]):
        value, part = literal(values, element)
        label = "expected" if index == len(parts) else "c%d" % index
        constants.append("  %%%s = arith.constant %s" % (label, value))
        kinds.append(part)
        names.append("%" + label)
    lines += ["", "func.func @small(%s) {" % ", ".join(
        "%s: %s" % pair for pair in zip(names, kinds)),
        "  %%w = lowbit.assemble %s : (%s) -> %s" % (
            ", ".join(names[:-1]), ", ".join(kinds[:-1]), kind),
        "  %%d = lowbit.decode %%w : %s -> %s" % (kind, kinds[-1]),
        "  check.expect_eq %%d, %%expected : %s" % kinds[-1]]
    lines += ["  %%p:%d = lowbit.disassemble %%w : %s -> %s" % (
        len(parts), kind, ", ".join(kinds[:-1]))] if len(parts) > 1 else [
            "  %%p = lowbit.disassemble %%w : %s -> %s" % (kind, kinds[0])]
    for index in range(len(parts)):
        result = "%%p#%d" % index if len(parts) > 1 else "%p"
        lines.append("  check.expect_eq %s, %s : %s" % (result, names[index],
                                                        kinds[index]))
    lines += ["  return", "}", "", "func.func @main() {"] + constants + [
        "  call @small(%s) : (%s) -> ()" % (", ".join(names), ", ".join(kinds)),
        "  return", "}", ""]
    SYSTEMS.append((name, "\n".join(lines)))


def leaf(text):
    return "#lowbit.leaf<%s>" % text


exec(open(os.path.join(HERE, "systems.py")).read())


def main():
    stale = []
    for name, text in SYSTEMS:
        path = os.path.join(HERE, name + ".mlir")
        if "--check" in sys.argv:
            if not os.path.exists(path) or open(path).read() != text:
                stale.append(name)
        else:
            with open(path, "w") as out:
                out.write(text)
    if stale:
        sys.exit("not what generate.py writes: " + ", ".join(stale))
    print("%d systems" % len(SYSTEMS))


main()

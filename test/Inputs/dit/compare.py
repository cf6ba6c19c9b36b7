"""Compares f32 .npy arrays with the standard library alone.

usage: compare.py ACTUAL EXPECTED [--relative=R] [--largest=L] [--mean=M] [--same]

R bounds max |difference| / max |expected|, L max |difference|, M the mean of
|difference|; --same wants the same bytes of numbers. The shapes must be equal. Prints
the figures; exits 1 when one is beyond its bound.
"""

import argparse
import array
import ast
import math
import struct
import sys


def load(path):
    with open(path, "rb") as file:
        data = file.read()
    assert data[:6] == b"\x93NUMPY", path
    size = struct.unpack("<H", data[8:10])[0]
    header = ast.literal_eval(data[10:10 + size].decode())
    assert header["descr"] == "<f4" and not header["fortran_order"], header
    values = array.array("f")
    values.frombytes(data[10 + size:])
    return header["shape"], values


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("actual")
    parser.add_argument("expected")
    for bound in ("--relative", "--largest", "--mean"):
        parser.add_argument(bound, type=float)
    parser.add_argument("--same", action="store_true")
    options = parser.parse_args()
    (shape, actual), (wanted, expected) = load(options.actual), load(options.expected)
    if shape != wanted:
        print(f"shapes differ: {shape} and {wanted}")
        return 1
    differences = [abs(a - b) for a, b in zip(actual, expected)]
    if any(math.isnan(d) for d in differences):
        print("there are numbers that are not numbers")
        return 1
    largest = max(differences)
    relative = largest / max(abs(x) for x in expected)
    mean = sum(differences) / len(differences)
    print(f"largest {largest:.3g}, relative {relative:.3g}, mean {mean:.3g}")
    good = not options.same or actual.tobytes() == expected.tobytes()
    for value, bound in ((relative, options.relative), (largest, options.largest),
                         (mean, options.mean)):
        good &= bound is None or value <= bound
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())

"""Checks that no kernel of a module reads a float copy of a ternary matrix.

usage: ternary_kernels.py REPORT.json MODEL.mlir

The description says which matrices are ternary (#w) and which are floats (#f32; tables
that labels index are no matrices of a product). Of every shape the report must have as
many matrices in kernels of int2 codes as there are ternary ones, as many in float kernels
as there are float ones, and none in others; the ternary ones must be stored in 2 bits an
element and one scale.
"""

import collections
import json
import re
import sys

with open(sys.argv[1]) as file:
    report = json.load(file)
with open(sys.argv[2]) as file:
    description = file.read()

expected, ternary = collections.Counter(), {}
tables = set(re.findall(r"gather_rows (%\w+)", description))
names = dict(re.findall(r'(%\w+) = lowbit\.get_param @"([^"]+)"', description))
indexed = {names[table] for table in tables if table in names}
for name, rows, columns, kind in re.findall(
        r'lowbit\.param @"([^"]+)" : !lowbit\.tensor<(\d+)x(\d+)xf32, #(\w+)>', description):
    if name in indexed:
        continue
    expected["int2" if kind == "w" else "f32", f"{columns}x{rows}"] += 1
    if kind == "w":
        ternary[name] = int(rows) * int(columns)

found = collections.Counter()
for kernel in report["kernels"]:
    match = re.fullmatch(r"matmul_([a-z0-9]+)_(\d+)x(\d+(?:_\d+)*)(?:_v\d+)?", kernel["name"])
    if not match:
        assert not kernel["name"].startswith("matmul"), kernel["name"]
        continue
    code, columns, parts = match.groups()
    for rows in parts.split("_"):
        found[code, f"{columns}x{rows}"] += kernel["dispatches"]
    if code == "int2":
        assert not any("float" in strategy for strategy in kernel["strategies"]), kernel

assert ternary and found == expected, (found - expected, expected - found)
stored = {entry["name"]: entry["bytes"] for entry in report["parameters"]}
for name, elements in ternary.items():
    assert stored[name] <= elements // 4 + 16, (name, stored[name])
print(f"{len(ternary)} ternary matrices, {sum(expected.values()) - len(ternary)} of floats")

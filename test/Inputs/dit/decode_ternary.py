"""Writes a checkpoint whose ternary matrices are floats: code times scale, rounded to f32.

usage: decode_ternary.py WEIGHTS.safetensors OUT.safetensors

An I8 tensor NAME has its scale in NAME_scale, an F32 of one element, which is left out;
everything else stays as it is. With the standard library alone.
"""

import array
import json
import struct
import sys

with open(sys.argv[1], "rb") as file:
    size, = struct.unpack("<Q", file.read(8))
    header = json.loads(file.read(size))
    data = file.read()
header.pop("__metadata__", None)


def content(name):
    begin, end = header[name]["data_offsets"]
    return data[begin:end]


tensors, body = {}, b""
for name, entry in header.items():
    if name.endswith("_scale"):
        continue
    values = content(name)
    if entry["dtype"] == "I8":
        scale, = struct.unpack("<f", content(name + "_scale"))
        values = array.array("f", (code * scale for code in array.array("b", values))).tobytes()
    tensors[name] = {"dtype": "F32", "shape": entry["shape"],
                     "data_offsets": [len(body), len(body) + len(values)]}
    body += values
text = json.dumps(tensors).encode()
with open(sys.argv[2], "wb") as file:
    file.write(struct.pack("<Q", len(text)) + text + body)

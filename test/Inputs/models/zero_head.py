#!/usr/bin/env python3
"""zero_head.py FOLDER HEAD OUT: copies a Hugging Face model whose attention output is not read from one
key/value head: the columns of every o_proj that belong to its query heads become zero.

zero_head.py --compare A.npy B.npy TOLERANCE: fails if two f32 .npy files of one shape differ by more
than TOLERANCE of the largest number. Standard library only."""
import array, json, os, shutil, struct, sys


def floats(path):
    data = open(path, "rb").read()
    start = 10 + struct.unpack("<H", data[8:10])[0]
    return data[:start], array.array("f", data[start:])


if sys.argv[1] == "--compare":
    (shape_a, a), (shape_b, b) = floats(sys.argv[2]), floats(sys.argv[3])
    if shape_a != shape_b:
        sys.exit("the shapes differ")
    scale = max(abs(x) for x in a)
    worst = max(abs(x - y) for x, y in zip(a, b)) / scale
    if not worst <= float(sys.argv[4]):
        sys.exit(f"relative difference {worst:g}")
    print(f"{len(a)} numbers agree")
    sys.exit(0)

folder, head, out = sys.argv[1], int(sys.argv[2]), sys.argv[3]
config = json.load(open(os.path.join(folder, "config.json")))
heads = config["num_attention_heads"]
dim = config["hidden_size"] // heads
group = heads // config["num_key_value_heads"]
shutil.rmtree(out, ignore_errors=True)
shutil.copytree(folder, out)
path = os.path.join(out, "model.safetensors")
data = bytearray(open(path, "rb").read())
size = struct.unpack("<Q", data[:8])[0]
for name, tensor in json.loads(data[8:8 + size]).items():
    if not name.endswith("o_proj.weight"):
        continue
    assert tensor["dtype"] == "F32", name
    rows, columns = tensor["shape"]
    for row in range(rows):
        first = 8 + size + tensor["data_offsets"][0] + 4 * (row * columns + head * group * dim)
        data[first:first + 4 * group * dim] = bytes(4 * group * dim)
os.remove(path)
open(path, "wb").write(data)

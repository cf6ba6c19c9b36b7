"""Inputs of llvm.test and the results, computed anew. No numpy: .npy is written by hand.

llvm-arrays.py write FOLDER | check FOLDER OUTPUT.npy
"""
import os
import struct
import sys

N, THREADS = 700, 192


def write(path, dtype, values, code):
    header = "{'descr': '<%s', 'fortran_order': False, 'shape': (%d,), }" % (dtype, len(values))
    header += " " * (-(10 + len(header) + 1) % 64) + "\n"
    with open(path, "wb") as f:
        f.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode())
        f.write(struct.pack("<%d%s" % (len(values), code), *values))


def read(path, count, code):
    data = open(path, "rb").read()
    start = 10 + struct.unpack("<H", data[8:10])[0]
    return struct.unpack_from("<%d%s" % (count, code), data, start)


values = [((i * 37) % 41 - 20) * 0.25 for i in range(N)]  # exact in f16, sums exact in f32
if sys.argv[1] == "write":
    write(os.path.join(sys.argv[2], "in.npy"), "f2", values, "e")
    write(os.path.join(sys.argv[2], "total.npy"), "i4", [0], "i")
    sys.exit(0)
# Thread t sums every 192nd element; lane l gets the sum of its pair (l xor 1); a block
# reverses its 64 results; total counts the threads.
own = [sum(values[t::THREADS]) for t in range(THREADS)]
pair = [own[t] + own[t ^ 1] for t in range(THREADS)]
want = [pair[t // 64 * 64 + 63 - t % 64] for t in range(THREADS)]
got = read(sys.argv[3], THREADS, "f")
for t in range(THREADS):
    if got[t] != want[t]:
        sys.exit("thread %d: %r, expected %r" % (t, got[t], want[t]))
path = os.path.join(sys.argv[2], "total.npy")
total = read(path, 1, "i")[0]
if total != THREADS:
    sys.exit("total %d, expected %d" % (total, THREADS))
write(path, "i4", [0], "i")  # for the next run

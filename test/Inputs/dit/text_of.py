"""Prints the text chunks of a PNG file, one `keyword: text` a line.

usage: text_of.py FILE.png
"""

import struct
import sys


def chunks(data):
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at = 8
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at:at + 8])
        yield kind, data[at + 8:at + 8 + size]
        at += 12 + size


for kind, body in chunks(open(sys.argv[1], "rb").read()):
    if kind == b"IHDR":
        width, height, depth, color = struct.unpack(">IIBB", body[:10])
        print(f"size: {width}x{height}, {'gray' if color == 0 else 'color'}")
    if kind == b"tEXt":
        keyword, text = body.split(b"\0", 1)
        print(f"{keyword.decode()}: {text.decode()}")

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


def texts(path):
    """The tEXt chunks of a file, and the picture's "size", in their order."""
    result = {}
    with open(path, "rb") as file:
        data = file.read()
    for kind, body in chunks(data):
        if kind == b"IHDR":
            width, height, depth, color = struct.unpack(">IIBB", body[:10])
            result["size"] = f"{width}x{height}, {'gray' if color == 0 else 'color'}"
        if kind == b"tEXt":
            keyword, text = body.split(b"\0", 1)
            result[keyword.decode()] = text.decode()
    return result


if __name__ == "__main__":
    for keyword, text in texts(sys.argv[1]).items():
        print(f"{keyword}: {text}")

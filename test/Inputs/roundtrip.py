#!/usr/bin/env python3
"""roundtrip.py TEST_ROOT: printing and parsing again is the identity on every IR in the tests.

Each .mlir file goes through lowbit-opt, piece by piece, and what that prints goes through it
again; both texts must be equal. Pieces that are wrong on purpose (expected-error) print nothing.
Standard library only."""
import os
import subprocess
import sys
import tempfile


SEPARATOR = "// -----\n"


def optimizer(path):
    return subprocess.run(["lowbit-opt", "--split-input-file", path], capture_output=True, text=True)


def check(path, printed):
    text = open(path, encoding="utf-8").read()
    first = optimizer(path)
    if first.returncode != 0 and "expected-error" not in text:
        return "does not parse: " + first.stderr.strip()[:300]
    # A piece that is wrong on purpose leaves an empty one behind.
    pieces = [piece for piece in first.stdout.split(SEPARATOR) if piece.strip()]
    if not pieces:
        return None
    text = SEPARATOR.join(pieces)
    with open(printed, "w", encoding="utf-8") as out:
        out.write(text)
    second = optimizer(printed)
    if second.returncode != 0:
        return "what was printed does not parse: " + second.stderr.strip()[:300]
    if second.stdout.split() != text.split() or len(second.stdout) != len(text):
        for a, b in zip(text.splitlines(), second.stdout.splitlines()):
            if a != b:
                return f"printed '{a}', then '{b}'"
        return "the second text has another length"
    return ""


def main():
    files = failed = empty = 0
    with tempfile.TemporaryDirectory() as work:
        for folder, _, names in sorted(os.walk(sys.argv[1])):
            for name in sorted(names):
                if not name.endswith(".mlir"):
                    continue
                files += 1
                path = os.path.join(folder, name)
                reason = check(path, os.path.join(work, "printed.mlir"))
                empty += reason is None
                if reason:
                    failed += 1
                    print(f"{path}: {reason}")
    print(f"{files} files, {empty} without a valid piece, {failed} failed")
    # At most a few files consist of invalid pieces alone.
    sys.exit(failed != 0 or files - empty < 20)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""diagnostics.py SOURCE_ROOT [--least=PERCENT] [-v]

Lists every diagnostic that a dialect or a pass can give (the string literals of emitError,
emitOpError and emitOptionalError) and looks for its longest literal part in the expectations of
the tests. Prints those that no test provokes as FILE:LINE: text, then the counts; exits 1 when
fewer than PERCENT of them are provoked. Standard library only."""
import os
import re
import sys

CALL = re.compile(r"\bemit(?:Op|Optional)?Error\b\s*\(?")
LITERAL = re.compile(r'"((?:[^"\\\n]|\\.)*)"')


def flat(text):
    return " ".join(text.split())


def statement(text, start):
    """The text from start to the semicolon that ends the statement, strings respected."""
    position = start
    while position < len(text) and text[position] != ";":
        literal = LITERAL.match(text, position)
        position = literal.end() if literal else position + 1
    return text[start:position]


def parts(code):
    """Literals of a statement; neighbours with white space alone between them are one."""
    found, end = [], None
    for literal in LITERAL.finditer(code):
        text = re.sub(r"\\(.)", r"\1", literal.group(1))
        if end is not None and not code[end:literal.start()].strip():
            found[-1] += text
        else:
            found.append(text)
        end = literal.end()
    return [flat(part) for part in found]


def diagnostics(root):
    for top in ("dialects", "passes"):
        for folder, _, files in sorted(os.walk(os.path.join(root, top))):
            for name in sorted(files):
                if not name.endswith(".cpp"):
                    continue
                path = os.path.join(folder, name)
                text = open(path, encoding="utf-8").read()
                for call in CALL.finditer(text):
                    longest = max(parts(statement(text, call.start())), key=len, default="")
                    if len(longest) >= 6:
                        line = text.count("\n", 0, call.start()) + 1
                        yield os.path.relpath(path, root), line, longest


def expectations(root):
    """What tests expect: expected-error texts and CHECK lines, and strings of unit tests."""
    out = []
    for folder, _, files in os.walk(os.path.join(root, "test")):
        for name in files:
            if not name.endswith((".mlir", ".test", ".cpp", ".py", ".txt")):
                continue
            text = open(os.path.join(folder, name), encoding="utf-8", errors="replace").read()
            if name.endswith(".cpp"):
                out += parts(text)
            else:
                out += [flat(line) for line in text.splitlines()
                        if re.search(r"expected-(error|note|remark|warning)|^(//|#)?\s*[A-Z0-9_-]+:", line)]
    return "\n".join(out)


def main():
    root = sys.argv[1]
    least = next((float(a[8:]) for a in sys.argv if a.startswith("--least=")), 100.0)
    known = expectations(root)
    all_of_them = sorted(set(diagnostics(root)))
    missing = [d for d in all_of_them if d[2] not in known]
    for path, line, text in missing:
        print(f"{path}:{line}: {text}")
    provoked = len(all_of_them) - len(missing)
    print(f"{provoked} of {len(all_of_them)} diagnostics are provoked by a test")
    sys.exit(not all_of_them or 100 * provoked < least * len(all_of_them))


if __name__ == "__main__":
    main()

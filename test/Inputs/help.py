#!/usr/bin/env python3
"""help.py TOOL: --help shows two worked examples or more, and each flag that they use is a flag of
the tool. Standard library only."""
import re
import subprocess
import sys

tool = sys.argv[1]
shown = subprocess.run([tool, "--help"], capture_output=True, text=True, check=True).stdout
at = re.search(r"^examples\b.*:\n((?:  .*\n?)+)", shown, re.MULTILINE)
assert at, f"{tool} --help has no examples"
examples = at.group(1).replace("\\\n", " ").strip().split("\n")
assert len(examples) >= 2, f"{tool} --help has {len(examples)} examples"
flags = set(re.findall(r"(?<![\w-])(--?[A-Za-z][\w-]*)", shown.replace(at.group(1), "")))
seen = 0
for example in examples:
    words = re.sub(r"'[^']*'|\"[^\"]*\"", "X", example).split()
    assert words[0] == tool, example
    for word in words[1:]:
        if word == "--" or not word.startswith("-"):
            continue
        flag = re.match(r"--?[A-Za-z][\w-]*", word).group(0)
        # -n and --n are the same to LLVM's command line library.
        assert flag in flags or "-" + flag in flags or flag[1:] in flags, \
            f"{tool}: no flag {flag} in: {example}"
        seen += 1
print(f"{tool}: {len(examples)} examples with {seen} flags")

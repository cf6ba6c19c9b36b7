#!/usr/bin/env python3
"""check_bitnet.py MODEL_FOLDER FIXTURES: last-row logits of packed BitNet against transformers.
A rounding that flips moves a code, so: within 1e-4 of the largest on at least 60 % of the prompts,
within 5e-2 on all. Standard library only."""
import os, subprocess, sys, tempfile
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from npy import load

folder, fixtures = sys.argv[1:3]
shape, expected = load(os.path.join(fixtures, "bitnet-logits.npy"))
close = worst = 0
with tempfile.TemporaryDirectory() as work:
    module, out = os.path.join(work, "m.lowbit"), os.path.join(work, "l.npy")
    subprocess.run(["lowbit-compile", folder, "-o", module, "-q"], check=True)
    with open(os.path.join(fixtures, "bitnet-prompts.txt")) as lines:
        for row, line in enumerate(lines):
            subprocess.run(["lowbit-run", module, "--tokens=" + line.strip(), "-n", "0", "-q",
                            "--dump-logits=" + out], check=True)
            got = load(out)[1][-shape[1]:]
            want = expected[row * shape[1]:(row + 1) * shape[1]]
            error = max(abs(a - b) for a, b in zip(got, want)) / max(map(abs, want))
            close += error <= 1e-4
            worst = max(worst, error)
print(f"{close} of {shape[0]} prompts within 1e-4, worst {worst:.2e}")
sys.exit(not (close >= 0.6 * shape[0] and worst <= 5e-2))

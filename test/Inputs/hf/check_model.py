#!/usr/bin/env python3
"""check_model.py FOLDER TOLERANCE: compiles FOLDER with f32 activations, runs its prompts and
compares the logits with logits.npy; relative error = max |difference| / max |reference|.
Standard library only."""
import array, os, subprocess, sys, tempfile
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from npy import load

folder, tolerance = sys.argv[1], float(sys.argv[2])
shape, expected = load(os.path.join(folder, "logits.npy"))
got = array.array("f")
with tempfile.TemporaryDirectory() as work:
    module = os.path.join(work, "m.lowbit")
    subprocess.run(["lowbit-compile", folder, "-o", module, "--activations=f32", "-q"], check=True)
    with open(os.path.join(folder, "prompts.txt")) as lines:
        for line in lines:
            out = os.path.join(work, "l.npy")
            subprocess.run(["lowbit-run", module, "--tokens=" + line.strip(), "-n", "0", "-q",
                            "--dump-logits=" + out], check=True)
            part = load(out)
            assert part[0][1] == shape[1], (part[0], shape)
            got.extend(part[1])
assert len(got) == len(expected), (len(got), len(expected))
largest = max(abs(x) for x in expected)
error = max(abs(a - b) for a, b in zip(got, expected)) / largest
print(f"{os.path.basename(folder)}: relative error {error:.2e} of {tolerance:.0e}, {shape[0]} rows")
sys.exit(not error <= tolerance)

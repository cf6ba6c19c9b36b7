#!/usr/bin/env python3
"""compare_fixtures.py STORED FRESH: each file of FRESH against the one of the same name in STORED.

Equal bytes, or for .npy files of floats: equal shapes and a largest difference of 1e-5 of the
largest stored number (other machines sum in another order). Exits 1 on any difference."""
import os
import sys

import numpy as np

LIMIT = 1e-5
stored, fresh = sys.argv[1:3]
same = near = bad = 0
for folder, _, names in sorted(os.walk(fresh)):
    for name in sorted(names):
        path = os.path.join(folder, name)
        old = os.path.join(stored, os.path.relpath(path, fresh))
        if name.endswith(".py") or "__pycache__" in folder:
            continue
        if not os.path.exists(old):
            print(f"{old}: is not stored")
            bad += 1
        elif open(path, "rb").read() == open(old, "rb").read():
            same += 1
        elif name.endswith(".npy"):
            a, b = np.load(old), np.load(path)
            error = (float(np.abs(a.astype(np.float64) - b).max() / np.abs(a).max())
                     if a.shape == b.shape else float("inf"))
            if a.dtype.kind == "f" and error <= LIMIT:
                near += 1
            else:
                print(f"{old}: differs by {error:.2e}, shapes {a.shape} and {b.shape}")
                bad += 1
        else:
            print(f"{old}: differs")
            bad += 1
print(f"{stored}: {same} files equal, {near} within {LIMIT:.0e}, {bad} different")
sys.exit(bad != 0 or same + near == 0)

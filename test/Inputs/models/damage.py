#!/usr/bin/env python3
"""damage.py COUNT FILE_OR_FOLDER MODULE: runs the whole tools over damaged copies.

COUNT truncations and COUNT byte flips (seeded) of a checkpoint through lowbit-compile and of a module
through lowbit-run. Each run must end with exit 0 (another valid model) or exit 1 with one message that
names the file, and must leave no output behind when it fails. Standard library only."""
import os, random, shutil, subprocess, sys, tempfile

count, source, module = int(sys.argv[1]), sys.argv[2], sys.argv[3]
rng = random.Random(11)
bad = []
tally = {0: 0, 1: 0}


def damaged(data, i):
    data = bytearray(data)
    if i % 2:
        # Mostly early bytes: that is where the structure is.
        place = rng.randrange(min(len(data), 4096) if rng.random() < 0.7 else len(data))
        data[place] ^= 1 << rng.randrange(8)
    else:
        del data[rng.randrange(len(data)):]
    return bytes(data)


def check(command, what, output=None):
    run = subprocess.run(command, capture_output=True, timeout=120)
    text = run.stderr.decode(errors="replace")
    if run.returncode not in (0, 1):
        bad.append(f"{what}: exit {run.returncode}: {text[-300:]}")
        return
    tally[run.returncode] += 1
    if run.returncode == 1:
        errors = [line for line in text.splitlines() if "error:" in line]
        if len(errors) != 1:
            bad.append(f"{what}: {len(errors)} messages: {text[-300:]}")
        if output and os.path.exists(output):
            bad.append(f"{what}: left {output}")
    if output:
        leftovers = [f for f in os.listdir(os.path.dirname(output)) if f != os.path.basename(output)]
        if leftovers:
            bad.append(f"{what}: left {leftovers}")
        if os.path.exists(output):
            os.unlink(output)


with tempfile.TemporaryDirectory() as work:
    out = os.path.join(work, "out")
    os.mkdir(out)
    output = os.path.join(out, "m.lowbit")
    if os.path.isdir(source):
        copy = os.path.join(work, "model")
        shutil.copytree(source, copy)
        files = ["model.safetensors", "config.json", "tokenizer.json"]
    else:
        copy = os.path.join(work, "model.gguf")
        shutil.copy(source, copy)
        files = [""]
    os.system(f"chmod -R u+w '{copy}'")
    for name in files:
        path = os.path.join(copy, name) if name else copy
        original = open(path, "rb").read()
        for i in range(2 * count // len(files)):
            with open(path, "wb") as f:
                f.write(damaged(original, i))
            check(["lowbit-compile", copy, "-o", output, "-q", "--activations=f32" if not name else "--activations=int8"],
                  f"{os.path.basename(path)} #{i}", output)
        with open(path, "wb") as f:
            f.write(original)
    original = open(module, "rb").read()
    path = os.path.join(work, "m.lowbit")
    for i in range(2 * count):
        with open(path, "wb") as f:
            f.write(damaged(original, i))
        check(["lowbit-run", path, "--tokens=1,5,9", "-n", "2", "-q"], f"module #{i}")
print(f"{tally[0]} ran, {tally[1]} refused, {len(bad)} wrong")
for line in bad[:10]:
    print(line)
sys.exit(bool(bad))

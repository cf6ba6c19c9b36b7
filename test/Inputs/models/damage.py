#!/usr/bin/env python3
"""damage.py COUNT (FILE | FOLDER | MODULE.lowbit)...: runs the whole tools over damaged copies.

COUNT truncations and COUNT byte flips (seeded) of each argument: a checkpoint goes through lowbit-compile,
and what comes out through lowbit-run; a module goes through lowbit-run. Each run must end with exit 0
(another valid model) or exit 1 with one message that names the file, and must leave no output behind when
it fails. A truncated file is never accepted, nor a damaged module (checksums). Standard library only."""
import os, random, shutil, subprocess, sys, tempfile

count, sources = int(sys.argv[1]), sys.argv[2:]
rng = random.Random(11)
bad = []
tally = {}
# Under a sanitizer exit status 1 would look like a refusal.
for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS"):
    if "abort_on_error" not in os.environ.get(name, ""):
        os.environ[name] = os.environ.get(name, "") + ":abort_on_error=1"


def damaged(data, flip):
    data = bytearray(data)
    if flip:
        # Mostly early bytes: that is where the structure is.
        place = rng.randrange(min(len(data), 4096) if rng.random() < 0.7 else len(data))
        data[place] ^= 1 << rng.randrange(8)
        return bytes(data), f"flip at {place}"
    # What may follow the last bracket of JSON can be lost.
    length = rng.randrange(len(data.rstrip()))
    return bytes(data[:length]), f"first {length} bytes"


def check(command, what, names, must_fail, output=None):
    """Runs a tool; True when it succeeded."""
    run = subprocess.run(command, capture_output=True, timeout=300)
    text = run.stderr.decode(errors="replace")
    if run.returncode not in (0, 1):
        bad.append(f"{what}: exit {run.returncode}: {text[-1500:]}")
        return False
    kind = what.split(":")[0]
    ran, refused = tally.get(kind, (0, 0))
    tally[kind] = (ran + (run.returncode == 0), refused + run.returncode)
    if run.returncode == 0:
        if must_fail:
            bad.append(f"{what}: accepted")
    else:
        errors = [line for line in text.splitlines() if "error:" in line]
        if len(errors) != 1 or len(text.splitlines()) > 12:
            bad.append(f"{what}: {len(errors)} messages: {text[-500:]}")
        elif names not in text:
            bad.append(f"{what}: {names} is not named: {text[-500:]}")
        if output and os.path.exists(output):
            bad.append(f"{what}: left {output}")
    if output:
        leftovers = [f for f in os.listdir(os.path.dirname(output)) if f != os.path.basename(output)]
        if leftovers:
            bad.append(f"{what}: left {leftovers}")
    return run.returncode == 0


def damage_checkpoint(source, work):
    out = os.path.join(work, "out")
    os.mkdir(out)
    output = os.path.join(out, "m.lowbit")
    copy = os.path.join(work, os.path.basename(source.rstrip("/")))
    files = [""]
    if os.path.isdir(source):
        shutil.copytree(source, copy)
        files = ["model.safetensors", "config.json", "tokenizer.json"]
    else:
        shutil.copy(source, copy)
    for root, folders, names in os.walk(work):
        for name in folders + names:
            os.chmod(os.path.join(root, name), 0o755)
    cases = [(files[i % len(files)], flip) for flip in (False, True) for i in range(count)]
    for name, flip in cases:
        path = os.path.join(copy, name) if name else copy
        with open(path, "rb") as f:
            original = f.read()
        data, how = damaged(original, flip)
        with open(path, "wb") as f:
            f.write(data)
        what = f"{os.path.basename(path)}: {how}"
        # A shape that no longer fits is named with the folder only.
        if check(["lowbit-compile", copy, "-o", output, "-q"], what, copy, not flip, output):
            check(["lowbit-run", output, "--tokens=1,2,3", "-n", "2", "-q"], f"compiled model: {what}", output, False)
            os.unlink(output)
        with open(path, "wb") as f:
            f.write(original)


def damage_module(source, work):
    with open(source, "rb") as f:
        original = f.read()
    path = os.path.join(work, "m.lowbit")
    for flip in (False, True):
        for i in range(count):
            data, how = damaged(original, flip)
            with open(path, "wb") as f:
                f.write(data)
            check(["lowbit-run", path, "--tokens=1,5,9", "-n", "2", "-q"], f"module: {how}", path, True)


for source in sources:
    with tempfile.TemporaryDirectory() as work:
        (damage_module if source.endswith(".lowbit") else damage_checkpoint)(source, work)
for kind, (ran, refused) in sorted(tally.items()):
    print(f"{kind}: {ran} ran, {refused} refused")
print(f"{len(bad)} wrong")
for line in bad[:10]:
    print(line)
sys.exit(bool(bad))

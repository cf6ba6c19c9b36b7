#!/usr/bin/env python3
"""bad_output.py MODEL MODULE: output paths that cannot be written.

Every output that a tool writes goes (1) into a folder without write permission, (2) onto a full disk
(a tmpfs of 64 KiB in a mount namespace of its own), over an existing file there and over none, and
(3) into /dev/full. Each run must end with exit 1 and one message that names the path, must leave
nothing behind and must keep what was there. Prints what it tried; a part that the machine does not
permit is skipped, saying why. Standard library only."""
import os, shutil, subprocess, sys, tempfile

model, module = map(os.path.abspath, sys.argv[1:3])
inner = sys.argv[3] if len(sys.argv) > 3 else None  # the folder on the small disk
GENERATE = ["lowbit-run", module, "--tokens=1,5,9", "-n", "2", "-q"]
# Name of the output and the command that writes it. %s: the path.
OUTPUTS = {
    "module": ["lowbit-compile", model, "-q", "-o", "%s"],
    "text of a phase": ["lowbit-compile", model, "-q", "--compile-to=schedule", "-o", "%s"],
    "compile report": ["lowbit-compile", model, "-q", "-o", "/dev/null", "--emit=obj", "--report=%s"],
    "object file": ["lowbit-compile", model, "-q", "--emit=obj", "-o", "%s"],
    "logits": GENERATE + ["-n", "64", "--ignore-eos", "--dump-logits=%s"],
    "tokens": GENERATE + ["--dump-tokens=%s"],
    "statistics": GENERATE + ["--stats=%s"],
    "imported text": ["lowbit-translate", "--import-model", model, "-o", "%s"],
    "text of passes": ["lowbit-opt", os.path.join(os.path.dirname(module), "phase.mlir"), "-o", "%s"],
    "dumped tensor": ["lowbit-inspect", module, "--dump=token_embedding=%s"],
    "plot": ["lowbit-inspect", module, "--plot=%s"],
}
LARGE = {"module", "object file", "logits", "dumped tensor"}  # begin to fill the disk before they fail
bad, tried, skipped = [], 0, []


def run(what, command, path, folder, user=None):
    """Runs one command whose output cannot be written."""
    global tried
    tried += 1
    before = {f: open(os.path.join(folder, f), "rb").read()[:64] for f in os.listdir(folder)}
    as_user = {"user": user, "group": user, "extra_groups": []} if user else {}
    if user:  # lit's TMPDIR is closed to others
        as_user["env"] = {**os.environ, "TMPDIR": open_folder}
    process = subprocess.run([part.replace("%s", path) for part in command], capture_output=True,
                             timeout=300, **as_user)
    text = process.stderr.decode(errors="replace")
    errors = [line for line in text.splitlines() if "error:" in line]
    after = {f: open(os.path.join(folder, f), "rb").read()[:64] for f in os.listdir(folder)}
    if process.returncode != 1 or len(errors) != 1:
        bad.append(f"{what}: exit {process.returncode}, {len(errors)} errors: {text[-400:]}")
    elif path not in errors[0]:
        bad.append(f"{what}: '{path}' is not named: {errors[0]}")
    if before != after:
        bad.append(f"{what}: before {sorted(before)}, after {sorted(after)}")


def finish():
    print(f"{tried} outputs refused as they should be, {len(bad)} wrong" if not bad else f"{len(bad)} of {tried} wrong")
    for line in bad:
        print(line)
    for line in skipped:
        print("skipped:", line)
    sys.exit(bool(bad))


if inner:  # within the mount namespace
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "lowbit-test", inner],
                           capture_output=True, text=True)
    if mount.returncode:
        skipped.append(f"the full disk: {mount.stderr.strip()}")
        finish()
    path = os.path.join(inner, "output")
    with open(path, "w") as f:
        f.write("what was there")
    filler = os.path.join(inner, "filler")
    for what, command in OUTPUTS.items():
        for existing in (True, False):
            if not existing:
                os.unlink(path)
            try:
                with open(filler, "wb", buffering=0) as f:
                    while f.write(bytes(4096)):
                        pass
            except OSError:
                pass  # the disk is full
            if what in LARGE and existing:
                os.truncate(filler, 32768)
            run(f"{what} on a full disk", command, path, inner)
            os.unlink(filler)
            if not existing:
                with open(path, "w") as f:
                    f.write("what was there")
    # The linker's temporary files.
    with open(filler, "wb", buffering=0) as f:
        f.write(bytes(49152))
    os.environ["TMPDIR"] = inner
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        before = os.listdir(inner)
        process = subprocess.run(["lowbit-compile", model, "-q", "-o", os.path.join(folder, "m")],
                                 capture_output=True, timeout=300)
        text = process.stderr.decode(errors="replace")
        tried += 1
        if process.returncode != 1 or text.count("error:") != 1 or os.listdir(folder) or os.listdir(inner) != before:
            bad.append(f"a full TMPDIR: exit {process.returncode}: {text[-400:]}, {os.listdir(folder)}, {os.listdir(inner)}")
    finish()

with tempfile.TemporaryDirectory(dir="/tmp") as work, tempfile.TemporaryDirectory(dir="/tmp") as open_folder:
    os.chmod(work, 0o755)
    os.chmod(open_folder, 0o777)
    subprocess.run(["lowbit-compile", model, "-q", "--compile-to=import", "-o",
                    os.path.join(os.path.dirname(module), "phase.mlir")], check=True)
    # Root may write anywhere: the tools run as nobody then, if nobody may read the inputs.
    nobody = 65534 if os.geteuid() == 0 else None
    readable = nobody is None or subprocess.run(
        ["sh", "-c", 'exec 2>/dev/null; command -v lowbit-run >/dev/null && test -r "$0" && lowbit-run --version >/dev/null && test -r "$1"', module,
         os.path.join(model, "config.json") if os.path.isdir(model) else model],
        user=nobody, group=nobody, extra_groups=[]).returncode == 0
    if readable:
        locked = os.path.join(work, "locked")
        os.mkdir(locked, 0o555)
        for what, command in OUTPUTS.items():
            run(f"{what} without permission", command, os.path.join(locked, "output"), locked, nobody)
    else:
        skipped.append("without permission: this is root, and nobody may not read the inputs")
    empty = os.path.join(work, "empty")
    os.mkdir(empty)
    for what, command in OUTPUTS.items():
        run(f"{what} to /dev/full", command, "/dev/full", empty)
        run(f"{what} to a missing folder", command, os.path.join(empty, "missing", "output"), empty)
        run(f"{what} to a folder", command, empty, empty)
    for what, command in OUTPUTS.items():
        if not any(part.startswith("--") and part.endswith("%s") for part in command):
            with open("/dev/full", "wb") as full:
                process = subprocess.run([part.replace("%s", "-") for part in command], stdout=full,
                                         stderr=subprocess.PIPE, timeout=300)
            tried += 1
            text = process.stderr.decode(errors="replace")
            # A module needs a file that can be rewound; lowbit-opt's message is LLVM's.
            if process.returncode != 1 or text.lower().count("error:") != 1:
                bad.append(f"{what} to a full standard output: exit {process.returncode}: {text[-400:]}")
    disk = os.path.join(work, "disk")
    os.mkdir(disk)
    unshare = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-rm"]
    if shutil.which("unshare") is None or subprocess.run(unshare + ["true"], capture_output=True).returncode:
        skipped.append("the full disk: no mount namespace (unshare) is permitted here")
    else:
        tried_inside = subprocess.run(unshare + [sys.executable, __file__, model, module, disk])
        if tried_inside.returncode:
            bad.append("the full disk: see above")
finish()

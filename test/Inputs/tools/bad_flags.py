#!/usr/bin/env python3
"""bad_flags.py MODULE PROGRAM.mlir KERNEL.ptx [EVERY_NTH]: garbage for every flag of every tool.

Each flag that takes a value gets numbers out of range, empty texts and worse; each run must end by itself
with a documented exit status (0 to 4) and, when it fails, say why in a few lines. The flags come from
the tools' own --help. Every EVERY_NTH case runs (default 1: all). Standard library only."""
import os, re, subprocess, sys, tempfile

module, program, kernel = map(os.path.abspath, sys.argv[1:4])
nth = int(sys.argv[4]) if len(sys.argv) > 4 else 1
for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS"):
    if "abort_on_error" not in os.environ.get(name, ""):
        os.environ[name] = os.environ.get(name, "") + ":abort_on_error=1"

VALUES = ["", "0", "-1", "-0", "1", "abc", "1e309", "nan", "-inf", "0x10", " 5", "5 ", "1.5",
          "2147483648", "4294967296", "9223372036854775807", "-9223372036854775808",
          "18446744073709551616", "99999999999999999999999", ",", ",,1", "1,,2", "1,2,", "1-", "-",
          "3-1", "1-99999999999999999999", "=", "@", "@/nowhere", "/", ".", "%s%n", "a\nb", "\x1b[31m", "\xff\xfe",
          "A" * 5000, "((((((((((((", "*", "[", "\\", "cpu:", "nvptx:", "nvptx:sm_1", "sm_", "int8:group=",
          "int8:group=0", "int8:group=-3", "int8:group=99999999999", "f32", "2x3xf32", "2x3xf32=", "2x3xf32=1,x",
          "99999999999x99999999999xf32=0", "-2xf32=0", "0xf32=", "?xf32=1", "xxxf32=1", "f32x99999999999",
          "in:", "out:f32x-1:/nowhere", "out:f32x9999999999999:/nowhere", "i32:99999999999", "0,0,0", "1,1,1,1",
          "65536,65536,65536", "builtin.module(", "cse", "l0.q=", "=x.npy", "token_embedding="]
# What the flag is added to; a flag that the tool repeats or overrides is fine.
BASES = {
    "lowbit-run": [["lowbit-run", module, "--tokens=1,2", "-n", "1", "-q"],
                   ["lowbit-run", module, "--device=null", "--function=head", "--input=1x64xf32=0"]],
    "lowbit-bench": [["lowbit-bench", module, "-p", "4", "-n", "2", "-r", "1", "-q", "--no-warmup"]],
    "lowbit-inspect": [["lowbit-inspect", module]],
    "lowbit-compile": [["lowbit-compile", program, "-q", "-o", "-", "--emit=llvm", "--weights=splat"]],
    "lowbit-interpret": [["lowbit-interpret", program, "--weights=splat"]],
    "lowbit-ptx": [["lowbit-ptx", "run", kernel, "--arch=sm_80", "--kernel=none", "--grid=1", "--block=1"],
                   ["lowbit-ptx", "check", kernel]],
}
# These ask for that much work: the simulator counts instructions, the benchmark repeats.
LONG = {"lowbit-bench": {"--repetitions", "-r", "--n-gen", "-n", "--n-prompt", "-p", "--n-depth", "-d", "--windows"}}


def flags_of(tool):
    """Flags in all their spellings, as the help lists them."""
    text = subprocess.run([tool, "--help"], capture_output=True, text=True, timeout=120).stdout
    found = []
    for line in text.splitlines():
        match = re.match(r"\s+(--?[\w-]+(?:, --?[\w-]+)*)", line)
        if match:
            found += match.group(1).split(", ")
        elif line.startswith(("common:", "usage:")):
            found += re.findall(r"(--[\w-]+)=", line)
    for name in ("--help", "--help-list", "--version"):
        found = [flag for flag in found if flag != name]
    return sorted(set(found))


bad, runs, failed, slow = [], 0, 0, 0
case = 0
with tempfile.TemporaryDirectory() as work:
    os.chdir(work)  # where files of odd names may appear
    for tool, bases in BASES.items():
        flags = flags_of(tool)
        if len(flags) < 3:
            bad.append(f"{tool}: only the flags {flags} were found in its help")
        for flag in flags:
            for base in bases:
                for value in VALUES:
                    case += 1
                    if case % nth:
                        continue
                    given = [f"{flag}={value}"] if flag.startswith("--") else [flag, value]
                    try:
                        run = subprocess.run([part.encode("latin-1", "ignore") for part in base + given],
                                             capture_output=True, timeout=60, stdin=subprocess.DEVNULL)
                    except subprocess.TimeoutExpired:
                        slow += 1
                        if flag not in LONG.get(tool, ()):
                            bad.append(f"{base} {given}: still running after 60 s")
                        continue
                    runs += 1
                    failed += run.returncode != 0
                    text = run.stderr.decode(errors="replace")
                    if run.returncode not in (0, 1, 2, 3, 4):
                        bad.append(f"{base} {given}: exit {run.returncode}: {text[-1500:]}")
                    elif run.returncode and not text.strip():
                        bad.append(f"{base} {given}: exit {run.returncode} without a word")
                    elif run.returncode == 1 and len(text.splitlines()) > 40:
                        bad.append(f"{base} {given}: {len(text.splitlines())} lines: {text[:300]}")
    os.chdir("/")
print(f"{runs} runs, {failed} refused, {slow} long, {len(bad)} wrong")
for line in bad[:25]:
    print(line[:2000])
sys.exit(bool(bad))

#!/usr/bin/env python3
"""Perplexity, bits per weight and module size of one model under many recipes.

usage: table.py MODEL [--kind=smollm2|stories] [--rows=REGEX] [--windows=N]
                [--window=N] [--text=FILE] [--calibration=FILE]
                [--calibration-tokens=N] [--activations=int8|f32] [--keep=DIR]
                [--json=FILE] [--bin=DIR] [--strict]

Every row is a module file that ran through the CPU runtime: lowbit-compile with the
row's recipe, then lowbit-bench --perplexity. A row whose recipe the compiler
refuses is printed with the reason; --strict makes that an error.
"""
import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Model:
    """What the recipes of a model need to know."""

    def __init__(self, groups, layers, window, windows, bos, pairs):
        self.groups = groups      # (selection, group of columns) in order
        self.layers = layers
        self.window, self.windows, self.bos = window, windows, bos
        self.pairs = pairs        # layers that share weights

    def each(self, step):
        """`step` once for every group: '{g}' is the group, '{s}' the selection."""
        return ",".join(step.format(g=group, s=selection)
                        for selection, group in self.groups)


MODELS = {
    # 576 and 1536 columns.
    "smollm2": Model([("", 32)], 30, 512, 16, False, ["20:21", "22:23"]),
    # 172 columns of the down projections are no multiple of 32.
    "stories": Model([(" except=down", 32), (" only=down", 4)], 5, 256, 100, True,
                     ["2:3"]),
}


def rows_of(model):
    """(name, recipe, needs calibration) of every row, in order."""
    rows = [("as imported", "", False),
            ("int8, a scale a row", "quantize{code=int8 group=row}", False)]
    for method in ("absmax", "mse", "gptq"):
        rows.append(("int4 g32, " + method, model.each(
            "quantize{{code=int4 group={g} method=%s{s}}}" % method),
            method == "gptq"))
    rows.append(("int3 g32, gptq", model.each(
        "quantize{{code=int3 group={g} method=gptq{s}}}"), True))
    rows.append(("ternary g32, least squares", model.each(
        "quantize{{code=ternary group={g} method=lsq{s}}}"), False))
    rows.append(("ternary, absmean a tensor",
                 "quantize{code=ternary group=tensor method=absmean}", False))
    for percent in (30, 50):
        for saliency in ("magnitude", "obs"):
            steps, method = [], "mse" if saliency == "magnitude" else "gptq"
            for selection, group in model.groups:
                block = 16 if group % 16 == 0 else group
                steps.append("prune-groups{group=%d sparsity=%g saliency=%s%s}"
                             % (block, percent / 100, saliency, selection))
            for selection, group in model.groups:
                block = 16 if group % 16 == 0 else group
                steps.append("quantize{code=int4 group=%d method=%s%s}"
                             % (block, method, selection))
            rows.append(("pruned %d %% by %s, int4" % (percent, saliency),
                         ",".join(steps), saliency == "obs"))
    for count in (2, 4, 8):
        if count >= model.layers:
            continue
        rows.append(("%d layers removed by similarity" % count,
                     "fold-layers{remove-count=%d by=similarity}" % count, True))
        last = ",".join(str(model.layers - count + i) for i in range(count))
        rows.append(("%d layers removed from the end" % count,
                     "fold-layers{remove=%s}" % last, False))
    rows.append(("%d pairs share weights" % len(model.pairs),
                 "fold-layers{share=%s}" % ",".join(model.pairs), False))
    # Matrices whose columns only small groups divide get 3 bits as in the row above:
    # their scales alone take more than the budget.
    (selection, group), *others = model.groups
    rows.append(("3.5 bits by sensitivity", ",".join(
        ["assign-bits{budget=3.5 group=%d method=gptq%s}" % (group, selection)] +
        ["quantize{code=int3 group=%d method=gptq%s}" % (g, s) for s, g in others]),
        True))
    rows.append(("int3 g32 + 16 columns in int8", model.each(
        "quantize{{code=int3 group={g} method=mse{s}}}") +
        ",augment-k{channels=16}", True))
    rows.append(("W2* planes x A8", "quantize{code=w2star group=row symmetric=false "
                 "method=mse},decompose-bitplanes", False))
    rows.append(("int4 g32 + rank 16", model.each(
        "quantize{{code=int4 group={g} method=mse{s}}}") +
        ",lowrank-residual{rank=16}", False))
    return rows


def run(command):
    done = subprocess.run(command, capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def last_bits(ledger):
    bits = [step["bits_after"] for step in ledger["steps"] if "bits_after" in step]
    return bits[-1] if bits else None


def measure(args, model, recipe, calibrates, module):
    tool = lambda name: os.path.join(args.bin, name)
    command = [tool("lowbit-compile"), args.model, "-o", module, "-q",
               "--activations=" + args.activations]
    if recipe:
        command.append("--recipe=" + recipe)
    if calibrates:
        command += ["--calibration=" + args.calibration,
                    "--calibration-tokens=%d" % args.calibration_tokens]
    start = time.monotonic()
    status, _, error = run(command)
    seconds = time.monotonic() - start
    if status != 0:
        reasons = [line for line in error.splitlines() if line.startswith("note: ")]
        return {"refused": (reasons or error.splitlines())[0].removeprefix("note: ")}
    bench = [tool("lowbit-bench"), module, "--perplexity=" + args.text,
             "--window=%d" % (args.window or model.window),
             "--windows=%d" % (args.windows or model.windows), "--format=json"]
    if model.bos:
        bench.append("--bos")
    status, out, error = run(bench)
    if status != 0:
        raise SystemExit("lowbit-bench failed on %s:\n%s" % (module, error))
    result = json.loads(out)
    status, out, error = run([tool("lowbit-inspect"), module, "--ledger",
                              "--format=json"])
    return {"perplexity": result["perplexity"], "bits": last_bits(
        json.loads(out)["ledger"]), "bytes": os.path.getsize(module),
        "compile_seconds": round(seconds, 1)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--kind", choices=sorted(MODELS))
    parser.add_argument("--rows", default="")
    parser.add_argument("--window", type=int, default=0)
    parser.add_argument("--windows", type=int, default=0)
    parser.add_argument("--text")
    parser.add_argument("--calibration")
    parser.add_argument("--calibration-tokens", type=int, default=16384)
    parser.add_argument("--activations", default="int8")
    parser.add_argument("--keep", help="folder that keeps the modules")
    parser.add_argument("--json", help="also write the figures as JSON")
    parser.add_argument("--bin", default=os.path.join(ROOT, "build", "bin"))
    parser.add_argument("--strict", action="store_true")
    args = parser.parse_args()
    kind = args.kind or ("smollm2" if "smollm2" in args.model.lower() else "stories")
    data = os.path.join(os.path.dirname(ROOT), "shared", "data")
    defaults = {"smollm2": ("wiki.test.raw", "wikitext2-valid.txt"),
                "stories": ("tinystories-val.txt", "tinystories-train-sample.txt")}
    args.text = args.text or os.path.join(data, defaults[kind][0])
    args.calibration = args.calibration or os.path.join(data, defaults[kind][1])
    model = MODELS[kind]
    results, refused = [], 0
    print("| weights | perplexity | bits a weight | module MB | compile s |\n"
          "|---|---:|---:|---:|---:|", flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        folder = args.keep or scratch
        os.makedirs(folder, exist_ok=True)
        for name, recipe, calibrates in rows_of(model):
            if not re.search(args.rows, name):
                continue
            module = os.path.join(folder, re.sub(r"\W+", "-", name) + ".lowbit")
            row = measure(args, model, recipe, calibrates, module)
            results.append(dict(row, name=name, recipe=recipe))
            if "refused" in row:
                refused += 1
                print("| %s | refused: %s | | | |" % (name, row["refused"]),
                      flush=True)
                continue
            print("| %s | %.4f | %.3f | %.2f | %.1f |" % (
                name, row["perplexity"], row["bits"], row["bytes"] / 1e6,
                row["compile_seconds"]), flush=True)
            if not args.keep:
                os.remove(module)
    if args.json:
        with open(args.json, "w") as out:
            json.dump(results, out, indent=1)
    return 1 if refused and args.strict else 0


if __name__ == "__main__":
    sys.exit(main())

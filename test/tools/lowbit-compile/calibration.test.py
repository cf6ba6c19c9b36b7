"""Usage: calibration.test.py NEAREST.json GPTQ.json: checks two ledgers."""
import json
import sys

nearest, feedback = ([s for s in json.load(open(p))["ledger"]["steps"]
                      if s["pass"] == "quantize"][0] for p in sys.argv[1:])
total = {}
for name, step in (("nearest", nearest), ("feedback", feedback)):
    assert step["perplexity_before"] > 1 and step["perplexity_after"] > 1, step
    assert "seconds" not in step
    total[name] = sum(p["output_error"] for p in step["parameters"])
    for p in step["parameters"]:
        assert p["largest_error"] <= p["bound"] * 1.0001, p
assert nearest["perplexity_before"] == feedback["perplexity_before"]
# The weights move further, the outputs less.
assert total["feedback"] < 0.9 * total["nearest"], total

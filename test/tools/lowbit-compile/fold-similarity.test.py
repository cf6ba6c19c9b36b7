"""fold-similarity.test.py LEAST.json LAST.json: ledgers of two ways to lose a layer."""
import json
import re
import sys

least, last = (json.load(open(path))["ledger"]["steps"][1] for path in sys.argv[1:])
removed, scores = re.match(r"removed (\d+); influences of layers: ([0-9. ]+)$",
                           least["note"]).groups()
scores = [float(score) for score in scores.split()]
assert all(0 <= score <= 2 for score in scores), scores
assert scores[int(removed)] == min(scores), (removed, scores)
assert max(scores) > 2 * min(scores), scores  # layers differ, so the choice says something
assert least["perplexity_after"] <= last["perplexity_after"], (least, last)
assert least["perplexity_before"] == last["perplexity_before"]

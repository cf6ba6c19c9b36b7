"""Descriptions of DiT-digits with two variants: all four blocks, and without the last.

usage: make_variants.py MODEL.mlir FOLDER

Writes early.mlir (all blocks in all steps), late.mlir (three blocks in all steps) and
both.mlir (all blocks in steps 0 to 6, three from step 7 on).
"""

import pathlib
import re
import sys

source = pathlib.Path(sys.argv[1]).read_text()
folder = pathlib.Path(sys.argv[2])
function = re.search(r"  func\.func @velocity\(.*?\n  }\n", source, re.S).group(0)
last = re.search(r"    %h4 = lowbit\.layer [^\n]*\n", function).group(0)
short = function.replace(last, "").replace("%h4", "%h3").replace("@velocity", "@short")
assert short.count("lowbit.layer") == 3
denoise = "variants [@velocity] ranges [0, 20]"
assert denoise in source
(folder / "early.mlir").write_text(source)
# The checkpoint's tensors of the last block stay described.
(folder / "late.mlir").write_text(source.replace(function, short).replace("[@velocity]", "[@short]"))
(folder / "both.mlir").write_text(source.replace(function, function + short).replace(
    denoise, "variants [@velocity, @short] ranges [0, 7, 7, 20]"))

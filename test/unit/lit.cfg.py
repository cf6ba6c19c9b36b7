# Runs the GoogleTest binaries of build/unittests, one lit test for each group.
import os
import sys

import lit.formats

sys.path.insert(0, os.path.join(config.lowbit_src_root, "test"))
from sanitizers.options import set_options

config.name = "lowbit-unit"
config.suffixes = []
config.test_source_root = os.path.join(config.lowbit_obj_root, "unittests")
config.test_exec_root = config.test_source_root
config.test_format = lit.formats.GoogleTest(".", "Tests")
config.test_format.test_suffixes = {"Test", "Tests"}
set_options(config)

# Runs the GoogleTest binaries of build/unittests, one lit test for each group.
import os

import lit.formats

config.name = "lowbit-unit"
config.suffixes = []
config.test_source_root = os.path.join(config.lowbit_obj_root, "unittests")
config.test_exec_root = config.test_source_root
config.test_format = lit.formats.GoogleTest(".", "Tests")
config.test_format.test_suffixes = {"Test", "Tests"}

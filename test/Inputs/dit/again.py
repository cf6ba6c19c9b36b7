"""Makes a picture again by the command that its text gives.

usage: again.py FILE.png OUT.png MODULE...

MODULE, or MODULE1, MODULE2, ... in the command, stand for the modules given.
"""

import re
import subprocess
import sys

from text_of import texts

source, out, *modules = sys.argv[1:]
command = texts(source)["lowbit.command"]
names = {"OUT.png": out, "STATE": out + ".state", "MODULE": modules[0]}
names |= {f"MODULE{i + 1}": module for i, module in enumerate(modules)}
command = re.sub(r"OUT\.png|\bSTATE\b|\bMODULE\d*\b", lambda m: names[m.group(0)], command)
sys.exit(subprocess.run(command.replace("lowbit-run", "lowbit-run -q"), shell=True).returncode)

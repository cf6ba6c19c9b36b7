"""rc.py CODE PROGRAM ARGS...: runs PROGRAM, passes on what it says on stderr, and
fails unless its exit status is CODE."""
import subprocess
import sys

result = subprocess.run(sys.argv[2:], stdout=subprocess.PIPE,
                        stderr=subprocess.PIPE, text=True)
sys.stdout.write(result.stderr)
if result.returncode != int(sys.argv[1]):
    print("exit status", result.returncode, "instead of", sys.argv[1])
    sys.exit(1)

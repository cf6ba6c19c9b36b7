"""interrupt.py FILE PROGRAM ARGS...: runs PROGRAM, sends it SIGINT when it has written
FILE, and fails unless it then exits with 130."""
import os
import signal
import subprocess
import sys
import time

process = subprocess.Popen(sys.argv[2:])
while not os.path.exists(sys.argv[1]) and process.poll() is None:
    time.sleep(0.01)
process.send_signal(signal.SIGINT)
code = process.wait()
if code != 130:
    print("exit status", code, "instead of 130")
    sys.exit(1)

"""One pitfall with children, or its healthy twin: zombie, reaped, orphan, waited, blocked, unblocked."""
import os
import signal
import subprocess
import sys
import time

what = sys.argv[1]
if what in ("zombie", "reaped"):
    for _ in range(5):
        if not os.fork():
            os._exit(0)
    while what == "reaped":
        try:
            os.wait()
        except ChildProcessError:
            break
    time.sleep(0.2)
elif what in ("orphan", "waited"):
    child = subprocess.Popen(["sleep", "1.5"])
    if what == "waited":
        child.wait()
    os._exit(0)
elif what in ("blocked", "unblocked"):
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    free = (lambda: signal.pthread_sigmask(signal.SIG_SETMASK, [])) if what == "unblocked" else None
    child = subprocess.Popen(["sleep", "0.5"], preexec_fn=free)
    time.sleep(0.1)
    child.terminate()
    child.wait()

"""A handler for SIGCHLD waits for the children it knows. subprocess waits for its own."""
import os
import signal
import subprocess
import time

mine = set()  # pids this handler is for


def collect(*_):
    for pid in list(mine):
        if os.waitpid(pid, os.WNOHANG)[0]:
            mine.discard(pid)


signal.signal(signal.SIGCHLD, collect)
command = subprocess.Popen(["sh", "-c", "exit 3"])
time.sleep(0.3)  # something else to do
print("the command ended with", command.wait(), flush=True)

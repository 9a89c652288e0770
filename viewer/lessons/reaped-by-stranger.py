"""A handler for SIGCHLD waits for whichever child there is. subprocess waits for its own."""
import os
import signal
import subprocess
import time


def collect(*_):
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


signal.signal(signal.SIGCHLD, collect)
command = subprocess.Popen(["sh", "-c", "exit 3"])
time.sleep(0.3)  # something else to do
print("the command ended with", command.wait(), flush=True)

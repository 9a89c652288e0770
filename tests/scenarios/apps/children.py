"""One pitfall with children, or its healthy twin: zombie, reaped, orphan, waited, blocked, unblocked;
reaper, reaper_thread, ignored (a child's status goes to somebody else), polite."""
import os
import signal
import subprocess
import sys
import threading
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
elif what in ("reaper", "reaper_thread", "ignored", "polite"):
    def reap_all(*_):
        try:
            while os.waitpid(-1, os.WNOHANG) != (0, 0):
                pass
        except ChildProcessError:
            pass

    def reap_own(*_):
        child.poll()

    if what == "ignored":
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    elif what != "reaper_thread":
        signal.signal(signal.SIGCHLD, reap_all if what == "reaper" else reap_own)
    child = subprocess.Popen(["sh", "-c", "sleep 0.1; exit 3"])
    if what == "reaper_thread":
        threading.Thread(target=lambda: (time.sleep(0.2), reap_all()), name="reaper").start()
    deadline = time.monotonic() + 0.4
    while time.monotonic() < deadline:
        time.sleep(0.1)
    print("status", child.wait())

"""A lock held by a thread at a fork: locks.py WHAT HOW.
WHAT: Lock, RLock (globals), attribute (of an object); HOW: taken (by the child), left (by the child), released (before
the fork), remade (in the child), around (the fork)."""
import os
import signal
import sys
import threading
import time
import types

what, how = sys.argv[1:]
lock = threading.RLock() if what == "RLock" else threading.Lock()
service = types.SimpleNamespace(guard=lock)
if what == "attribute":
    del lock


def hold():
    with service.guard:
        taken.set()
        time.sleep(0.3)


if how == "remade":
    os.register_at_fork(after_in_child=service.guard._at_fork_reinit)
elif how == "around":
    os.register_at_fork(before=service.guard.acquire, after_in_parent=service.guard.release,
                        after_in_child=service.guard.release)
taken = threading.Event()
holder = threading.Thread(target=hold, name="holder")
holder.start()
taken.wait()
if how == "released":
    holder.join()
child = os.fork()
if not child:
    if how != "left":
        with service.guard:
            pass
    time.sleep(0.1)
    os._exit(0)
time.sleep(1.3 if how == "taken" else 0.3)
os.kill(child, signal.SIGKILL)  # nothing, if it is done
print("killed" if os.WIFSIGNALED(os.waitpid(child, 0)[1]) else "done")

"""Whoever forks takes the lock before, and gives it back on both sides after."""
import os
import signal
import threading
import time

lock = threading.Lock()
os.register_at_fork(before=lock.acquire, after_in_parent=lock.release, after_in_child=lock.release)


def write_log(who):
    with lock:
        print(who, "writes", flush=True)
        time.sleep(0.3)  # a slow disk


thread = threading.Thread(target=write_log, args=["the thread"], name="writer")
thread.start()
time.sleep(0.1)
child = os.fork()
if not child:
    write_log("the child")
    os._exit(0)
thread.join()
write_log("the parent")
time.sleep(0.5)
os.kill(child, signal.SIGKILL)  # nothing, if it is done
_, status = os.wait()
print("the child had to be killed" if os.WIFSIGNALED(status) else "the child is done", flush=True)

"""A thread writes a log, under a lock. The main thread forks, and the child wants to write to the log, too."""
import os
import signal
import threading
import time

lock = threading.Lock()


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

"""A server in C (here: libc's fork, called by ctypes) forks a Python program that has a thread."""
import ctypes
import os
import threading
import time

fork = ctypes.PyDLL(None).fork


def counter():
    while True:
        time.sleep(0.01)


thread = threading.Thread(target=counter, name="counter", daemon=True)
thread.start()
child = fork()
if not child:
    tasks = len(os.listdir("/proc/self/task"))
    print("child: is the counter alive?", thread.is_alive(), flush=True)
    print("child: threads that exist:", tasks, flush=True)
    time.sleep(0.2)
    os._exit(0)
os.wait()

"""A thread beats ten times a second, while the main thread calls a C function that takes a while."""
import ctypes
import threading
import time

library = ctypes.PyDLL(None)  # keeps the interpreter lock while it is in C


def heartbeat():
    while True:
        beats.append(time.monotonic())
        time.sleep(0.1)


beats = []
threading.Thread(target=heartbeat, name="heartbeat", daemon=True).start()
time.sleep(0.2)
before = len(beats)
library.usleep(1_800_000)  # hard work in C
print("heartbeats meanwhile:", "none" if len(beats) - before < 2 else "many", flush=True)

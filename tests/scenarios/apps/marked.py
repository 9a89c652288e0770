"""A fork with two threads: one that calls itself fork-safe, and one that does not say so (argument: without it)."""
import os
import sys
import threading
import time

threading.Thread(target=time.sleep, args=(1,), name="metrics fork-safe", daemon=True).start()
if len(sys.argv) > 1:
    threading.Thread(target=time.sleep, args=(1,), name="feeder-1", daemon=True).start()
child = os.fork()
time.sleep(0.2)
if child:
    os.wait()

"""A worker keeps to a limit, which the parent raises while it works."""
import os
import time

limit = 10


def raise_limit():
    global limit
    limit = 20


child = os.fork()
if not child:
    time.sleep(0.3)
    print("worker: the limit is", limit, flush=True)
    os._exit(0)
time.sleep(0.1)
raise_limit()
print("parent: the limit is", limit, flush=True)
os.wait()

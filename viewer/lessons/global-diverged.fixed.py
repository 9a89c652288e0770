"""The limit lies in memory that both processes share: made before the fork, and mapped by both."""
import multiprocessing
import os
import time

limit = multiprocessing.Value("i", 10)


def raise_limit():
    limit.value = 20


child = os.fork()
if not child:
    time.sleep(0.3)
    print("worker: the limit is", limit.value, flush=True)
    os._exit(0)
time.sleep(0.1)
raise_limit()
print("parent: the limit is", limit.value, flush=True)
os.wait()

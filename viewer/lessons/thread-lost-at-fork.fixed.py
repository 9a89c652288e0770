"""Each process that needs the thread starts one, after the fork."""
import os
import signal
import threading
import time

count = 0


def counter():
    global count
    while True:
        count += 1
        time.sleep(0.01)


def work():
    for _ in range(3):
        time.sleep(0.1)
        print("worker: count is", "growing" if count > 5 else "standing still", flush=True)
    signal.pause()  # until it is told to end


worker = os.fork()
threading.Thread(target=counter, name="counter", daemon=True).start()
if not worker:
    work()
time.sleep(0.5)
print("parent: count is", "growing" if count > 5 else "standing still", flush=True)
os.kill(worker, signal.SIGTERM)
os.wait()

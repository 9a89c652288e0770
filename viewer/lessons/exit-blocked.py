"""A service with a thread that listens. It is asked to end, and leaves in good order, as it thinks."""
import atexit
import os
import signal
import sys
import threading
import time


def listen():
    while True:
        time.sleep(0.1)


def serve():
    atexit.register(print, "service: all is saved", flush=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("service: I am leaving"))
    threading.Thread(target=listen, name="listener").start()
    while True:
        signal.pause()


service = os.fork()
if not service:
    serve()
time.sleep(0.2)
os.kill(service, signal.SIGTERM)
time.sleep(1.3)  # patience
os.kill(service, signal.SIGKILL)
_, status = os.wait()
print("supervisor: it", "had to be killed" if os.WIFSIGNALED(status) else "has left", flush=True)

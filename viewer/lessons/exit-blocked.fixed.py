"""Who leaves tells the thread, which looks now and then whether it should go on."""
import atexit
import os
import signal
import sys
import threading
import time


leaving = threading.Event()


def leave(*_):
    leaving.set()
    sys.exit("service: I am leaving")


def listen():
    while not leaving.is_set():
        time.sleep(0.1)


def serve():
    atexit.register(print, "service: all is saved", flush=True)
    signal.signal(signal.SIGTERM, leave)
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

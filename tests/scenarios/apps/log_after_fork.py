"""The child of a process with a thread writes a log line and looks up a name, as workers do."""
import logging
import os
import socket
import threading
import time

logging.basicConfig(format="%(asctime)s %(message)s")
threading.Thread(target=time.sleep, args=(0.3,), name="sleeper", daemon=True).start()


def work():
    logging.warning("a worker begins")
    time.sleep(0.1)


def connect():
    socket.getaddrinfo("localhost", 80)


if not os.fork():
    work()
    connect()
    os._exit(0)
os.wait()

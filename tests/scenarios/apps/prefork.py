"""A prefork server in one file: the master starts a ticker and forks two workers, which only look at `i`."""
import os
import signal
import sys
import threading
import time

i = 0
shown = {}


def ticker():
    global i
    while True:
        i += 1
        time.sleep(0.002)


class Worker:
    def handle_quit(self, number, frame):
        print("worker quits", flush=True)
        os._exit(3)


def work(ready):
    signal.signal(signal.SIGTERM, Worker().handle_quit)
    shown["i"] = i
    os.write(ready, b"x")
    while True:
        signal.pause()


def main():
    threading.Thread(target=ticker, name="ticker", daemon=True).start()
    while i < 3:
        time.sleep(0.001)
    reader, writer = os.pipe()
    workers = []
    for _ in range(2):
        pid = os.fork()
        if pid == 0:
            work(writer)
        workers.append(pid)
    while len(shown.setdefault("ready", b"")) < 2:
        shown["ready"] += os.read(reader, 2)
    before = i
    while i < before + 200:  # 0.4 s at least
        time.sleep(0.001)
    for pid in workers:
        os.kill(pid, signal.SIGTERM)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


main()

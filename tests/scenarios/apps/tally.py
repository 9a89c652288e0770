"""ticker.py that keeps count of itself, in a file shared with the test: `tally` holds the thread's ticks,
the test's wish that it stop, and that it has."""
import mmap
import os
import threading
import time

from flask import Flask

app = Flask(__name__)
i = 0
file = os.open("tally", os.O_RDWR | os.O_CREAT)
os.ftruncate(file, mmap.PAGESIZE)
tally = memoryview(mmap.mmap(file, mmap.PAGESIZE)).cast("Q")


def ticker():
    global i
    while not tally[1]:
        i += 1
        tally[0] += 1
        time.sleep(0.005)
    tally[2] = 1


threading.Thread(target=ticker, name="ticker", daemon=True).start()


@app.route("/")
def show():
    return f"{i}\n"

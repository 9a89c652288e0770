"""Totals are wrong under threads: each request writes a global three times, with no lock; with LOCK=1, with one."""
import contextlib
import os
import threading
import time

from flask import Flask

app = Flask(__name__)
total = 0
lock = threading.Lock() if os.environ.get("LOCK") else contextlib.nullcontext()


@app.route("/")
def add():
    global total
    with lock:
        for _ in range(3):
            seen = total
            time.sleep(0.001)
            total = seen + 1
    return f"{total}\n"

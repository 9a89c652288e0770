"""race.py that keeps count of itself: each /add writes a global three times, under a lock if LOCK is set;
/writers says which thread (its tid) made each write. The first eight wait for each other: eight threads."""
import contextlib
import json
import os
import threading
import time

from flask import Flask

app = Flask(__name__)
lock = threading.Lock() if "LOCK" in os.environ else contextlib.nullcontext()
meet = threading.Barrier(8)
writers = []
count = 0


@app.route("/")
def ready():
    return "ok\n"


@app.route("/add")
def add():
    global count
    with contextlib.suppress(threading.BrokenBarrierError):
        if not writers:
            meet.wait(5)
    with lock:
        for _ in range(3):
            seen = count
            time.sleep(0.001)
            count = seen + 1
            writers.append(threading.get_native_id())
    return f"{count}\n"


@app.route("/writers")
def show():
    return json.dumps(writers)

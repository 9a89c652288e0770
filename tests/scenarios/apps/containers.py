"""Containers of a module, changed in place: by a thread in the master, by requests in one worker or in each."""
import collections
import logging
import os
import threading
import time

from flask import Flask

app = Flask(__name__)
log = logging.getLogger("containers")
jobs = []
recent = collections.deque()
cache = {}
stats = {"hits": 0}
still = ["never", "changed"]
n = 1


def work():
    while True:
        jobs.append(len(jobs))
        recent.append(1)
        time.sleep(0.05)


threading.Thread(target=work, name="work", daemon=True).start()


@app.route("/")
def show():
    cache[len(cache)] = 1
    return str(os.getpid())


@app.route("/hit/<worker>")
def hit(worker):
    """Only in this one."""
    if int(worker) != os.getpid():
        return "no"
    stats["hits"] += 1
    globals().pop("n")  # by neither of these does a hook see a binding
    globals().setdefault("n", 99)
    return "yes"

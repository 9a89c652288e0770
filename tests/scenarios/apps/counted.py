"""Proof that no record is lost: each request installs a signal handler BURST times and counts the
installs that returned in a file shared with the test, one counter a process."""
import mmap
import os
import signal

from flask import Flask

BURST = 20
app = Flask(__name__)
file = os.open(os.environ["COUNTERS"], os.O_RDWR | os.O_CREAT)
os.ftruncate(file, mmap.PAGESIZE)
counters = memoryview(mmap.mmap(file, mmap.PAGESIZE)).cast("Q")  # pid, installs, pid, installs, ...


def mine():
    """This process's counter; uWSGI numbers its workers from 1."""
    import uwsgi

    slot = 2 * uwsgi.worker_id()
    counters[slot] = os.getpid()
    return slot + 1


@app.route("/")
def install():
    at = mine()
    for _ in range(BURST):
        signal.signal(signal.SIGUSR2, signal.SIG_IGN)
        counters[at] += 1
    return "ok\n"

"""A greenlet beats ten times a second; another one has a report to make.
To see who kept the thread: forktrace record --greenlets
"""
import time

import gevent

beats = []


def heart():
    while True:
        beats.append(time.monotonic())
        gevent.sleep(0.1)


def report():
    until = time.monotonic() + 1.3
    while time.monotonic() < until:
        sum(range(10000))  # one chapter


gevent.spawn(heart)
gevent.sleep(0.2)
before = len(beats)
gevent.spawn(report).join()
print("heartbeats meanwhile:", "none" if len(beats) - before < 3 else "many", flush=True)

"""gevent or eventlet (LIBRARY): a loop in a greenlet, and a fork while it lives, or before (WHEN)."""
import os
import sys

library, when = os.environ["LIBRARY"], os.environ["WHEN"]
if library == "gevent":
    from gevent import monkey

    monkey.patch_all()
    from gevent import sleep, spawn
else:
    import eventlet

    eventlet.monkey_patch()
    from eventlet import sleep, spawn
import threading

turns = 0
seen = []


def loop():
    global turns
    while True:
        turns += 1
        sleep(0.01)


def job():
    while True:
        if not seen:
            seen.append(type(threading.current_thread()).__name__)
        sleep(0.01)


def say(*words):
    os.write(1, (" ".join(map(str, words)) + "\n").encode())  # in one piece: both speak at the same moment


def start():
    spawn(loop)
    threading.Thread(target=job, name="job", daemon=True).start()


if when == "before the fork":
    start()
    sleep(0.05)
seen.clear()
pid = os.fork()
if pid == 0:
    if when == "after the fork":
        start()
    before = turns
    sleep(0.3)
    say("child", turns > before, *seen)
    os._exit(0)
before = turns
sleep(0.3)
say("parent", turns > before, *seen)
os.waitpid(pid, 0)

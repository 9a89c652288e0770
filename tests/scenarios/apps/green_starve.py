"""gevent or eventlet (LIBRARY): a job that keeps the thread, or (FAIR) lets the others run meanwhile."""
import os
import sys
import time

real_sleep = time.sleep
library, fair = os.environ["LIBRARY"], "FAIR" in os.environ
if library == "gevent":
    from gevent import monkey

    monkey.patch_all()
    from gevent import sleep, spawn
else:
    import eventlet

    eventlet.monkey_patch()
    from eventlet import sleep, spawn

turns = 0


def ticker():
    global turns
    while True:
        turns += 1
        sleep(0.01)


def report():
    (sleep if fair else real_sleep)(1.3)
    return sleep(0)


def job():
    sleep(0.05)
    before = turns
    report()
    print("job took its time, ticker had", "turns" if turns > before + 5 else "no turns", flush=True)


spawn(ticker)
g = spawn(job)
(g.join if library == "gevent" else g.wait)()
if "FOREVER" in os.environ:
    def forever():
        print("forever", flush=True)
        real_sleep(60)

    spawn(forever)
    sleep(60)

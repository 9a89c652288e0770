"""What somebody who looks at greenlets from within could notice: printed, to be compared."""
import gc
import os
import sys

from gevent import monkey

monkey.patch_all()
import gevent
import greenlet
from gevent.event import Event
from gevent.pool import Pool
from gevent.queue import Queue
from gevent.threadpool import ThreadPool


def greenlets():
    return sum(isinstance(o, greenlet.greenlet) for o in gc.get_objects())


order = []


def worker(n):
    for step in range(3):
        order.append((n, step))
        gevent.sleep(0)


gs = [gevent.spawn(worker, n) for n in range(4)]
gevent.joinall(gs)
print("order", order)
forever = gevent.spawn(gevent.sleep, 1000)
gevent.sleep(0)
print("references", sys.getrefcount(forever), sys.getrefcount(forever.gr_frame), sys.getrefcount(forever.spawning_stack))
pid = os.fork()  # looked at here
if pid == 0:
    print("child", greenlets(), sys.getrefcount(forever), greenlet.gettrace(), flush=True)
    forever.kill()
    os._exit(7)
print("status", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
print("greenlets", greenlets(), sys.getrefcount(forever), sys.getrefcount(forever.gr_frame), greenlet.gettrace())
switches = []
greenlet.settrace(lambda event, args: switches.append(event))
gevent.sleep(0)
greenlet.settrace(None)
print("switches", switches)
queue, done = Queue(), Event()
gevent.spawn(lambda: (queue.put("put"), done.set()))
print("queue", queue.get(timeout=5), done.wait(5))
print("pool", Pool(3).map(lambda n: n * n, range(6)), ThreadPool(2).apply(sum, ([1, 2],)))
try:
    gevent.Timeout(0.01).start()
    gevent.sleep(5)
except gevent.Timeout:
    print("timeout")
forever.kill()
del forever, gs
gc.collect()
print("left", greenlets(), len(gc.garbage))

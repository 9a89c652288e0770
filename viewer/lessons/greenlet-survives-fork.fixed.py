"""The greenlet is spawned after the fork, in the process that has to do its work."""
from gevent import monkey

monkey.patch_all()
import os

import gevent


def mailer():
    gevent.sleep(0.2)  # the mail is due
    print("one mail is sent by", "the worker" if worker == 0 else "the parent", flush=True)


worker = os.fork()
if worker:
    gevent.spawn(mailer)
gevent.sleep(0.4)  # both serve requests
if not worker:
    os._exit(0)
os.waitpid(worker, 0)

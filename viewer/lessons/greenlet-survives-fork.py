"""A greenlet sends a mail. Then the program forks a worker, as a server does after loading the application."""
from gevent import monkey

monkey.patch_all()
import os

import gevent


def mailer():
    gevent.sleep(0.2)  # the mail is due
    print("one mail is sent by", "the worker" if worker == 0 else "the parent", flush=True)


worker = None
gevent.spawn(mailer)
gevent.sleep(0)
worker = os.fork()
gevent.sleep(0.4)  # both serve requests
if not worker:
    os._exit(0)
os.waitpid(worker, 0)

"""As Celery does it: the master keeps a logging thread (QueueListener) and a pool of forked workers, which log
through a queue to the master. Healthy: the workers do without the thread. With "listener-in-worker" each worker
logs to a queue of its own process, whose listener was lost: its messages go nowhere."""
import logging
import logging.handlers
import multiprocessing
import os
import queue
import signal
import sys
import time

broken = len(sys.argv) > 1
multiprocessing.set_start_method("fork")
records = queue.Queue() if broken else multiprocessing.Queue()
listener = logging.handlers.QueueListener(records, logging.StreamHandler(sys.stdout))
logger = logging.getLogger()
logger.addHandler(logging.handlers.QueueHandler(records))
logger.setLevel(logging.INFO)


def work():
    running = []
    signal.signal(signal.SIGTERM, lambda *_: running.append(False))
    while not running:
        logger.info("worker at work")
        time.sleep(0.1)


listener.start()
workers = [multiprocessing.Process(target=work) for _ in range(2)]
for worker in workers:
    worker.start()
time.sleep(1.2)
for worker in workers:
    worker.terminate()
    worker.join()
listener.stop()

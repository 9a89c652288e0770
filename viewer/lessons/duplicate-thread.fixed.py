"""What should be done once is started in one process."""
import os
import threading
import time


def send_mail():
    print(f"{who}: the mail is sent", flush=True)
    time.sleep(0.3)


def set_up():
    threading.Thread(target=send_mail, name="mailer", daemon=True).start()


who = "master"
worker = os.fork()
if not worker:
    who = "worker"
if worker:
    set_up()
time.sleep(0.2)
if worker:
    os.wait()

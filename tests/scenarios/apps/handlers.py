"""The app wants SIGTERM for itself; with KEEP it uses atexit and leaves the signals to the server."""
import atexit
import os
import signal

from flask import Flask

app = Flask(__name__)


def save(*_):
    print("saved", flush=True)


if "KEEP" in os.environ:
    atexit.register(save)
else:
    signal.signal(signal.SIGTERM, save)


@app.route("/")
def show():
    return "ok\n"

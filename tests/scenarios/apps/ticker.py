"""Works with `flask run`, not under uWSGI: a thread counts in a global, requests read it."""
import threading
import time

from flask import Flask

app = Flask(__name__)
i = 0


def ticker():
    global i
    while True:
        i += 1
        time.sleep(0.1)


threading.Thread(target=ticker, name="ticker", daemon=True).start()


@app.route("/")
def show():
    return f"{i}\n"

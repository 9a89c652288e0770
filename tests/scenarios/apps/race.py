"""Totals are wrong under threads: each request writes a global three times, with no lock."""
import time

from flask import Flask

app = Flask(__name__)
total = 0


@app.route("/")
def add():
    global total
    for _ in range(3):
        seen = total
        time.sleep(0.001)
        total = seen + 1
    return f"{total}\n"

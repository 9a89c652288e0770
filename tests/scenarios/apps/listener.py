"""Shutdown hangs: the app runs a TCP server in a thread, which is no daemon unless DAEMON is set."""
import atexit
import os
import socketserver
import threading

from flask import Flask

app = Flask(__name__)
server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), socketserver.BaseRequestHandler)
threading.Thread(target=server.serve_forever, name="listener", daemon="DAEMON" in os.environ).start()
atexit.register(print, "atexit ran", flush=True)


@app.route("/")
def show():
    return f"{os.getpid()}\n"

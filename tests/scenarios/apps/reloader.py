"""Everything runs twice: werkzeug's reloader runs this file again in a child, and its thread with it."""
import os
import socketserver
import threading

from flask import Flask

app = Flask(__name__)


def serve():
    try:
        port = int(os.environ["FIXED_PORT"])
        socketserver.TCPServer(("127.0.0.1", port), socketserver.BaseRequestHandler).serve_forever()
    except OSError as error:
        print("the server thread gave up:", error, flush=True)


threading.Thread(target=serve, name="server", daemon=True).start()


@app.route("/")
def show():
    return f"{os.getpid()}\n"


app.run(port=int(os.environ["PORT"]), use_reloader=True)

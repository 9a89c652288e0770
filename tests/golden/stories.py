#!/usr/bin/python3
"""stories.py DIRECTORY STORY...: record stories people come with, each on its real server, as DIRECTORY/STORY.ftrace.
`make screenshots` draws new ones; screens.sh draws those stored beside it, so that its screens stay the same."""
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "scenarios"))
from harness import PYTHON, Server, free_port, shutil

UWSGI = ("/usr/bin/uwsgi", "--plugin", "python3", "--http-socket", "127.0.0.1:PORT", "--master",
         "--enable-threads", "--callable", "app", "--wsgi-file")
GUNICORN = ("/usr/bin/gunicorn", "--bind", "127.0.0.1:PORT", "--workers", "1")


def uwsgi():
    """It works under `flask run`; under uWSGI the count stands still."""
    server = Server(*UWSGI, "ticker.py", "--workers", "2", record=[]).ready(2)
    time.sleep(2)
    server.stop(signal.SIGINT)
    return server


def flask():
    """The same app, where it works: for `forktrace diff`, beside the stored uwsgi.ftrace, whose app is app.py."""
    server = Server(PYTHON, "-m", "flask", "--app", "app", "run", "--port", "PORT", "--no-reload", record=[],
                    shell="cp ticker.py app.py").ready()
    for _ in range(3):
        server.get()
    time.sleep(2)
    server.stop(signal.SIGINT)
    return server


def gunicorn():
    """The shutdown hangs until the worker is killed; atexit never runs."""
    server = Server(*GUNICORN, "--graceful-timeout", "2", "listener:app", record=[]).ready()
    server.stop(signal.SIGTERM)
    return server


def reloader():
    """Everything runs twice, and the port is in use."""
    server = Server(PYTHON, "reloader.py", env={"PORT": "PORT", "FIXED_PORT": str(free_port())}, record=[]).ready()
    server.says("the server thread gave up")
    server.stop(signal.SIGTERM)
    return server


def race():
    """The total is wrong under threads."""
    server = Server(*UWSGI, "race.py", "--workers", "1", "--threads", "8", record=["-w", "py:race.total"]).ready()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: server.get(), range(50)))
    server.stop(signal.SIGINT)
    return server


def gevent():
    """A loop that runs in the arbiter and in the worker."""
    server = Server(*GUNICORN, "--worker-class", "gevent", "--config", "gevent_conf.py", "--preload", "ticker:app",
                    env={"PATCH": "all"}, record=[]).ready()
    time.sleep(2)
    server.stop(signal.SIGTERM)
    return server


def hostile():
    """Not a story people come with: names that want the screen."""
    server = Server(PYTHON, "hostile_screen.py", "\x1b[31m\nred", "\u202e" + "x" * 65536, record=[])
    server.wait()
    return server


if __name__ == "__main__":
    for name in sys.argv[2:]:
        server = globals()[name]()
        shutil.copy(server.trace_path, f"{sys.argv[1]}/{name}.ftrace")
        server.kill()
        shutil.rmtree(server.directory)

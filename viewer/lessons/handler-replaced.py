"""A plugin saves its work at SIGTERM. The server, which loads plugins first, has a handler for SIGTERM, too."""
import os
import signal

PLUGIN = """
import signal, sys
def save(signum, frame):
    print("plugin: saved", flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, save)
"""

SERVER = """
import signal, sys
def stop(signum, frame):
    print("server: stopped", flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
"""

# Two files of two parties, in one page.
exec(compile(PLUGIN, "/srv/plugins/saver.py", "exec"))
exec(compile(SERVER, "/srv/server/main.py", "exec"))
os.kill(os.getpid(), signal.SIGTERM)

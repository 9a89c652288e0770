"""The server has a hook for those who want to know: one handler, which calls everybody."""
import os
import signal
import sys
import types

PLUGIN = """
import server
def save(signum, frame):
    print("plugin: saved", flush=True)
server.at_stop.append(save)
"""

SERVER = """
import signal, sys
at_stop = []
def stop(signum, frame):
    for call in at_stop: call(signum, frame)
    print("server: stopped", flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
"""

# Two files of two parties, in one page.
server = sys.modules["server"] = types.ModuleType("server")
exec(compile(SERVER, "/srv/server/main.py", "exec"), vars(server))
exec(compile(PLUGIN, "/srv/plugins/saver.py", "exec"))
os.kill(os.getpid(), signal.SIGTERM)

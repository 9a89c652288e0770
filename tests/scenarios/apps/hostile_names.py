"""Names that want to be markup: of a thread, a global, the process (its arguments are hostile, too)."""
import os
import sys
import threading
import time

sys.modules["<script>alert(1)</script>"] = sys.modules["__main__"]
evil = ']]></text><script>"alert(1)"</script>&amp;\x1b[31m\u202e{}[]|`'
state = evil


def spin():
    global state
    while True:
        state += "<!--"
        time.sleep(0.05)


threading.Thread(target=spin, name=evil, daemon=True).start()
time.sleep(0.1)
child = os.fork()
time.sleep(0.3)
if child:
    os.wait()

"""Names that want the screen: escape sequences, newlines, right-to-left, wide and combining characters, 64 KiB of
them, as thread, global, function and argument; a thread of each is lost at a fork."""
import os
import threading
import time

evil = ["\x1b]0;title\x07\x1b[2J\x1b[31mred", "two\nlines\r\tand a tab", "\u202eright to left\u2066", "e\u0301\u0301\u0301" * 40,
        "\u6f22\u5b57\U0001f600" * 20, "\x00\x7f\x9b31m\ufeff\ud7ff", "long" * (16 * 1024)]
state = 0


def spin():
    global state
    while True:
        state += 1
        globals()[evil[0]] = evil[state % len(evil)]
        time.sleep(0.02)


spin.__qualname__ = evil[2]
spin.__code__ = spin.__code__.replace(co_name=evil[1], co_filename="/tmp/" + evil[0])
for name in evil:
    threading.Thread(target=spin, name=name, daemon=True).start()
time.sleep(0.1)
child = os.fork()
time.sleep(0.3)
if child:
    os.wait()

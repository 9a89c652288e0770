"""Every way to bind a module's global, with what it must come to. Run as a script, or imported by uWSGI."""
import os
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import forms_other as other

n = 0  # 1


def add():
    global n
    n += 1


for _ in range(10):
    add()  # 10
globals()["n"] += 1  # 1
globals()["".join(["", "n"])] = 100  # 1: an equal key, not the same one
globals().update(n=200)  # 1
exec("n = 300", globals())  # 1
globals().__ior__({"n": 400})  # 1
vars()["n"] = 500  # 1
for n in range(3):  # 3
    pass
import forms_other as n  # 1
with open(os.devnull) as n:  # 1
    pass
n = 7  # 1: 23 in all

gone = 1
del gone
try:
    del never
except NameError:
    pass
try:
    globals().pop("never", None)
except KeyError:
    pass

other.attribute += 1
setattr(other, "attribute", other.attribute + 1)
other.__dict__["attribute"] = 10

none, truth, real, whole, large, huge = None, True, 2.5, -(2**62), 2**70, 1 << 9000
text, wide, long_text, raw = "a'b", "h\u00e9\u20ac\U0001f600", "x" * 500, b"\x00\xff"
row, pair, table, kinds = [1, 2, 3], (1, 2), {"a": 1}, {1, 2}
api_key, db_password, monkey = "hunter2", "hunter3", 1

count = 0


def work():
    global count
    for _ in range(int(os.environ.get("ROUNDS", 100000))):
        count += 1


threads = [threading.Thread(target=work) for _ in range(3)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"ready\n"]

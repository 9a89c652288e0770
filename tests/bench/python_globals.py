"""What the library adds to a binding of a Python global, and to any other store into a dict: nanoseconds
each, the least of many short loops (a busy machine only ever adds). Prints `global NS` and `dict NS`."""
import time

LOOPS, LENGTH = 400, 5000
i = 0


def bind():
    global i
    for _ in range(LENGTH):
        i += 1


def store():
    d = {"a": 0}
    for _ in range(LENGTH):
        d["a"] = 1


def empty():
    for _ in range(LENGTH):
        pass


def least(loop):
    best = float("inf")
    for _ in range(LOOPS):
        start = time.perf_counter_ns()
        loop()
        best = min(best, time.perf_counter_ns() - start)
    return best / LENGTH


idle = least(empty)
print(f"global {least(bind) - idle:.1f}\ndict {least(store) - idle:.1f}")

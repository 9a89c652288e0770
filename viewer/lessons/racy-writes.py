"""Four threads count to 25 each, in one variable.
To see every write of it: forktrace record -w py:__main__.total
"""
import threading
import time

total = 0


def count():
    global total
    for _ in range(25):
        seen = total
        time.sleep(0.001)  # a look into the database
        total = seen + 1


threads = [threading.Thread(target=count, name=f"counter-{i}") for i in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print("100 are counted" if total == 100 else "fewer than 100 are counted", flush=True)

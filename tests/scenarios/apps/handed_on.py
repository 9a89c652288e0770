"""Globals that several threads write, and all is well: one is handed on, one has a lock (an RLock), one a Condition."""
import threading

state = None
count = 0
turn = 0
lock = threading.RLock()
changed = threading.Condition()


def work(number):
    global state, count, turn
    if number == 2:
        state = "goes on"
    for _ in range(20):
        with lock, lock:
            count += 1
    for _ in range(5):
        with changed:
            changed.wait_for(lambda: turn % 3 == number)
            turn += 1
            changed.notify_all()


def main():
    global state
    state = "set up"
    threads = [threading.Thread(target=work, args=(i,)) for i in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


main()

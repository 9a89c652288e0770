"""A process that takes away what a tracer leans on: `escape.py fds` closes every descriptor,
`escape.py chroot` leaves for an empty root. Then it starts a thread, forks three times and exits."""
import os
import signal
import sys
import threading

if sys.argv[1] == "fds":
    os.closerange(3, 2**31 - 1)
else:
    os.mkdir(sys.argv[2])
    os.chroot(sys.argv[2])
    os.chdir("/")

thread = threading.Thread(target=lambda: None, name="late")
thread.start()
thread.join()
for status in (7, 8, 9):
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)
        os._exit(status)
    os.waitpid(child, 0)
sys.exit(3)

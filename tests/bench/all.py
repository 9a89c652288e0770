#!/usr/bin/python3
"""all.py: every benchmark, one after the other.

    all.py [--build build] [--quick] [NAME...]

Tables go to stdout and to BUILD/bench.md, with what machine it was, how busy, and which peers are here. A piece that
fails or takes too long is said and ended, and the next one runs. --quick: the smallest sizes, to see that all of it
works; its figures mean nothing.
"""
import argparse
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

PIECES = {  # name: (arguments of --quick, minutes after which it is ended: three times what it takes on a quiet machine)
    "bench": (["--pairs", "1", "--peer-pairs", "1"], 21),
    "kernel": (["--rounds", "1", "--long", "500"], 6),
    "python_globals": (["--pairs", "1"], 6),
    "view": (["--sizes", "10000"], 6),
    "hw_watch": (["--runs", "1"], 3),
    "c_globals": (["--rounds", "1", "--stores", "100000"], 6),
}
PEERS = {"perf": "--version", "uftrace": "--version", "strace": "--version", "ltrace": "--version", "bpftrace": "--version",
         "babeltrace2": "--version", "gdb": "--version"}


def machine():
    model = next((l.split(":", 1)[1].strip() for l in open("/proc/cpuinfo", encoding="utf-8") if l.startswith("model name")), "")
    yield f"# forktrace bench: {platform.machine()}, {os.cpu_count()} cores, {model}, Linux {platform.release()}"
    yield f"\n{time.strftime('%Y-%m-%d %H:%M', time.gmtime())} UTC, {len(os.sched_getaffinity(0))} cores to run on, load {os.getloadavg()[0]:.1f}"
    for name, option in PEERS.items():
        said = subprocess.run([name, option], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL) if shutil.which(name) else None
        version = re.search(r"\d+(\.\w+)+", said.stdout + said.stderr) if said else None
        yield f"- {name} {version[0] if version else ''}" if said else f"- {name}: not installed here, its rows say so"
    yield ""


def run(command, minutes, say):
    """What became of it: "" if all went well."""
    piece = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, errors="replace", start_new_session=True)
    ended = []

    def end():
        ended.append(True)
        os.killpg(piece.pid, signal.SIGKILL)  # its own group: with the programs it measures
    clock = threading.Timer(60 * minutes, end)
    clock.start()
    for line in piece.stdout:
        say(line.rstrip("\n"))
    status = piece.wait()
    clock.cancel()
    return f"ended after {minutes} min" if ended else f"failed, status {status}" if status else ""


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--build", default="build")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("name", nargs="*", choices=[[], *PIECES])
    options = parser.parse_args()
    here, troubles, began, times = os.path.dirname(os.path.abspath(__file__)), [], time.monotonic(), []
    with open(os.path.join(options.build, "bench.md"), "w", encoding="utf-8") as file:
        def say(line):
            print(line, flush=True)
            print(line, file=file, flush=True)
        for line in machine():
            say(line)
        for name in options.name or PIECES:
            quick, minutes = PIECES[name]
            start = time.monotonic()
            trouble = run(["/usr/bin/python3", os.path.join(here, name + ".py"), "--build", options.build, *(quick if options.quick else [])],
                          minutes, say)
            times.append(f"{name} {time.monotonic() - start:.0f} s")
            if trouble:
                troubles.append(name)
                say(f"\n**{name}: {trouble}**\n")
        say(f"It took {(time.monotonic() - began) / 60:.1f} min: {', '.join(times)}.")
    return 1 if troubles else 0


if __name__ == "__main__":
    sys.exit(main())

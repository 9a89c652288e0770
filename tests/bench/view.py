#!/usr/bin/python3
"""view.py: how long a large trace takes to open, to draw and to keep, next to the peers' readers.

    view.py [--build build] [--sizes 10000,1000000,10000000] [--limit 120] [--no-peers]

`open` is from the command to the first screen (for what only writes text: to its end), of ours the least of 3 runs, and
the processor time of that run; who takes longer than --limit seconds is ended. `key` is the worst of all keys and the
screen it gives (tests/tools/frames.c), of processor time; `memory` the most that was resident, mapped pages of the file
among it. uftrace reads as many entries and exits of functions, babeltrace2 as many events of a CTF trace.
"""
import argparse
import array
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass


@dataclass(order=True)
class Opened:
    """How opening went; `wall` is None if it took too long."""
    wall: float
    cpu: float = 0.0
    mib: float = 0.0


def reaped(pid, until):
    """(wait status, resources) of our own child; it is ended at that time, and the status is None then."""
    watched = os.pidfd_open(pid)
    late = not select.select([watched], [], [], max(0, until - time.monotonic()))[0]
    if late:
        signal.pidfd_send_signal(watched, signal.SIGKILL)
    os.close(watched)
    _, status, usage = os.wait4(pid, 0)
    return None if late else status, usage


def timed(argv, limit):
    """A command whose output goes nowhere; None if it fails."""
    start = time.monotonic()
    child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    status, usage = reaped(child.pid, start + limit)
    child.returncode = status or 0
    if status:
        return None
    return Opened(None if status is None else time.monotonic() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


ESCAPES = re.compile(rb"\x1b(\[[0-9;?]*[ -/]*[@-~]|[()][0-9A-B]|[=>78])|\s")


def first_screen(argv, limit):
    """The same until a program on a terminal has drawn something and waits for a key. To clear it, or to ask for patience, is none."""
    start = time.monotonic()
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(TERM="xterm", LINES="50", COLUMNS="200")
        os.execvp(argv[0], argv)
    seen, over = 0.0, False
    while not over and time.monotonic() - start < limit:
        if select.select([terminal], [], [], 2.0)[0]:
            try:
                drawn = os.read(terminal, 65536)
            except OSError:
                drawn = b""
            over = not drawn  # it lets go of its terminal a moment before it has ended
            if drawn and (seen or len(ESCAPES.sub(b"", drawn)) > 60):
                seen = time.monotonic()
        elif seen:
            break
    try:
        os.write(terminal, b"q")
    except OSError:
        pass  # it has ended
    status, usage = reaped(pid, time.monotonic() + 10 if seen or over else 0)
    os.close(terminal)  # not before: it would be hung up on
    if status or (over and not seen):
        return None
    return Opened(seen - start if seen else None, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def row(name, opened, frame, size, limit, ours=None):
    """`ours`: what it is compared with."""
    if not opened:
        return f"| {name} | fails | | | | | |"
    took, times = f"over {limit:.0f} s", f"> {limit / ours.wall:.0f}" if ours else ""
    if opened.wall is not None:
        took, times = f"{opened.wall:.2f} s", f"{opened.wall / ours.wall:.1f}" if ours else "1"
    return f"| {name} | {took} | {times} | {opened.cpu:.2f} s | {frame} | {opened.mib:.0f} MiB | {size / 2**20:.1f} MiB |"


def below(path):
    return sum(os.lstat(os.path.join(folder, name)).st_blocks * 512 for folder, _, names in os.walk(path) for name in names)


def ours(build, count, where, limit):
    trace = os.path.join(where, "crowd.ftrace")
    subprocess.run([os.path.join(build, "tests/bench/crowd"), str(count)], check=True, env={
        "LD_PRELOAD": os.path.join(build, "libforktrace.so"), "FORKTRACE_OUT": trace, "FORKTRACE_MAX_SIZE": "4G"})
    command = [os.path.join(build, "forktrace"), "view", "--size", "200x50", "--script", "", trace]
    runs = [timed(command, limit) for _ in range(3)]
    if not all(run and run.wall for run in runs):
        raise SystemExit(f"view.py: {' '.join(command)} fails, or takes longer than {limit:.0f} s")
    keys = subprocess.run([os.path.join(build, "tests/frames"), trace], capture_output=True, text=True, check=True)
    worst = [line.rsplit(maxsplit=2) for line in keys.stdout.splitlines() if line.startswith("worst")][0]
    frame = f"{float(worst[1]):.1f} ms ({worst[0].removeprefix('worst ')})"
    return min(runs), frame, os.stat(trace).st_blocks * 512


def uftrace(build, count, where, limit):
    """Rows; of what it records: 16 bytes an entry or exit."""
    data = os.path.join(where, "uftrace")
    subprocess.run(["uftrace", "record", "--no-pager", "--no-libcall", "--no-event", "-d", data,
                    os.path.join(build, "tests/bench/functions"), str(count)], check=True, stdout=subprocess.DEVNULL)
    size = below(data)
    yield "uftrace replay", timed(["uftrace", "replay", "--no-pager", "-d", data], limit), size
    yield "uftrace tui", first_screen(["uftrace", "tui", "-d", data], limit), size
    shutil.rmtree(data)


METADATA = """/* CTF 1.8 */
typealias integer { size = 32; align = 8; signed = false; } := uint32_t;
typealias integer { size = 64; align = 8; signed = false; } := uint64_t;
trace { major = 1; minor = 8; byte_order = le; packet.header := struct { uint32_t magic; uint32_t stream_id; }; };
clock { name = monotonic; freq = 1000000000; };
typealias integer { size = 64; align = 8; signed = false; map = clock.monotonic.value; } := time_t;
stream { id = 0;
    packet.context := struct { uint64_t content_size; uint64_t packet_size; };
    event.header := struct { uint64_t id; time_t timestamp; }; };
event { name = mask; id = 0; stream_id = 0; fields := struct { uint64_t value; }; };
"""


def write_ctf(path, count):
    """A CTF trace of one stream and one packet: 24 bytes an event, as the CTF sink of babeltrace2 writes them."""
    os.mkdir(path)
    with open(os.path.join(path, "metadata"), "w", encoding="ascii") as file:
        file.write(METADATA)
    with open(os.path.join(path, "stream"), "wb") as file:
        size = (24 + 24 * count) * 8
        file.write(struct.pack("<IIQQ", 0xC1FC1FC1, 0, size, size))
        for first in range(0, count, 100000):
            part = range(first, min(first + 100000, count))
            words = array.array("Q", bytes(24 * len(part)))
            words[1::3] = array.array("Q", (1000 * i for i in part))
            words[2::3] = array.array("Q", part)
            words.tofile(file)


def babeltrace(_build, count, where, limit):
    trace = os.path.join(where, "ctf")
    write_ctf(trace, count)
    yield "babeltrace2", timed(["babeltrace2", trace], limit), below(trace)
    shutil.rmtree(trace)


PEERS = {"uftrace": uftrace, "babeltrace2": babeltrace}


def table(build, count, options):
    """Lines, as they are known."""
    yield f"## a trace of {count:,} events\n"
    yield "| reader | open | × ours | processor | worst key | memory | on disk |\n|---|---|---|---|---|---|---|"
    with tempfile.TemporaryDirectory(prefix="forktrace-view-") as where:
        our_own, frame, size = ours(build, count, where, options.limit)
        yield row("**forktrace view**", our_own, frame, size, options.limit)
        for name, rows in PEERS.items():
            if options.no_peers:
                continue
            if not shutil.which(name):
                yield f"| {name} | not installed here | | | | | |"
                continue
            for reader, opened, size in rows(build, count, where, options.limit):
                yield row(reader, opened, "", size, options.limit, our_own)
    yield ""


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", default="build")
    parser.add_argument("--sizes", default="10000,1000000,10000000")
    parser.add_argument("--limit", type=float, default=120)
    parser.add_argument("--no-peers", action="store_true")
    options = parser.parse_args()
    for count in (int(size) for size in options.sizes.split(",")):
        for line in table(os.path.abspath(options.build), count, options):
            print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/python3
"""view.py: how long a large trace takes to open, to draw and to keep, next to the peers' readers.

    view.py [--build build] [--sizes 10000,1000000,10000000]

`open` is from the command to the first screen (for what only writes text: to its end), the least of 3 runs, and the
processor time of that run; `key` the worst of all keys and the screen it gives (tests/tools/frames.c), of processor
time; `memory` the most that was resident, mapped pages of the file among it. uftrace reads as many entries and exits
of functions, babeltrace2 as many events of a CTF trace.
"""
import argparse
import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time

def timed(argv, **more):
    """Seconds and MiB of a command whose output goes nowhere; None if it fails."""
    start = time.monotonic()
    child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **more)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = status
    return None if status else (time.monotonic() - start, usage.ru_maxrss / 1024, usage.ru_utime + usage.ru_stime)


def first_screen(argv):
    """Seconds until a program on a terminal has drawn something and waits for a key."""
    start = time.monotonic()
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(TERM="xterm", LINES="50", COLUMNS="200")
        os.execvp(argv[0], argv)
    seen = last = 0.0
    while time.monotonic() - start < 120:
        if select.select([terminal], [], [], 2.0)[0]:
            try:
                if not os.read(terminal, 65536):
                    break
            except OSError:
                break
            seen = last = time.monotonic()
        elif seen:
            break
    try:
        os.write(terminal, b"q")
        time.sleep(0.2)
        os.close(terminal)
    except OSError:
        pass
    for _ in range(100):
        ended, status, usage = os.wait4(pid, os.WNOHANG)
        if ended:
            break
        time.sleep(0.1)
    else:
        os.kill(pid, signal.SIGKILL)  # our own child, which does not hear its terminal hang up
        _, status, usage = os.wait4(pid, 0)
        status = 0
    return None if status or not seen else (last - start, usage.ru_maxrss / 1024, usage.ru_utime + usage.ru_stime)


def least(measure, argv, times=3):
    results = [measure(argv) for _ in range(times)]
    return min(results) if all(results) else None


def row(name, opened, frame, size):
    if not opened:
        return f"| {name} | fails | | | | |"
    return (f"| {name} | {opened[0]:.2f} s | {opened[2]:.2f} s | {frame} | {opened[1]:.0f} MiB |"
            f" {size / 2**20:.0f} MiB |")


def below(path):
    return sum(os.lstat(os.path.join(folder, name)).st_blocks * 512 for folder, _, names in os.walk(path) for name in names)


def ours(build, count, where):
    trace = os.path.join(where, "crowd.ftrace")
    subprocess.run([os.path.join(build, "tests/bench/crowd"), str(count)], check=True, env={
        "LD_PRELOAD": os.path.join(build, "libforktrace.so"), "FORKTRACE_OUT": trace, "FORKTRACE_MAX_SIZE": "4G"})
    command = [os.path.join(build, "forktrace"), "view", "--size", "200x50", "--script"]
    opened = least(timed, command + ["", trace])
    keys = subprocess.run([os.path.join(build, "tests/frames"), trace], capture_output=True, text=True, check=True)
    worst = [line.rsplit(maxsplit=2) for line in keys.stdout.splitlines() if line.startswith("worst")][0]
    frame = f"{float(worst[1]):.1f} ms ({worst[0].removeprefix('worst ')})"
    return row("**forktrace view**", opened, frame, os.stat(trace).st_blocks * 512)


def uftrace(build, count, where):
    data = os.path.join(where, "uftrace")
    subprocess.run(["uftrace", "record", "--no-pager", "--no-libcall", "--no-event", "-d", data,
                    os.path.join(build, "tests/bench/functions"), str(count)], check=True, stdout=subprocess.DEVNULL)
    size = below(data)
    yield row("uftrace replay", least(timed, ["uftrace", "replay", "--no-pager", "-d", data], 1), "", size)
    yield row("uftrace tui", least(first_screen, ["uftrace", "tui", "-d", data], 1), "", size)


CTF = """
import bt2, sys
class Events(bt2._UserMessageIterator):
    def __init__(self, config, port):
        (stream, kind, count), self.i = port.user_data, 0
        self.all = self.make(stream, kind, count)
    def make(self, stream, kind, count):
        yield self._create_stream_beginning_message(stream)
        for i in range(count):
            event = self._create_event_message(kind, stream, default_clock_snapshot=i * 1000)
            event.event.payload_field["value"] = i
            yield event
        yield self._create_stream_end_message(stream)
    def __next__(self): return next(self.all)
@bt2.plugin_component_class
class Source(bt2._UserSourceComponent, message_iterator_class=Events):
    def __init__(self, config, params, obj):
        trace_class = self._create_trace_class()
        clock = self._create_clock_class()
        stream_class = trace_class.create_stream_class(default_clock_class=clock)
        payload = trace_class.create_structure_field_class()
        payload += [("value", trace_class.create_unsigned_integer_field_class(64))]
        kind = stream_class.create_event_class(name="mask", payload_field_class=payload)
        self._add_output_port("out", (trace_class().create_stream(stream_class), kind, int(params["count"])))
graph = bt2.Graph()
source = graph.add_component(Source, "source", {"count": int(sys.argv[1])})
sink = graph.add_component(bt2.find_plugin("ctf").sink_component_classes["fs"], "sink", {"path": sys.argv[2], "assume-single-trace": True, "quiet": True})
graph.connect_ports(source.output_ports["out"], sink.input_ports["in"])
graph.run()
del source, sink, graph  # the metadata is written when the sink goes
"""


def babeltrace(count, where):
    trace = os.path.join(where, "ctf")
    subprocess.run(["/usr/bin/python3", "-c", CTF, str(count), trace], check=True)
    return row("babeltrace2", least(timed, ["babeltrace2", trace], 1), "", below(trace))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", default="build")
    parser.add_argument("--sizes", default="10000,1000000,10000000")
    parser.add_argument("--no-peers", action="store_true")
    options = parser.parse_args()
    build = os.path.abspath(options.build)
    for count in (int(size) for size in options.sizes.split(",")):
        print(f"## a trace of {count:,} events\n\n| reader | open | processor | worst key | memory | on disk |\n|---|---|---|---|---|---|", flush=True)
        with tempfile.TemporaryDirectory(prefix="forktrace-view-") as where:
            print(ours(build, count, where), flush=True)
            if not options.no_peers and shutil.which("uftrace"):
                for line in uftrace(build, count, where):
                    print(line, flush=True)
            bt2 = subprocess.run(["/usr/bin/python3", "-c", "import bt2"], capture_output=True, check=False).returncode == 0
            if not options.no_peers and bt2 and shutil.which("babeltrace2"):
                print(babeltrace(count, where), flush=True)
        print()


if __name__ == "__main__":
    sys.exit(main())

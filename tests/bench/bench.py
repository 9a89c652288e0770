#!/usr/bin/python3
"""bench.py: what recording costs, next to the untraced run and next to the peers that are installed.

    bench.py [--build build] [--pairs 21] [--peer-pairs 5] [--seconds 20] [--only NAME,...] [--no-peers]

A pair is one run without and one with a tool, back to back, in changing order; a figure is the median over the pairs of
their ratio, with the quartiles. There are so many pairs, or as many as --seconds of a row allow, but three at least if
so many are asked for. Times are what the program says its own calls took: the start of a tool is not counted, which
favours the peers. Bytes are the tool's whole output, by event. Single-threaded storms are pinned to one core. Nothing
here passes or fails: a loaded machine is no bug.
"""
import argparse
import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass


@dataclass
class Work:
    name: str
    argv: list
    events: int      # that a tool should have recorded, per operation the program counts
    pin: bool
    target: str
    few: list = None  # the same with fewer operations, for tools that stop the program at each
    per_call: bool = False  # tell ns a call, not a ratio
    calls: str = ""  # the library calls and ...
    syscalls: str = ""  # ... system calls and ...
    probe: str = ""  # ... the kernel event a peer has to follow
    line: str = r"\S+"  # of what the program prints, the one that counts
    unit: str = "call"  # what `events` counts, and bytes are told of


def works(build):
    storm, tree, lock = (os.path.join(build, "tests", name) for name in ("bench/storm", "fixtures/tree", "bench/lock"))
    task = 'tracepoint:sched:sched_process_fork /comm == "storm" || comm == "tree"/'
    yield Work("fork+wait", [storm, "fork", "2000"], 1, True, "≤ 1.12", calls="fork", syscalls="fork,vfork,clone,clone3",
               probe=task, unit="fork (of ours four records)")
    yield Work("pthread_create+join", [storm, "thread", "4000"], 1, True, "≤ 1.08", calls="pthread_create",
               syscalls="fork,vfork,clone,clone3", probe=task, unit="thread (of ours three records)")
    yield Work("sigaction", [storm, "sigaction", "1000000"], 1, True, "≤ +60 ns", few=[storm, "sigaction", "20000"],
               per_call=True, calls="sigaction", syscalls="rt_sigaction",
               probe='tracepoint:syscalls:sys_enter_rt_sigaction /comm == "storm"/')
    yield Work("tree", [tree, "timed"], (540 + 250 + 26) // 5, False, "≤ 1.20", calls="fork+pthread_create+signal",
               syscalls="fork,vfork,clone,clone3,rt_sigaction", probe=task, unit="fork, thread or handler")
    for kind in ("mutex", "mutex+thread", "sem_wait", "rdlock"):
        yield Work(f"free {kind}", [lock, kind.removesuffix("+thread")], 0, True, "≤ +3 ns" if kind.startswith("mutex") else "none", per_call=True,
                   line=re.escape(kind))
    for kind in ("read", "write", "recv", "close", "rand", "localtime_r"):
        yield Work(f"call {kind}", [os.path.join(build, "tests/bench/calls"), kind], 0, True, "≤ +5 ns", per_call=True,
                   line=re.escape(kind))


class Tool:
    """A way to run a command traced. `out` is a fresh directory for what it writes."""
    installed = None
    slow = True

    def __init__(self, name):
        self.name = name

    def missing(self):
        """Why it cannot be run here, or None."""
        return None if shutil.which(self.installed or self.name) else "not installed here"

    def prefix(self, work, out):
        raise NotImplementedError

    def environment(self, out):
        return {}

    def recorded(self, work, out):
        """Events found in its output, or None if that cannot be told cheaply."""
        return None


class Preload(Tool):
    slow = False

    def __init__(self, name, library):
        super().__init__(name)
        self.library = library

    def missing(self):
        return None if os.path.exists(self.library) else "not built"

    def prefix(self, work, out):
        return []

    def environment(self, out):
        return {"LD_PRELOAD": self.library, "FORKTRACE_OUT": out + "/t.ftrace"}


class Ours(Preload):
    wanted = {"fork": "fork", "pthread_create": "thread_create", "sigaction": "sigaction", "signal": "sigaction"}

    def __init__(self, build):
        super().__init__("**forktrace**", os.path.join(build, "libforktrace.so"))
        self.weigh = os.path.join(build, "tests/bench/weigh")

    def recorded(self, work, out):
        text = subprocess.run([self.weigh, out + "/t.ftrace"], capture_output=True, text=True, check=False).stdout
        counts = {l.split()[0]: int(l.split()[1]) for l in text.splitlines()}
        return sum(counts.get(name, 0) for name in {self.wanted[c] for c in work.calls.split("+") if c in self.wanted})


def lines(path, pattern):
    if not os.path.exists(path):
        return 0
    with open(path, errors="replace", encoding="utf-8") as f:
        return sum(1 for line in f if re.search(pattern, line))


class Strace(Tool):
    def prefix(self, work, out):
        return ["strace", "-f", "-qq", "--seccomp-bpf", "-e", "signal=none", "-e", f"trace={work.syscalls}", "-o",
                out + "/log"]

    def recorded(self, work, out):
        wanted = work.syscalls.replace(",", "|")
        found = lines(out + "/log", rf"^\d+ +({wanted})\(")
        # it also shows what glibc does on its own: one rt_sigaction for thread cancellation in each process
        return found - lines(out + "/log", r"rt_sigaction\(SIGRT_1,")


class PerfTrace(Tool):
    installed = "perf"

    def prefix(self, work, out):
        return ["perf", "trace", "-o", out + "/log", "-e", work.syscalls]

    def recorded(self, work, out):
        # the child's half of a call says [continued]
        return lines(out + "/log", r"\): \S+ (" + work.syscalls.replace(",", "|") + r")\(")


class Uftrace(Tool):
    slow = False

    def prefix(self, work, out):
        return ["uftrace", "record", "--force", "--no-pager", "--no-event", "-d", out + "/data"]

    def recorded(self, work, out):
        report = subprocess.run(["uftrace", "report", "--no-pager", "-f", "call", "-d", out + "/data"], capture_output=True,
                                text=True, check=False, stdin=subprocess.DEVNULL).stdout
        found = 0
        for line in report.splitlines():
            parts = line.split()
            if len(parts) == 2 and parts[0].isdigit() and parts[1] in work.calls.split("+"):
                # a fork's record is in the parent's file and in the child's copy of it
                found += int(parts[0]) // (2 if parts[1] == "fork" else 1)
        return found


class Bpftrace(Tool):
    def missing(self):
        return super().missing() or (None if os.geteuid() == 0 else "needs root")

    def prefix(self, work, out):
        program = work.probe + ' { printf("%d %d %lu\\n", pid, tid, nsecs); }'
        # it looks for tracefs below debugfs
        return ["unshare", "-m", "sh", "-c", "mount -t debugfs none /sys/kernel/debug 2>/dev/null; mount -t tracefs none "
                "/sys/kernel/debug/tracing 2>/dev/null; exec bpftrace -q -o \"$1\" -e \"$2\" -c \"$3\"", "sh", out + "/log",
                program, None]  # None: the command as one word

    def recorded(self, work, out):
        return lines(out + "/log", r"^\d+ \d+ \d+")


class Ltrace(Tool):
    def prefix(self, work, out):
        return ["ltrace", "-f", "-e", work.calls, "-o", out + "/log"]

    def recorded(self, work, out):
        return lines(out + "/log", r"(" + work.calls.replace("+", "|") + r")\(")


def bytes_below(path):
    """What it takes on disk: a sparse file is not its length."""
    total = 0
    for folder, _, names in os.walk(path):
        for name in names:
            status = os.lstat(os.path.join(folder, name))
            total += min(status.st_size, status.st_blocks * 512)
    return total


class Run:
    """One run: ns of its own calls, page faults of the whole tree; None if it crashed or said nothing."""

    def __init__(self, work, argv, tool=None):
        out = tempfile.mkdtemp(prefix="forktrace-bench-")
        try:
            command, environment = list(argv), {"PATH": os.environ["PATH"], "LC_ALL": "C"}
            if tool:
                prefix = tool.prefix(work, out)
                command = prefix[:-1] + [" ".join(command)] if prefix[-1:] == [None] else prefix + command
                environment.update(tool.environment(out))
            if work.pin:
                os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
            before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_minflt
            try:
                run = subprocess.run(command, env=environment, capture_output=True, text=True, errors="replace",
                                     check=False, timeout=60, stdin=subprocess.DEVNULL, start_new_session=True)
                parts = [l.split() for l in run.stdout.splitlines() if re.fullmatch(work.line + r" \d+ \d+", l)]
                self.status = run.returncode
            except subprocess.TimeoutExpired:
                parts, self.status = [], "hangs"
            finally:
                os.sched_setaffinity(0, ALL)
            self.faults = resource.getrusage(resource.RUSAGE_CHILDREN).ru_minflt - before
            self.good = bool(parts) and self.status == 0
            self.count, self.ns = (int(parts[-1][1]), int(parts[-1][2])) if parts else (0, 0)
            self.cpu_ns = next((int(l.split()[2]) for l in run.stdout.splitlines() if l.startswith("cpu ")), 0) if parts else 0
            self.bytes = bytes_below(out) if tool else 0
            self.events = tool.recorded(work, out) if tool and self.good else None
        finally:
            shutil.rmtree(out, ignore_errors=True)


ALL = os.sched_getaffinity(0)


def pairs(work, argv, tool, count, seconds):
    done, began = [], time.monotonic()
    for i in range(count):
        if i >= 3 and time.monotonic() - began > seconds:
            break
        order = (None, tool) if i % 2 else (tool, None)
        runs = {id(which): Run(work, argv, which) for which in order}
        done.append((runs[id(None)], runs[id(tool)]))
        if runs[id(tool)].status == "hangs":
            break  # it would each time
    return done


def figure(work, done):
    good = [(a, b) for a, b in done if a.good and b.good]
    if not good:
        return "hangs" if any(b.status == "hangs" for _, b in done) else "crashes"
    if work.per_call:
        values, form = [(b.ns / b.count) - (a.ns / a.count) for a, b in good], "{:+.0f} ns" if work.events else "{:+.1f} ns"
    else:
        values, form = [b.ns / a.ns for a, b in good], "{:.3f}"
    low, middle, high = statistics.quantiles(values, n=4) if len(values) > 1 else values * 3
    text = form.format(middle) + f" ({form.format(low)} … {form.format(high)})"
    if len(good) < len(done):
        text += f", {len(done) - len(good)} of {len(done)} crashed"
    return text


def row(work, tool, done):
    text = figure(work, done)
    good = [b for _, b in done if b.good]
    size = lost = ""
    if good and work.events and tool.recorded(work, "/nonexistent") is not None:
        expected = statistics.median(b.count for b in good) * work.events
        if work.name == "tree":
            expected = 540 + 250 + 26
            if isinstance(tool, Bpftrace):
                expected = 540 + 250
        events = [b.events for b in good]
        size = f"{statistics.median(b.bytes for b in good) / expected:.0f}"
        worst = min(events)
        lost = "none" if worst >= expected else f"{100 * (1 - worst / expected):.0f} % ({worst} of {expected:.0f})"
        if max(events) > expected:
            lost += f"; {max(events)} of {expected:.0f} told"
    faults = f"{statistics.median(b.faults - a.faults for a, b in done):+.0f}" if isinstance(tool, Preload) else ""
    return f"| {tool.name} | {text} | {len(done)} | {size} | {lost} | {faults} |"


def table(options, work, tools):
    base = [Run(work, work.argv) for _ in range(3)]
    if not all(b.good for b in base):
        return [f"## {work.name}", "", f"does not run: {' '.join(work.argv)}", ""]
    each = statistics.median(b.ns / b.count for b in base)
    out = [f"## {work.name}", "", f"`{' '.join([os.path.basename(work.argv[0]), *work.argv[1:]])}`, untraced "
           f"{each / 1000:.3f} µs each; target {work.target}", "",
           f"| tool | {'cost a call' if work.per_call else 'ratio'}, median (quartiles) | pairs | bytes a {work.unit} | lost | page faults |",
           "|---|---|---|---|---|---|"]
    for tool in tools:
        peer = not isinstance(tool, Preload)
        if peer and (options.no_peers or not work.events):
            continue
        if tool.missing():
            out.append(f"| {tool.name} | {tool.missing()} | | | | |")
        else:
            argv = work.few if work.few and tool.slow else work.argv
            done = pairs(work, argv, tool, options.pairs if isinstance(tool, Ours) else options.peer_pairs, options.seconds)
            out.append(row(work, tool, done))
        print(f"  {work.name}: {out[-1]}", file=sys.stderr, flush=True)
    return out + [""]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", default="build")
    parser.add_argument("--pairs", type=int, default=21)
    parser.add_argument("--peer-pairs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--only", default="")
    parser.add_argument("--no-peers", action="store_true")
    options = parser.parse_args()
    options.build = os.path.abspath(options.build)
    empty = os.path.join(options.build, "tests/bench/empty")
    tools = [Ours(options.build), Preload("an empty .so", empty), Uftrace("uftrace"), Strace("strace"),
             PerfTrace("perf trace"), Bpftrace("bpftrace"), Ltrace("ltrace")]
    wanted = [w for w in options.only.split(",") if w]
    for work in works(options.build):
        if not wanted or any(w in work.name for w in wanted):
            print("\n".join(table(options, work, tools)), flush=True)


if __name__ == "__main__":
    main()

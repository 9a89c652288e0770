#!/usr/bin/python3
"""kernel.py: what the second witness costs (forktrace record --ebpf), beside bpftrace and strace told to see the same.

    kernel.py [--build build] [--rounds 20] [--long 20000]

A round runs a storm once under each tool, in changing order; of each tool the least and the median time of an operation
over all rounds, and the CPU time its processes took for it (without the tool's own). `adds` is over the untraced run, of
the least times; of `--ebpf` also over the library alone, in both times. The storm
has a core of its own, the tools the others, but for strace, which stops it at each call. `tracer` is the CPU time that
forktrace-ebpf took, as a part of the storm's time, and its wakeups (voluntary switches) a second. Nothing here passes
or fails: a loaded machine is no bug.
"""
import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import bench

PROBES = {"task:task_newtask": "args->pid", "sched:sched_process_exec": "args->pid", "sched:sched_process_exit": "args->pid",
          "signal:signal_generate": "args->sig", "signal:signal_deliver": "args->sig"}


class Ebpf(bench.Ours):
    slow = True

    def __init__(self, build):
        super().__init__(build)
        self.name, self.forktrace = "**forktrace --ebpf**", os.path.join(build, "forktrace")

    def missing(self):
        if not os.path.exists(self.forktrace + "-ebpf"):
            return "not built"
        works = subprocess.run([self.forktrace + "-ebpf", "--check"], capture_output=True, check=False).returncode == 0
        return None if works else "cannot work here: forktrace-ebpf --check says why"

    def prefix(self, work, out):
        return [self.forktrace, "record", "--ebpf", "-o", out + "/t.ftrace", "--"]

    def environment(self, out):
        return {}


class Bpftrace(bench.Bpftrace):
    def prefix(self, work, out):
        name = os.path.basename(work.argv[0])
        program = " ".join(f'tracepoint:{probe} /comm == "{name}"/ {{ printf("%d %d %lu {probe}\\n", pid, {what}, nsecs); }}'
                           for probe, what in PROBES.items())
        return super().prefix(work, out)[:-2] + [program, None]


class Strace(bench.Strace):
    def prefix(self, work, out):
        return ["strace", "-f", "-qq", "-e", "trace=process", "-o", out + "/log"]


class Tracer(threading.Thread):
    """Samples forktrace-ebpf while it lives: CPU seconds, wakeups."""

    def __init__(self, recorder):
        super().__init__()
        self.recorder, self.cpu, self.wakeups = recorder, 0.0, 0

    def run(self):
        while self.recorder.poll() is None:
            try:
                children = open(f"/proc/{self.recorder.pid}/task/{self.recorder.pid}/children", encoding="ascii").read()
                for pid in children.split():
                    if "forktrace-ebpf" in open(f"/proc/{pid}/cmdline", encoding="utf-8").read():
                        self.sample(pid)
            except OSError:
                pass
            time.sleep(0.05)

    def sample(self, pid):
        stat = open(f"/proc/{pid}/stat", encoding="utf-8").read().rpartition(")")[2].split()
        self.cpu = (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")
        for line in open(f"/proc/{pid}/status", encoding="utf-8"):
            if line.startswith("voluntary_ctxt"):
                self.wakeups = int(line.split()[1])


def pinned(argv):
    """The storm alone has the last core; not the tool that runs it."""
    return [shutil.which("taskset"), "-c", str(max(os.sched_getaffinity(0))), *argv] if len(os.sched_getaffinity(0)) > 1 else argv


def storm(build, kind, count):
    return bench.Work(kind, [os.path.join(build, "tests/bench/storm"), kind, str(count)], 1, False, "",
                      calls={"fork": "fork", "thread": "pthread_create"}[kind], line=kind)


def rounds(work, tools, count):
    runs = {tool: [] for tool in tools}
    for i in range(count):
        for tool in (tools if i % 2 else tools[::-1]):
            runs[tool].append(bench.Run(work, pinned(work.argv), tool))
    return {tool: [r for r in list_ if r.good] for tool, list_ in runs.items()}


def us(runs, pick, what="ns"):
    return pick([getattr(r, what) / r.count / 1000 for r in runs])


def table(work, tools, count):
    runs = rounds(work, tools, count)
    bare = us(runs[None], min)
    library = runs[tools[1]]
    yield f"## {work.name}: `{' '.join([os.path.basename(work.argv[0]), *work.argv[1:]])}`, {count} rounds\n"
    yield "| tool | least, µs | median | × untraced | CPU, least | median | adds, µs |\n|---|---|---|---|---|---|---|"
    for tool, good in runs.items():
        if not good:
            yield f"| {tool.name} | fails | | | | | |"
            continue
        least = us(good, min)
        adds = f"{least - bare:.1f}" if tool else ""
        if isinstance(tool, Ebpf) and library:
            adds += f"; over the library {least - us(library, min):.1f}, of CPU {us(good, min, 'cpu_ns') - us(library, min, 'cpu_ns'):.1f}"
        yield (f"| {tool.name if tool else 'untraced'} | {least:.1f} | {us(good, statistics.median):.1f} | {least / bare:.2f} | "
               f"{us(good, min, 'cpu_ns'):.1f} | {us(good, statistics.median, 'cpu_ns'):.1f} | {adds} |")


def long_run(build, tool, count):
    work = storm(build, "fork", count)
    with tempfile.TemporaryDirectory(prefix="forktrace-bench-") as out:
        run = subprocess.Popen(tool.prefix(work, out) + pinned(work.argv), stdout=subprocess.PIPE, text=True)
        tracer = Tracer(run)
        tracer.start()
        ns = int(run.communicate()[0].split()[-1])
        tracer.join()
        kept = tool.recorded(work, out)
    yield f"## a long storm: {count} forks in {ns / 1e9:.1f} s\n"
    yield (f"forktrace-ebpf: {tracer.cpu:.2f} s of CPU, {100 * tracer.cpu / (ns / 1e9):.0f} % of one core, {tracer.cpu / count * 1e6:.1f} µs"
           f" a fork; {tracer.wakeups / (ns / 1e9):.0f} wakeups a second; {kept} of {count} forks recorded\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", default="build")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--long", type=int, default=20000)
    options = parser.parse_args()
    build = os.path.abspath(options.build)
    ebpf = Ebpf(build)
    if ebpf.missing():
        print(f"forktrace-ebpf: {ebpf.missing()}")
        return
    everyone = bench.Ours(build), ebpf, Bpftrace("bpftrace"), Strace("strace")
    tools = [None] + [t for t in everyone if not t.missing()]
    for work in storm(build, "fork", 500), storm(build, "thread", 1000):
        for line in table(work, tools, options.rounds):
            print(line, flush=True)
        for tool in everyone:
            if tool.missing():
                print(f"| {tool.name} | {tool.missing()} | | | | | |")
        print()
    for line in long_run(build, ebpf, options.long):
        print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())

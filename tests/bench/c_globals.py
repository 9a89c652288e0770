#!/usr/bin/python3
"""c_globals.py: what watching a C global costs: a store to it, and the start of the program; and what it costs at the
end of a forked process that those nobody watched are compared.

    c_globals.py [--build build] [--rounds 7] [--stores 3000000] [--no-peers]

Each round runs the program bare, with forktrace, and under each peer that is installed, one after the other; of each the
least is told (a busy machine only ever adds), of forktrace's stores also the CPU time, by the clock of the process, in
the program and in the kernel; of the peers how many times ours that is. Peers that stop the program at each store get
fewer of them. Start: CPU and wall time of a program that only says its version, with a global of it watched, above the
same with nothing watched. Ends: CPU time and page faults of a child, above those without comparison; of debuggers, how
long the process stands still. Nothing here passes or fails: a loaded machine is no bug.
"""
import argparse
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time


def symbol(program, name):
    for line in subprocess.run(["nm", program], capture_output=True, text=True, check=True).stdout.splitlines():
        parts = line.split()
        if len(parts) == 3 and parts[2] == name:
            return int(parts[0], 16)
    raise SystemExit(f"c_globals.py: {program} has no {name}")


def store_instruction(program):
    """Offset into write_all of what follows the store to hot: there its value can be read."""
    text = subprocess.run(["objdump", "-d", "--no-show-raw-insn", program], capture_output=True, text=True, check=True).stdout
    inside = seen = False
    start = symbol(program, "write_all")
    for line in text.splitlines():
        inside = inside and bool(line) or "<write_all>:" in line
        found = re.match(r"\s+([0-9a-f]+):", line)
        if inside and found and seen:
            return int(found[1], 16) - start
        seen = inside and "<hot>" in line and "mov" in line
    return None


OURS = "**forktrace -w hot**"


class Way:
    """A way to run the program; `few`: how many stores it gets of those the others do."""

    def __init__(self, name, says, prefix=(), environment=None, few=1.0, why=None, program=None):
        self.name, self.says, self.prefix, self.environment, self.few = name, says, list(prefix), environment or {}, few
        self.why = why  # it is left out
        self.program = program
        self.least = {}

    def run(self, program, stores, threads, out):
        count, program = max(1000, int(stores * self.few)), self.program or program
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C", **{k: v.replace("OUT", out) for k, v in self.environment.items()}}
        command = [word.replace("OUT", out).replace("COMMAND", f"{program} {count} {threads}") for word in self.prefix]
        if not any("COMMAND" in word for word in self.prefix):
            command += [program, str(count), str(threads)]
        try:
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
        except subprocess.TimeoutExpired:
            self.why = "took longer than 120 s"
            return
        found = re.search(r"store ([\d.]+) user ([\d.]+) system ([\d.]+)", done.stdout)
        if not found:
            self.why = f"failed: {(done.stderr or done.stdout).strip().splitlines()[-1:]}"
            return
        clock, user, system = (float(n) for n in found.groups())
        for what, value in (("clock", clock), ("cpu", user + system), ("user", user), ("system", system)):
            self.least[what] = min(self.least.get(what, value), value)


def ways(build, program, peers):
    library = os.path.join(build, "libforktrace.so")
    ours = {"LD_PRELOAD": library, "FORKTRACE_OUT": "OUT/t.ftrace"}
    yield Way("bare", "")
    yield Way("forktrace, nothing watched", "", environment=ours)
    yield Way(OURS, "value, line, time, thread; exact", environment={**ours, "FORKTRACE_WATCH": "hot"})
    yield Way("forktrace -w hw:hot", "the same, whoever stores", environment={**ours, "FORKTRACE_WATCH": "hw:hot"}, few=0.003)
    if not peers:
        return
    root = os.geteuid() == 0
    perf = shutil.which("perf") and root
    address = 0x555555554000 + symbol(program, "hot")  # setarch -R: where the kernel puts it then
    yield Way("perf record -e mem:", "address, time, thread; no value", few=0.005, why=None if perf else "needs perf, as root",
              prefix=["setarch", "-R", "perf", "record", "-q", "-e", f"mem:{address:#x}/8:w:u", "-c", "1", "-o", "OUT/perf.data"])
    after, nameless = store_instruction(program), program + ".stripped"
    if root:  # bpftrace refuses a place inside a function it knows
        subprocess.run(["strip", "-o", nameless, program], check=True)
    yield Way("kernel uprobe (bpftrace)", "counts a thread, nothing else", few=0.005,
              why=None if root and shutil.which("bpftrace") and after is not None else "needs bpftrace, as root", program=nameless,
              prefix=["unshare", "-m", "sh", "-c", "mount -t debugfs none /sys/kernel/debug 2>/dev/null; mount -t tracefs none "
                      "/sys/kernel/debug/tracing 2>/dev/null; exec bpftrace --unsafe -q -e \"$1\" -c \"$2\"", "sh",
                      f"uprobe:{nameless}:{hex(symbol(program, 'write_all') + (after or 0))} {{ @[tid] = count(); }}", "COMMAND"])
    version = re.search(r"v(\d+)\.(\d+)", subprocess.run(["uftrace", "--version"], capture_output=True, text=True, check=False).stdout) \
        if shutil.which("uftrace") else None
    new = version and (int(version[1]), int(version[2])) >= (0, 17)
    yield Way("uftrace -W var:hot, rebuilt with -pg", "at function boundaries only",
              why=None if new else "needs uftrace 0.17 or later: 0.13 watches the processor's number only",
              prefix=["uftrace", "record", "--no-pager", "-W", "var:hot", "-d", "OUT/data"])


def stores(options, program, threads):
    all_ways = list(ways(options.build, program, not options.no_peers and threads == 1))
    for _ in range(options.rounds):
        for way in all_ways:
            if way.why:
                continue
            with tempfile.TemporaryDirectory(prefix="forktrace-bench-") as out:
                way.run(program, options.stores, threads, out)
    bare = all_ways[0].least
    ours = next((w.least["cpu"] - bare["cpu"] for w in all_ways if w.name == OURS and not w.why), 0)
    yield f"## a watched store, {threads} thread{'s' * (threads > 1)}: ns\n"
    yield "| way | added, CPU | × ours | in the program | in the kernel | added, by the clock | what it tells |"
    yield "|---|---|---|---|---|---|---|"
    for way in all_ways:
        if way.why:
            yield f"| {way.name} | – | | | | | {way.why} |"
        else:
            added = {what: way.least[what] - (bare[what] if way is not all_ways[0] else 0) for what in way.least}
            times = f"{added['cpu'] / ours:.0f}" if ours > 0 and way.few < 1 else ""
            yield (f"| {way.name} | {added['cpu']:.1f} | {times} | {added['user']:.1f} | {added['system']:.1f} | {added['clock']:.1f} | {way.says} |")
    yield ""


# What only says its version: a large program and small ones; its size is told.
STARTS = [("cc1", ["/usr/lib/gcc/x86_64-linux-gnu/12/cc1", "--version"], "line_table", "≤ 100 ms"),
          ("gdb", ["/usr/bin/gdb", "--version"], "0x0/8", ""),
          ("redis-server", ["/usr/bin/redis-server", "--version"], "server", "≤ 50 ms"),
          ("postgres", ["postgres", "--version"], "MyProcPid", ""),
          ("uwsgi", ["/usr/bin/uwsgi", "--version"], "uwsgi", ""),
          ("nginx", ["/usr/sbin/nginx", "-v"], "ngx_pid", ""),
          ("python3.11", ["/usr/bin/python3.11", "-S", "-c", ""], "_PyRuntime", "")]


def start(argv, program, environment):
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run(argv, executable=program, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    wall, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1e3 * wall, 1e3 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def starts(options):
    yield "## start of a program with a watch\n"
    yield "| start of | size | watched | added, by the clock | added, CPU | target |"
    yield "|---|---|---|---|---|---|"
    for name, argv, watch, target in STARTS:
        found = argv[0] if os.path.isabs(argv[0]) else shutil.which(argv[0]) or next(
            (p for v in range(20, 10, -1) if os.path.exists(p := f"/usr/lib/postgresql/{v}/bin/{argv[0]}")), "")
        if name == "redis-server" and not os.path.exists(found):
            found = "/usr/bin/redis-check-rdb"  # the same file: it goes by its name
        if not os.path.exists(found):
            yield f"| {name} | not installed here | {watch} | | | {target} |"
            continue
        least = {}
        for _ in range(options.rounds):
            for which in ("", "nothing.so:x", watch):
                with tempfile.TemporaryDirectory(prefix="forktrace-bench-") as out:
                    environment = {"PATH": os.environ["PATH"], "LD_PRELOAD": os.path.join(options.build, "libforktrace.so"),
                                   "FORKTRACE_OUT": out + "/t.ftrace"}
                    if which:
                        environment["FORKTRACE_WATCH"] = which
                    wall, cpu = start(argv, found, environment)
                old = least.get(which, (wall, cpu))
                least[which] = (min(wall, old[0]), min(cpu, old[1]))
        size = os.path.getsize(os.path.realpath(found)) / 1e6
        yield (f"| {name} | {size:.1f} MB | {watch} | {least[watch][0] - least[''][0]:.1f} ms | "
               f"{least[watch][1] - least[''][1]:.1f} ms | {target} |")
    yield ""


def child(program, globals_, library=None, mode=None):
    """CPU time of a child in us, and its page faults: the least of 60."""
    with tempfile.TemporaryDirectory(prefix="forktrace-bench-") as out:
        environment = {"PATH": os.environ["PATH"], **({"LD_PRELOAD": library, "FORKTRACE_OUT": out + "/t.ftrace",
                                                       "FORKTRACE_C": mode} if library else {})}
        said = subprocess.run([program, str(globals_), "60"], env=environment, capture_output=True, text=True, check=True).stdout
    return tuple(int(word) for word in re.findall(r"\d+", said))


def stopped(program, globals_, argv):
    """How long a debugger takes to read the same from one child, in us; or why that is not known."""
    if not shutil.which(argv[0]):
        return "not installed here"
    with tempfile.TemporaryDirectory(prefix="forktrace-bench-") as out:
        with subprocess.Popen([program, str(globals_), "1", out], stdout=subprocess.DEVNULL) as running:
            while not os.path.exists(out + "/pid"):
                time.sleep(0.01)
            with open(out + "/pid", encoding="ascii") as file:
                pid = file.read()
            began = time.monotonic()
            done = subprocess.run([word.replace("PID", pid).replace("OUT", out) for word in argv], capture_output=True, check=False)
            took = time.monotonic() - began
            with open(out + "/go", "w", encoding="ascii"):
                pass
            running.wait()
        return "fails" if done.returncode else f"{1e6 * took:.0f}"


def ends(options):
    program, library = os.path.join(options.build, "tests/bench/discovery"), os.path.join(options.build, "libforktrace.so")
    yield "## comparing at the end of a child\n"
    yield "| end of a child whose parent wrote so many globals, us | CPU of a bare child | **added by comparing** | page faults | gdb -batch | gcore |"
    yield "|---|---|---|---|---|---|"
    for globals_ in (10, 1000, 50000):
        least = {}
        for _ in range(options.rounds):
            for name, arguments in (("bare", ()), ("off", (library, "off")), ("ends", (library, "ends"))):
                seen = child(program, globals_, *arguments)
                least[name] = [min(pair) for pair in zip(seen, least.get(name, seen))]
        peers = [stopped(program, globals_, argv) if not options.no_peers else "–" for argv in (
            ["gdb", "-batch", "-nx", "-p", "PID", "-ex", "set max-value-size unlimited", "-ex", "set print elements 0", "-ex",
             f"output *(long(*)[{globals_}])&v0"],
            ["gcore", "-o", "OUT/core", "PID"])]
        yield (f"| {globals_} | {least['bare'][0]} | {least['ends'][0] - least['off'][0]} | {least['ends'][1] - least['off'][1]} | "
               + " | ".join(peers) + " |")
    yield ""


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default="build")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--stores", type=int, default=3000000)
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--only", choices=["stores", "starts", "ends"])
    options = parser.parse_args()
    options.build = os.path.abspath(options.build)
    if os.uname().machine != "x86_64":
        print("c_globals.py: stores are patched on x86-64 only: nothing to measure here")
        return 0
    program = os.path.join(options.build, "tests/bench/stores")
    tables = {"stores": (stores(options, program, 1), stores(options, program, 2)), "starts": (starts(options),), "ends": (ends(options),)}
    for name, some in tables.items():
        for table in some if options.only in (None, name) else ():
            for line in table:
                print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

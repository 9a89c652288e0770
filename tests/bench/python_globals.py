#!/usr/bin/python3
"""python_globals.py: what the library adds to a binding of a Python global, and to any other store into a dict, next to
the untraced run and next to peers that see such a binding too.

    python_globals.py [--build build] [--pairs 9] [--no-peers] [PYTHON...]

A pair is one run without and one with a tool, back to back, in changing order, on one core; each says the least of many
short loops in ns a store (a busy machine only ever adds). What forktrace adds to a binding is told against the same code
on a dict that is no module's, in turns in the same process: two processes differ by more than that, by where their memory
lies. What it adds to such a dict is told by the pairs. Figures are medians, with the quartiles and the least. Peers follow PyDict_SetItem, which binds a global, in a copy of
the interpreter: a probe in the file itself would slow all its other users. Nothing here passes or fails.
"""
import argparse
import glob
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import types

LENGTH = 500
BUDGETS = {"summary": 15, "watched": 20, "other dict": 2}
i = 0


# --- what is measured: `python_globals.py --measure SECONDS`

def bind():
    global i
    for _ in range(LENGTH):
        i += 1


PLAIN = types.FunctionType(bind.__code__, {"i": 0, "LENGTH": LENGTH, "range": range})  # those are no module's globals


def store():
    d = {"a": 0}
    for _ in range(LENGTH):
        d["a"] = 1


def empty():
    for _ in range(LENGTH):
        pass


def measure(seconds):
    """The least of each, in turns."""
    clock, loops = time.perf_counter_ns, {"empty": empty, "global": bind, "plain": PLAIN, "dict": store}
    best, end = dict.fromkeys(loops, float("inf")), clock() + int(seconds * 1e9)
    while clock() < end:
        globals()["i"] = PLAIN.__globals__["i"] = 1  # so that it stays as short as most ints are
        for name, loop in loops.items():
            start = clock()
            loop()
            best[name] = min(best[name], clock() - start)
    for name in list(loops)[1:]:
        print(f"{name} {(best[name] - best['empty']) / LENGTH:.2f}")


# --- with and without a tool

SUMMARY, WATCHED = "forktrace, summary (default)", "forktrace, each write (-w)"


def command(python, out):
    return [python, os.path.abspath(__file__), "--measure", "0.2"], {"PATH": os.environ["PATH"], "LC_ALL": "C"}


def forktrace(build, watch):
    def run(python, out):
        argv, environment = command(python, out)
        environment |= {"LD_PRELOAD": os.path.join(build, "libforktrace.so"), "FORKTRACE_OUT": out + "/t.ftrace"}
        return argv, environment | ({"FORKTRACE_WATCH": "py:python_globals.i"} if watch else {})
    return run


def object_of(python):
    """Where its PyDict_SetItem is: a libpython, or the program itself."""
    text = subprocess.run(["ldd", os.path.realpath(python)], capture_output=True, text=True, check=False).stdout
    found = re.search(r"libpython\S+ => (\S+)", text)
    return os.path.realpath(found[1] if found else python)


def copied(python, out):
    """A copy of the interpreter, and of its libpython: (command, environment, the file with PyDict_SetItem)."""
    argv, environment = command(python, out)
    program, library = os.path.realpath(python), object_of(python)
    prefix = subprocess.run([python, "-c", "import sys; print(sys.base_prefix)"], capture_output=True, text=True, check=True)
    for path in {program, library}:
        shutil.copy(path, out)
    environment |= {"PYTHONHOME": prefix.stdout.strip(), "LD_LIBRARY_PATH": out}
    return [os.path.join(out, os.path.basename(program)), *argv[1:]], environment, os.path.join(out, os.path.basename(library))


def bpftrace(python, out):
    argv, environment, file = copied(python, out)
    return ["bpftrace", "-q", "-o", out + "/log", "-e", f"uprobe:{file}:PyDict_SetItem {{ @[tid] = count(); }}",
            "-c", " ".join(argv)], environment


def uftrace(python, out):
    argv, environment, _ = copied(python, out)
    return ["uftrace", "record", "--no-pager", "--no-event", "--force", "-d", out + "/data", "-P", "PyDict_SetItem", *argv], environment


def run(tool, python):
    """{"global": ns, "dict": ns}, or why not."""
    with tempfile.TemporaryDirectory(prefix="forktrace-bench-") as out:
        argv, environment = tool(python, out)
        os.sched_setaffinity(0, {max(ALL)})
        try:
            done = subprocess.run(argv, env=environment, capture_output=True, text=True, errors="replace", check=False,
                                  timeout=60, stdin=subprocess.DEVNULL)
        except subprocess.TimeoutExpired:
            return "hangs"
        finally:
            os.sched_setaffinity(0, ALL)
        found = dict(re.findall(r"^(\w+) (-?[\d.]+)$", done.stdout, re.M))
        if len(found) < 3:
            return "fails: " + ((done.stderr.strip() or "says nothing").splitlines()[-1])[:100]
        if tool is uftrace and not re.search(r"PyDict_SetItem", subprocess.run(
                ["uftrace", "report", "--no-pager", "-d", out + "/data"], capture_output=True, text=True, check=False).stdout):
            return "sees none"
        return {name: float(value) for name, value in found.items()}


ALL = os.sched_getaffinity(0)


def missing(tool):
    """Why a peer cannot be run here, or None."""
    if tool in (bpftrace, uftrace) and not shutil.which(tool.__name__):
        return "not installed here"
    return "needs root" if tool is bpftrace and os.geteuid() else None


def pairs(tool, python, count):
    done = []
    for n in range(count):
        order = [tool, command] if n % 2 else [command, tool]
        runs = {which: run(which, python) for which in order}
        if not isinstance(runs[tool], dict) or not isinstance(runs[command], dict):
            return next(r for r in runs.values() if not isinstance(r, dict))
        done.append((runs[command], runs[tool]))
    return done


def figure(values, budget):
    low, middle, high = statistics.quantiles(values, n=4) if len(values) > 1 else values * 3
    text = f"{middle:+.1f} ns ({low:+.1f} … {high:+.1f}; least {min(values):+.1f})"
    return text + (f" | budget {budget}: {'reached' if middle <= budget else 'missed'}" if budget else " | ")


def table(python, options):
    version = subprocess.run([python, "-c", "import platform; print(platform.python_version())"], capture_output=True, text=True,
                             check=True).stdout.strip()
    plain = run(command, python)
    out = [f"## binding a Python global, CPython {version} ({python})", "",
           f"untraced: {plain['global']:.1f} ns an `i += 1`, {plain['dict']:.1f} ns a store into another dict" if isinstance(plain, dict)
           else plain, "", "| tool | added to `i += 1`, median (quartiles) | | ratio |", "|---|---|---|---|"]
    rows = [(SUMMARY, forktrace(options.build, False), BUDGETS["summary"]), (WATCHED, forktrace(options.build, True), BUDGETS["watched"])]
    if not options.no_peers:
        rows += [("bpftrace, a uprobe that counts", bpftrace, None), ("uftrace -P", uftrace, None)]
    others = []
    for name, tool, budget in rows:
        if why := missing(tool):
            out.append(f"| {name} | {why} | | |")
            continue
        done = pairs(tool, python, options.pairs if budget else 3)
        if isinstance(done, str):
            out.append(f"| {name} | {done} | | |")
            continue
        ratio = statistics.median(b["global"] / a["global"] for a, b in done)
        out.append(f"| {name} | {figure([b['global'] - (b['plain'] if budget else a['global']) for a, b in done], budget)} | {ratio:.2f} |")
        others += done if budget else []
        print(f"  {version}: {out[-1]}", file=sys.stderr, flush=True)
    if others:
        out.append(f"| forktrace, a store into another dict | {figure([b['dict'] - a['dict'] for a, b in others], BUDGETS['other dict'])} | |")
    return out + [""]


def pythons():
    yield "/usr/bin/python3"
    for minor in range(12, 15):
        name = shutil.which(f"python3.{minor}")
        own = sorted(glob.glob(os.path.expanduser(f"~/.pyenv/versions/3.{minor}.*/bin/python3")))
        if (name and "shims" not in name) or own:
            yield own[-1] if own else name


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", default="build")
    parser.add_argument("--pairs", type=int, default=9)
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--measure", type=float, help=argparse.SUPPRESS)
    parser.add_argument("python", nargs="*")
    options = parser.parse_args()
    if options.measure:
        return measure(options.measure)
    options.build = os.path.abspath(options.build)
    for python in options.python or pythons():
        print("\n".join(table(python, options)), flush=True)
    return None


if __name__ == "__main__":
    main()

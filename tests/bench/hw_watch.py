#!/usr/bin/python3
"""hw_watch.py: what a store to a global costs that the processor watches, next to `perf record -e mem:`, which tells no value.

    hw_watch.py [--build build] [--runs 9]

Runs of the tools take turns; a figure is the least over all runs of the least of many rounds (a busy machine only ever
adds). Nothing here passes or fails.
"""
import argparse
import os
import re
import shutil
import subprocess
import tempfile

WRITES = 20000
OURS, PERF = "**forktrace -w hw:** (SIGTRAP, with value)", "perf record -e mem: (no value)"


def address(program):
    for line in subprocess.run(["nm", program], capture_output=True, text=True, check=True).stdout.splitlines():
        if line.endswith(" watched"):
            return "0x" + line.split()[0].lstrip("0")
    raise SystemExit("no symbol `watched`")


def run(argv, place):
    try:
        done = subprocess.run(argv, cwd=place, capture_output=True, text=True, check=False, timeout=60)
    except subprocess.TimeoutExpired:
        return None
    found = re.search(r"write ([0-9.]+)", done.stdout)
    return float(found[1]) if found else None


def writes_in(forktrace, trace):
    lines = subprocess.run([forktrace, "export", "--format", "ndjson", trace], capture_output=True, text=True, check=True).stdout
    return lines.count('"type":"write"')


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--build", default="build")
    parser.add_argument("--runs", type=int, default=9)
    options = parser.parse_args()
    build = os.path.abspath(options.build)
    forktrace = os.path.join(build, "forktrace")
    static, dynamic = (os.path.join(build, "tests/bench", name) for name in ("hw_watch_static", "hw_watch"))
    where = address(dynamic)
    best, counts = {}, {}
    with tempfile.TemporaryDirectory() as place:
        trace = os.path.join(place, "t.ftrace")
        tools = {
            "untraced": ([dynamic, str(WRITES), "0"], None),
            OURS: ([forktrace, "record", "-o", trace, "-w", "hw:watched", "--", dynamic, str(WRITES), "0"], None),
            "**forktrace --ebpf** (BPF, with value)":
                ([forktrace, "record", "--ebpf", "-o", trace, "-w", "watched", "--", static, str(WRITES), "1"],
                 "needs root" if os.geteuid() else None if os.path.exists(forktrace + "-ebpf") else "not built"),
            PERF: (["perf", "record", "-q", "-c", "1", "-o", os.path.join(place, "perf.data"), "-e", f"mem:{where}/8:wu",
                    dynamic, str(WRITES), "0"], None if shutil.which("perf") else "not installed here"),
        }
        for _ in range(options.runs):
            for name, (argv, missing) in tools.items():
                if missing:
                    continue
                if os.path.exists(trace):
                    os.unlink(trace)
                ns = run(argv, place)
                if ns is not None:
                    best[name] = min(ns, best.get(name, ns))
                if os.path.exists(trace):
                    counts[name] = min(writes_in(forktrace, trace), counts.get(name, WRITES))
    print("## a store that the processor watches\n\n| a store to a watched global | ns | × perf's | recorded |\n|---|---|---|---|")
    for name, (_, missing) in tools.items():
        if name not in best:
            print(f"| {name} | {missing or 'fails'} | | |")
            continue
        times = f"{best[name] / best[PERF]:.2f}" if PERF in best and name != "untraced" else ""
        recorded = f"{counts[name]} of {WRITES}" if name in counts else ""
        print(f"| {name} | {best[name]:.0f} | {times} | {recorded} |")
    print()


if __name__ == "__main__":
    main()

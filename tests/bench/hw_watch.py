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


def address(program):
    for line in subprocess.run(["nm", program], capture_output=True, text=True, check=True).stdout.splitlines():
        if line.endswith(" watched"):
            return "0x" + line.split()[0].lstrip("0")
    raise SystemExit("no symbol `watched`")


def run(argv, place):
    done = subprocess.run(argv, cwd=place, capture_output=True, text=True, check=False)
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
            "untraced": [dynamic, str(WRITES), "0"],
            "hw: (SIGTRAP, with value)": [forktrace, "record", "-o", trace, "-w", "hw:watched", "--", dynamic, str(WRITES), "0"],
        }
        if shutil.which("perf"):
            tools["perf record -e mem: (no value)"] = ["perf", "record", "-q", "-c", "1", "-o", os.path.join(place, "perf.data"),
                                                       "-e", f"mem:{where}/8:wu", dynamic, str(WRITES), "0"]
        if not os.geteuid() and os.path.exists(os.path.join(build, "forktrace-ebpf")):
            tools["--ebpf (BPF, with value)"] = [forktrace, "record", "--ebpf", "-o", trace, "-w", "watched", "--", static,
                                                 str(WRITES), "1"]
        for _ in range(options.runs):
            for name, argv in tools.items():
                if os.path.exists(trace):
                    os.unlink(trace)
                ns = run(argv, place)
                if ns is not None:
                    best[name] = min(ns, best.get(name, ns))
                if os.path.exists(trace):
                    counts[name] = min(writes_in(forktrace, trace), counts.get(name, WRITES))
    print(f"{'a store to a watched global':34} {'ns':>8}   recorded")
    for name, ns in best.items():
        said = f"{counts[name]} of {WRITES}" if name in counts else ""
        print(f"{name:34} {ns:8.0f}   {said}")
    perf = best.get("perf record -e mem: (no value)")
    for name in list(best) if perf else []:
        if "with value" in name:
            print(f"{name}: {best[name] / perf:.2f} of perf's")


if __name__ == "__main__":
    main()

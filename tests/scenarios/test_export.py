"""Exports for other programs are well formed, whatever the traced programs call their things."""
import collections
import json
import re
import shutil
import subprocess
import xml.etree.ElementTree as xml
from pathlib import Path

from harness import PYTHON, forktrace, scenario

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
SVG = "{http://www.w3.org/2000/svg}"
ALLOWED = {"svg", "rect", "style", "defs", "pattern", "path", "marker", "text", "circle", "g"}


def traces(check):
    server = check.server(PYTHON, "hostile_names.py", '"><script>', "\x1b]0;\x07</title>")
    server.wait()
    return [(server.trace_path, True)] + [(path, False) for path in sorted(GOLDEN.glob("*.ftrace"))]


def export(path, format_):
    done = forktrace("export", path, "--format", format_)
    if done.returncode:
        raise ChildProcessError(f"export --format {format_}: {done.returncode}: {done.stderr}")
    return done.stdout


@scenario("export: svg is well formed, self-contained and complete")
def svg(check):
    for path, hostile in traces(check):
        text = export(path, "svg")
        root = xml.fromstring(text)
        check.equal(f"{path.name}: elements", {e.tag.removeprefix(SVG) for e in root.iter()} - ALLOWED, set())
        check.true(f"{path.name}: no control character", not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202e]", text))
        check.true(f"{path.name}: no reference but into itself", not re.search(r"(href|url\((?!#)|@import)", text))
        trace = json.loads(export(path, "json"))
        words = [t.text or "" for t in root.iter(f"{SVG}text")]
        ghosts = sum(len(p["ghosts"]) for p in trace["processes"])
        check.equal(f"{path.name}: a lane a ghost", len([w for w in words if w.startswith("† ")]), ghosts)
        pids = {str(p["pid"]) for p in trace["processes"]}
        check.equal(f"{path.name}: a lane a process", pids - set(words), set())
        for x in trace["findings"]:
            start = x["title"][:60].replace(" ", "")  # a line may end anywhere
            check.true(f"{path.name}: {x['rule']} is told", start in "".join(words).replace(" ", ""), start)
        if shutil.which("rsvg-convert"):
            drawn = subprocess.run(["rsvg-convert"], input=text.encode(), capture_output=True)
            check.true(f"{path.name}: it can be drawn", drawn.returncode == 0 and drawn.stdout.startswith(b"\x89PNG"), drawn.stderr)


def births(trace):
    """The numbers of the arrows from who made a process or a thread: that of the event, and one."""
    return {e["i"] + 1 for e in trace["events"] if e["type"] in ("fork", "thread-create") and e["child"]}


def signals(trace):
    return {e["i"] + 1 for e in trace["events"] if e["type"] == "kill" and e["taken"] is not None}


def waits(trace):
    return {e["i"] + 1 for e in trace["events"] if e["type"] == "lock-wait"}


@scenario("export: chrome's trace events fit together")
def chrome(check):
    for path, _ in traces(check):
        events = json.loads(export(path, "chrome"))["traceEvents"]
        trace = json.loads(export(path, "json"))
        named = [e for e in events if e["ph"] == "M"]
        ghosts = sum(len(p["ghosts"]) for p in trace["processes"])
        check.equal(f"{path.name}: names", len(named), len(trace["processes"]) + len(trace["threads"]) + ghosts)
        flows = collections.Counter((e["id"], e["ph"]) for e in events if e["ph"] in "sf")
        starts, ends = ({id_ for id_, phase in flows if phase == which} for which in "sf")
        check.true(f"{path.name}: each arrow has two ends", starts == ends and set(flows.values()) <= {1}, flows)
        check.equal(f"{path.name}: arrows", starts - waits(trace), births(trace) | signals(trace))
        lanes = collections.defaultdict(list)
        for e in events:
            if e["ph"] == "X":
                lanes[e["pid"], e["tid"]].append((e["ts"], e["ts"] + e["dur"]))
        check.true(f"{path.name}: slices have no negative length", all(a <= b for lane in lanes.values() for a, b in lane))


@scenario("export: mermaid is a chart of births")
def mermaid(check):
    word = r'"[^"\\\[\]{}|`]*"'
    line = re.compile(rf'  (p\d+\[{word}\]|t\d+\(\[{word}\]\)|p\d+ -->(\|[a-z_]+\|)? [pt]\d+|p\d+ -\.- g\d+_\d+\[/{word}/\])')
    for path, _ in traces(check):
        lines = export(path, "mermaid").splitlines()
        check.equal(f"{path.name}: begins", lines[0], "flowchart LR")
        check.equal(f"{path.name}: lines", [text for text in lines[1:] if not line.fullmatch(text)], [])
        check.true(f"{path.name}: arrows", any("-->" in text for text in lines))


@scenario("export: formats that are not there are refused")
def refused(check):
    for name in ("nonsense", "JSON", ""):
        done = forktrace("export", GOLDEN / "uwsgi.ftrace", "--format", name)
        check.equal(name, (done.returncode, done.stdout, "this version" in done.stderr), (2, "", True))

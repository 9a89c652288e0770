"""`export --format perfetto` says what the JSON timeline says: every process, thread, ghost, event, arrow, value and
finding, at the same nanosecond."""
import re
import tempfile
from pathlib import Path

from harness import Trace, forktrace, scenario
from perfetto_trace import COUNTER, INSTANT, PerfettoTrace
from test_export import births, signals, traces, waits

UNTOLD = ("thread-start", "thread-end")  # a slice begins and ends there


def perfetto(check, path):
    with tempfile.TemporaryDirectory() as directory:
        out = Path(directory) / "out.pftrace"
        done = forktrace("export", path, "--format", "perfetto", "-o", out)
        check.equal(f"{path.name}: exported", (done.returncode, done.stderr), (0, ""))
        return PerfettoTrace(out.read_bytes())


def plain(value):
    """What would act on who reads it stands as \\uXXXX, as in the JSON's text."""
    if not isinstance(value, str):
        return value
    value = re.sub(r"\\u([0-9a-f]{4})", lambda m: chr(int(m[1], 16)), value)
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def tracks(check, name, got, trace):
    pids = {p["id"]: p["pid"] for p in trace["processes"]}
    processes = [t["process"] for t in got.tracks.values() if "process" in t]
    check.equal(f"{name}: processes", sorted((p["pid"], p["start"] - got.clocks[3]) for p in processes),
                sorted((p["pid"], p["start_ns"]) for p in trace["processes"] if p["pid"]))
    threads = [t["thread"] for t in got.tracks.values() if "thread" in t]
    numbered = [t for t in trace["threads"] if t["tid"] and pids[t["process"]]]
    check.equal(f"{name}: threads", sorted((t["pid"], t["tid"]) for t in threads),
                sorted((pids[t["process"]], t["tid"]) for t in numbered))
    ghosts = sum(len(p["ghosts"]) for p in trace["processes"])
    named = [t["name"] for t in got.tracks.values() if "description" in t]
    check.true(f"{name}: ghosts are said to be", len(named) == ghosts and all(n.startswith("† ") for n in named), named)
    check.true(f"{name}: each is described once", len(set(got.described)) == len(got.described))
    check.true(f"{name}: a process before what is in it", all(got.described.index(t["parent"]) < got.described.index(t["uuid"])
                                                              for t in got.tracks.values() if "parent" in t))
    check.true(f"{name}: what happens is on tracks there are", {e["track"] for e in got.events} <= set(got.tracks))


def different(mark, event):
    """The fields of an event that its annotations do not have as the JSON has them."""
    fields = {k: v for k, v in event.items() if isinstance(v, (str, int)) and k not in ("ns", "type")}
    return {k: (v, mark.get(k)) for k, v in fields.items() if plain(mark.get(k)) != plain(v) or type(mark[k]) is not type(v)}


def events(check, name, got, trace):
    marks = {e["args"]["i"]: e for e in got.events if "i" in e["args"]}
    expected = {e["i"]: e for e in trace["events"] if e["type"] not in UNTOLD}
    check.equal(f"{name}: events", {i: (e["ns"], e["category"]) for i, e in marks.items()},
                {i: (e["ns"], e["type"]) for i, e in expected.items()})
    check.equal(f"{name}: what is known of them",
                {i: d for i, e in expected.items() if (d := different(marks[i]["args"], e))}, {})
    check.equal(f"{name}: stacks", [i for i, e in expected.items() if len(marks[i]["args"].get("stack", [])) != len(e["stack"])], [])
    findings = [e for e in got.events if "fingerprint" in e["args"]]
    check.equal(f"{name}: findings", sorted((e["ns"], *[e["args"][k] for k in ("rule", "severity", "title", "explanation", "fix")])
                                            for e in findings if e["type"] == INSTANT),
                sorted((x["ns"], *[x[k] for k in ("rule", "severity", "title", "explanation", "fix")]) for x in trace["findings"]))


def lives(check, name, got, trace):
    slices = got.slices()  # in pairs, or it complains
    check.true(f"{name}: none is shorter than nothing", all(begin <= end for _, _, begin, end in slices))
    first = {}
    for track, _, begin, end in slices:  # the life of a lane is around all the others
        low, high = first.get(track, (begin, end))
        first[track] = (min(low, begin), max(high, end))
    wrong = []
    for number, t in enumerate(trace["threads"]):
        p = next(p for p in trace["processes"] if p["id"] == t["process"])
        begin, end = first[1 + len(trace["processes"]) + number]
        main = t["tid"] == p["pid"]
        start = p["start_ns"] if main else t["start_ns"]
        ends = [x for x in (p["end_ns"], None if main else t["end_ns"]) if x is not None]
        if begin != start or (ends and end != max(start, min(ends))):
            wrong.append((t["id"], (begin, end), start, ends))
    check.equal(f"{name}: lives", wrong, [])


def arrows(check, name, got, trace):
    ends = {}
    for e in got.events:
        for flow in e["flows"]:
            ends.setdefault(flow, []).append(e)
    check.equal(f"{name}: arrows", set(ends) - waits(trace), births(trace) | signals(trace))
    check.equal(f"{name}: with two ends", {len(e) for e in ends.values()} - {2}, set())
    for number in births(trace):
        event = trace["events"][number - 1]
        first, second = ends[number]
        check.equal(f"{name}: from event {number - 1} to whom it made", (first["args"]["i"], second["args"]["id"]),
                    (number - 1, event["child"]))
    for number in signals(trace):
        kinds = sorted(e["category"] for e in ends[number])
        check.equal(f"{name}: from kill {number - 1} to who took it", kinds, ["kill", "signal"])
    owners = {e["i"] + 1 for e in trace["events"] if e["type"] == "lock-wait" and e["owner"] not in (None, e["thread"])}
    check.true(f"{name}: from who waits to the owner", owners <= set(ends), owners - set(ends))


def values(check, name, got, trace):
    last, tracked = {}, {t["uuid"]: t for t in got.tracks.values() if "counter" in t}
    for e in got.events:
        if e["type"] == COUNTER:
            last[e["track"]] = e["counter"]
    check.true(f"{name}: numbers are on tracks of numbers", set(last) <= set(tracked))
    copies = [(g["name"], c) for g in trace["globals"] for c in g["copies"] if g["diverged"] and not g["discovered"]]
    numbers = [(g, c["process"], int(c["last_value"])) for g, c in copies if re.fullmatch(r"-?\d{1,18}", c["last_value"] or "")]
    process = {1 + i: p["id"] for i, p in enumerate(trace["processes"])}
    shown = {(t["name"], process[t["parent"]]): last.get(uuid) for uuid, t in tracked.items()}
    check.equal(f"{name}: last values", {(g, p): shown.get((g, p)) for g, p, _ in numbers}, {(g, p): v for g, p, v in numbers})


@scenario("export: a trace of Perfetto says what the timeline says")
def whole(check):
    seen = set()
    for path, _ in traces(check):
        got, trace = perfetto(check, path), Trace(path).json
        check.equal(f"{path.name}: one writer, whose clock is told", (got.sequences, got.flags[0], set(got.flags[1:]), got.clock),
                    ({1}, 1, {2}, (3, 3)))
        check.equal(f"{path.name}: time of day", got.clocks[1], trace["clock"]["realtime_offset_ns"])
        for part in (tracks, events, lives, arrows, values):
            part(check, path.name, got, trace)
        seen |= {k for k, v in (("ghosts", any(p["ghosts"] for p in trace["processes"])), ("signals", signals(trace)),
                                ("waits", waits(trace)), ("findings", trace["findings"]), ("births", births(trace))) if v}
    check.equal("all of it was there", seen, {"ghosts", "signals", "waits", "findings", "births"})

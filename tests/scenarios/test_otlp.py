"""`export --format otlp` is what a collector takes, by the protocol's definition, and says what the JSON timeline says."""
import json
import re
from collections import Counter

from harness import PYTHON, Trace, scenario
from test_export import export, traces
from test_perfetto import UNTOLD, plain

HEX16, HEX8, DECIMAL = (re.compile(p).fullmatch for p in ("[0-9a-f]{32}", "[0-9a-f]{16}", r"-?(0|[1-9]\d{0,18})"))
MANY = "import signal\nfor i in range(2000): signal.signal(signal.SIGUSR1, (signal.SIG_IGN, signal.SIG_DFL)[i % 2])"


def text(value):
    value.encode("utf-8")  # a lone surrogate is an error
    return isinstance(value, str)


def any_value(value):
    (kind, what), = value.items()
    return {"stringValue": lambda: text(what), "boolValue": lambda: isinstance(what, bool),
            "intValue": lambda: bool(DECIMAL(what)) and -2**63 <= int(what) < 2**63,
            "doubleValue": lambda: isinstance(what, (int, float)),
            "arrayValue": lambda: set(what) == {"values"} and all(map(any_value, what["values"]))}[kind]()


ATTRIBUTES = [{"key": text, "value": any_value}]
LINK = {"traceId": HEX16, "spanId": HEX8, "attributes": ATTRIBUTES}
EVENT = {"timeUnixNano": DECIMAL, "name": text, "attributes": ATTRIBUTES}
SPAN = {"traceId": HEX16, "spanId": HEX8, "parentSpanId": HEX8, "name": text, "kind": lambda kind: kind == 1,
        "startTimeUnixNano": DECIMAL, "endTimeUnixNano": DECIMAL, "attributes": ATTRIBUTES, "links": [LINK],
        "events": [EVENT], "status": {"code": lambda code: code == 2, "message": text}}
REQUEST = {"resourceSpans": [{"resource": {"attributes": ATTRIBUTES},
                              "scopeSpans": [{"scope": {"name": text, "version": text}, "spans": [SPAN]}]}]}


def wrong(value, form, where="request"):
    """What is not as the messages of opentelemetry-proto are in JSON; [] all is."""
    if isinstance(form, list):
        return [w for i, item in enumerate(value) for w in wrong(item, form[0], f"{where}[{i}]")]
    if isinstance(form, dict):
        return [w for key, item in value.items() for w in (wrong(item, form[key], f"{where}.{key}") if key in form
                                                           else [f"{where}.{key} does not exist"])]
    return [] if form(value) else [f"{where}: {value!r}"]


def attributes(thing):
    def value(v):
        (kind, what), = v.items()
        return int(what) if kind == "intValue" else [value(i) for i in what["values"]] if kind == "arrayValue" else what
    return {a["key"]: value(a["value"]) for a in thing.get("attributes", [])}


class Spans:
    def __init__(self, check, path):
        self.name, self.trace = path.name, Trace(path).json
        lines = export(path, "otlp").splitlines()
        check.true(f"{path.name}: again the same", export(path, "otlp").splitlines() == lines)
        self.requests = [json.loads(line) for line in lines]
        self.longest = max(map(len, lines))
        check.equal(f"{path.name}: by the protocol", [w for r in self.requests for w in wrong(r, REQUEST)], [])
        self.pids, self.spans, self.origin = {}, {}, self.trace["clock"]["realtime_offset_ns"]
        for r in self.requests:
            for resource in r["resourceSpans"]:
                known = attributes(resource["resource"])
                self.pids.setdefault(known["service.instance.id"].split("/")[1], known.get("process.pid"))
                for span in resource["scopeSpans"][0]["spans"]:
                    check.true(f"{path.name}: span {span['spanId']} twice", False) if span["spanId"] in self.spans else None
                    self.spans[span["spanId"]] = span
        self.known = {id_: attributes(s) for id_, s in self.spans.items()}
        self.of = {a["forktrace.id"]: id_ for id_, a in self.known.items() if "forktrace.id" in a}
        for p in self.trace["processes"]:  # the main thread's span is that of its process
            for t in self.trace["threads"]:
                if t["process"] == p["id"] and t["id"] not in self.of:
                    self.of[t["id"]] = self.of[p["id"]]

    def time(self, span, which):
        return int(span[f"{which}TimeUnixNano"]) - self.origin


def lives(check, s):
    check.equal(f"{s.name}: a resource a process", s.pids, {p["id"]: p["pid"] for p in s.trace["processes"]})
    check.equal(f"{s.name}: one trace: the run", {x["traceId"] for x in s.spans.values()}, {s.trace["run_id"]})
    check.equal(f"{s.name}: parents that do not exist", {x["parentSpanId"] for x in s.spans.values() if "parentSpanId" in x} - set(s.spans), set())
    found = {p["id"]: (s.time(s.spans[s.of[p["id"]]], "start"), s.spans[s.of[p["id"]]].get("parentSpanId")) for p in s.trace["processes"]}
    check.equal(f"{s.name}: processes", found, {p["id"]: (p["start_ns"], s.of.get(p["created_by"] or p["parent"])) for p in s.trace["processes"]})
    ends = {x["id"]: s.time(s.spans[s.of[x["id"]]], "end") for x in s.trace["processes"] if x["end_ns"] is not None}
    check.equal(f"{s.name}: their ends", ends, {x["id"]: x["end_ns"] for x in s.trace["processes"] if x["end_ns"] is not None})
    others = [t for t in s.trace["threads"] if s.of[t["id"]] != s.of[t["process"]]]
    found = {t["id"]: (s.time(s.spans[s.of[t["id"]]], "start"), s.spans[s.of[t["id"]]]["parentSpanId"]) for t in others}
    check.equal(f"{s.name}: threads", found, {t["id"]: (t["start_ns"], s.of[t["created_by"] or t["process"]]) for t in others})
    images = Counter(x["parentSpanId"] for i, x in s.spans.items() if "process.command_args" in s.known[i])
    check.equal(f"{s.name}: images", images, Counter({s.of[p["id"]]: len(p["images"]) for p in s.trace["processes"]}))


def events(check, s):
    """Each is an event of its thread's span, or of one that follows it, or, if it lasts, a span in that."""
    found = {}
    for id_, span in s.spans.items():
        check.true(f"{s.name}: {id_}: at most 128 events", len(span["events"]) <= 128) if len(span["events"]) > 128 else None
        own = id_ if "forktrace.id" in s.known[id_] else span.get("parentSpanId")
        for e in span["events"]:
            known = attributes(e)
            if "forktrace.i" in known:
                found[known["forktrace.i"]] = (own, int(e["timeUnixNano"]) - s.origin, e["name"], known)
        if "forktrace.i" in s.known[id_]:
            kind = span["name"].split(" ")[0].rstrip(":")
            found[s.known[id_]["forktrace.i"]] = (span["parentSpanId"], s.time(span, "start"), kind, s.known[id_])
    expected = {e["i"]: e for e in s.trace["events"] if e["type"] not in UNTOLD}
    check.equal(f"{s.name}: events", {i: f[:3] for i, f in found.items()},
                {i: (s.of[e["thread"] or e["process"]], e["ns"], e["type"]) for i, e in expected.items()})
    different = [(i, k) for i, e in expected.items() for k, v in e.items() if isinstance(v, (str, int)) and k not in ("ns", "type")
                 and plain(found[i][3].get(f"forktrace.{k}")) != plain(v)]
    check.equal(f"{s.name}: what is known of them", different, [])
    waits = {e["i"]: e["ns"] + e["waited_ns"] for e in expected.values() if e["type"] == "lock-wait" and e["waited_ns"] > 0}
    ends = {a["forktrace.i"]: s.time(s.spans[i], "end") for i, a in s.known.items() if a.get("forktrace.i") in waits}
    check.equal(f"{s.name}: waits last", ends, waits)


def links(check, s):
    for p in s.trace["processes"]:
        got = Counter((attributes(link)["forktrace.link"], link["spanId"]) for link in s.spans[s.of[p["id"]]].get("links", []))
        expected = Counter(("lost-at-fork", s.of[g["thread"]]) for g in p["ghosts"])
        expected += Counter([(p["origin"], s.of[p["created_by"] or p["parent"]])] if p["created_by"] or p["parent"] else [])
        check.equal(f"{s.name}: links of {p['id']}", got, expected)
    owners = {e["i"]: s.of[e["owner"]] for e in s.trace["events"]
              if e["type"] == "lock-wait" and e["waited_ns"] > 0 and e["owner"] not in (None, e["thread"])}
    got = {a["forktrace.i"]: s.spans[i]["links"][0]["spanId"] for i, a in s.known.items() if a.get("forktrace.i") in owners}
    check.equal(f"{s.name}: who waits for whom", got, owners)


def findings(check, s):
    got = Counter()
    for id_, span in s.spans.items():
        own = s.known[id_].get("forktrace.id") or s.known[span["parentSpanId"]].get("forktrace.id")
        for e in span["events"]:
            if e["name"] == "finding":
                a = attributes(e)
                got[own, a["forktrace.rule"], a["level"], a["message"], a["forktrace.explanation"], a["forktrace.fix"]] += 1
    check.equal(f"{s.name}: findings", got, Counter((p, x["rule"], x["severity"], x["title"], x["explanation"], x["fix"])
                                                    for x in s.trace["findings"] for p in x["processes"] or ["p0"]))
    touched = {i for x in s.trace["findings"] if x["severity"] == "error" for i in x["processes"] + x["threads"]}
    main = {t["id"] for t in s.trace["threads"] if s.of[t["id"]] == s.of[t["process"]]}
    errors = {s.known[i]["forktrace.id"] for i, span in s.spans.items() if span["status"]}
    check.equal(f"{s.name}: what an error touches", errors, touched - main)


@scenario("export: requests for an OpenTelemetry collector say what the timeline says")
def whole(check):
    for path, _ in traces(check):
        s = Spans(check, path)
        check.equal(f"{path.name}: one request", len(s.requests), 1)
        for part in (lives, events, links, findings):
            part(check, s)


@scenario("export: what is too long for one span, or one request, goes on in the next")
def long(check):
    server = check.server(PYTHON, "-c", MANY)
    server.wait()
    s = Spans(check, server.trace_path)
    check.true("several requests", len(s.requests) > 1, len(s.requests))
    check.true("none is much longer than a mebibyte", s.longest < 2 << 20, s.longest)
    check.true("many spans follow that of the process", len([x for x in s.spans.values() if x["name"].endswith(": more events")]) > 10)
    for part in (lives, events, links, findings):
        part(check, s)

"""What no hook sees: containers changed in place, names bound by the back door; found by looking."""
import signal

from harness import PYTHON, scenario, wait_until
from pythons import found
from test_uwsgi import UWSGI

SCRIPT = """
import os, sys, time
grown, shrunk, same, back = [], {1: 1}, {"hits": 0}, 1
api_key, db_password = "abc", "def"
class Thing: pass
thing = Thing()
children = []
def child():
    grown.append(1)
    del shrunk[1]
    same["hits"] += 1
    globals().pop("back")
    globals().setdefault("back", 2)
    globals().setdefault("fresh", "hello")
    thing.x = 1
    thing.y = "".join(["a", "b"])
    time.sleep(0.1)
def main():
    for k in range(2):
        pid = os.fork()
        if not pid:
            if k == 0: child()
            time.sleep(0.1)
            os._exit(0)
        children.append(pid)
    for pid in children: os.waitpid(pid, 0)
main()
"""


def globals_of(trace):
    return {g["name"].rpartition(".")[2]: g for g in trace.json["globals"]}


def lasts(trace, name, *processes):
    copies = {c["process"]: c for c in globals_of(trace)[name]["copies"]}
    return [copies[p["id"]]["last_value"] if p["id"] in copies else None for p in processes]


def changes(trace, name, process):
    return [(e["old"], e["value"]) for e in trace.events("change", process, **{"global": globals_of(trace)[name]["id"]})]


def findings(trace, rule="global-diverged"):
    names = {g["id"]: g["name"].rpartition(".")[2] for g in trace.json["globals"]}
    return {names[f["globals"][0]]: f for f in trace.json["findings"] if f["rule"] == rule}


@scenario("python containers: a script's children")
def script(check):
    server = check.server(PYTHON, "-c", SCRIPT)
    check.equal("exit status", server.wait(), 0)
    trace = server.trace()
    root, (one, two) = trace.root, trace.children(trace.root)
    check.equal("a list that grew", lasts(trace, "grown", root, one, two), ["list of 0", "list of 1", "list of 0"])
    check.equal("its change", changes(trace, "grown", one), [("list of 0", "list of 1")])
    check.equal("a dict that shrank", changes(trace, "shrunk", one), [("dict of 1", "dict of 0")])
    check.equal("as long as before", changes(trace, "same", one), [("dict of 1", "dict of 1")])
    check.equal("bound by pop() and setdefault()", changes(trace, "back", one), [("1", "2")])
    check.equal("a new name by setdefault()", changes(trace, "fresh", one), [("unset", "'hello'")])
    check.equal("changes in the other child", trace.events("change", two), [])
    check.equal("went apart", sorted(n for n, g in globals_of(trace).items() if g["diverged"]),
                ["back", "children", "grown", "same", "shrunk"])
    found = findings(trace)
    check.equal("findings: not the parent's list of its children", sorted(found), ["back", "grown", "same", "shrunk"])
    check.true("in words", "grew from 0 to 1 items in" in found["grown"]["title"], found["grown"]["title"])
    check.true("in words, as long as before", "was changed in place in" in found["same"]["title"],
               found["same"]["title"])
    copy = next(c for c in globals_of(trace)["grown"]["copies"] if c["process"] == one["id"])
    check.equal("changes, writes of the copy", (copy["changes"], copy["writes"]), (1, 0))
    check.equal("secrets that nobody touched", [e for name in ("api_key", "db_password") for e in
                                                trace.events("change", **{"global": globals_of(trace)[name]["id"]})], [])
    check.equal("lost records", trace.lost(), 0)


def serve(check, *options):
    server = check.server(*UWSGI, "containers.py", "--workers", "2", *options).ready(2)
    worker = min(int(pid) for pid in server.workers())
    wait_until("a request to one worker", lambda: server.get(f"/hit/{worker}") == "yes")
    server.stop(signal.SIGINT)
    trace = server.trace()
    first = trace.process(worker)
    return trace, first, next(w for w in trace.children(trace.root) if w is not first)


@scenario("python containers: uwsgi prefork")
def prefork(check):
    trace, first, second = serve(check)
    found = findings(trace)
    for name in ("jobs", "recent"):
        master, *old = lasts(trace, name, trace.root, first, second)
        length = lambda text: int(text.split()[-1])
        check.true(f"{name} grew in the master", length(master) > length(old[0]), (master, old))
        check.equal(f"{name}: in both workers as at the fork", [length(o) < 5 for o in old], [True, True])
        check.equal(f"{name}: changes in the workers",
                    changes(trace, name, first) + changes(trace, name, second), [])
        check.equal(f"{name}: a warning", found[name]["severity"], "warning")
        check.true(f"{name}: in words", " items in uwsgi master but still has " in found[name]["title"],
                   found[name]["title"])
    check.equal("a cache in each worker: a note", found["cache"]["severity"], "note")
    check.equal("a counter in a dict, in one worker", [c["changes"] > 0 for c in globals_of(trace)["stats"]["copies"]
                                                       if c["process"] in (first["id"], second["id"])],
                [c["process"] == first["id"] for c in globals_of(trace)["stats"]["copies"]
                 if c["process"] in (first["id"], second["id"])])
    check.equal("bound by the back door in libpython", changes(trace, "n", first), [("1", "99")])
    check.equal("what did not go apart", {name: globals_of(trace)[name]["diverged"] for name in ("still", "app", "log")},
                {"still": False, "app": False, "log": False})
    check.equal("lost records", trace.lost(), 0)


@scenario("python containers: uwsgi --lazy-apps")
def lazy(check):
    trace, first, second = serve(check, "--lazy-apps")
    check.equal("nothing went apart", [g["name"] for g in trace.json["globals"] if g["diverged"] and g["language"] == "python"], [])
    check.equal("findings", sorted(findings(trace)), [])
    check.true("each its own", all(c["changes"] for c in globals_of(trace)["jobs"]["copies"]))


MOMENTS = """
import ctypes, os, signal, time
grown = []
def killed():
    for _ in range(20):
        grown.append(1)
        time.sleep(0.05)
    os.kill(os.getpid(), signal.SIGKILL)
def left():
    grown.extend([5, 6])
    os._exit(0)
def main():
    for fork, child in ((os.fork, killed), (ctypes.CDLL(None).fork, left)):
        pid = fork()
        if not pid: child()
        os.waitpid(pid, 0)
    grown.append("end")
main()
"""


@scenario("python containers: the moments they are looked at")
def moments(check):
    """Between two events, when the GIL is given away; in the child of a fork without the GIL; at the end."""
    newer = [path for version, path in sorted(found().items(), key=str) if (3, 12) <= version <= (3, 14) and len(version) == 2]
    for python in [PYTHON] + newer:
        name = "Debian's" if python is PYTHON else python.rpartition("/")[2]
        server = check.server(python, "-c", MOMENTS)
        check.equal(f"{name}: exit status", server.wait(30), 0)
        trace = server.trace()
        root, (one, two) = trace.root, trace.children(trace.root)
        at = int(lasts(trace, "grown", one)[0].split()[-1])
        check.true(f"{name}: killed: not long before", 1 < at <= 20, at)
        check.equal(f"{name}: in the parent, at its end; forked without the GIL", lasts(trace, "grown", root, two),
                    ["list of 1", "list of 2"])
        check.equal(f"{name}: nothing left out", [p["coverage_reason"] for p in trace.processes], [None] * 3)


LARGE = """
import os
small = {"hits": 0}
for n in range(200):
    globals()[f"large_{n}"] = {f"key {n} {k}": f"value {n} {k} " * 9 for k in range(63)}
late, password_file = [], {"password": "a"}
def main():
    for _ in range(2):
        pid = os.fork()
        if not pid:
            small["hits"] += 1
            late.append(1)
            password_file["password"] = "b"
            os._exit(0)
        os.waitpid(pid, 0)
main()
"""


@scenario("python containers: more in them than is looked at")
def large(check):
    server = check.server(PYTHON, "-c", LARGE)
    check.equal("exit status", server.wait(60), 0)
    trace = server.trace()
    names = {g["id"]: g["name"].rpartition(".")[2] for g in trace.json["globals"]}
    changed = sorted((names[e["global"]], e["process"]) for e in trace.events("change"))
    one, two = (p["id"] for p in trace.children(trace.root))
    check.equal("changes: of the first by what it holds, of all by their length", changed,
                [("late", one), ("late", two), ("small", one), ("small", two)])
    check.equal("lost records", trace.lost(), 0)
    check.true("no text of theirs in the trace", b"value 1 1" not in server.trace_path.read_bytes()[:1 << 22])

"""gevent and eventlet without a server: greenlets that a fork copies, and what watching them must not change."""
import os
import signal
import subprocess
import time

from harness import PYTHON, Skip, forktrace, scenario
from pythons import found


def need(library):
    if subprocess.run([PYTHON, "-c", f"import {library}"], capture_output=True).returncode:
        raise Skip(f"python3-{library} is not installed")


def greenlets(trace, process):
    return {t["python_name"] or t["start_routine"]["python"].split()[0]: t for t in trace.threads
            if t["process"] == process["id"] and t["kind"] == "greenlet" and not t["hub"]}


def survivors(trace):
    return sorted(x["title"].split("`")[1] for x in trace.json["findings"] if x["rule"] == "greenlet-survives-fork")


def fork(check, library, when):
    need(library)
    server = check.server(PYTHON, "green_fork.py", env={"LIBRARY": library, "WHEN": when})
    check.equal("exit status", server.wait(60), 0)
    trace = server.trace()
    parent, (child,) = trace.root, trace.children(trace.root)
    check.equal("lost records", trace.lost(), 0)
    check.equal("threads created", len(trace.events("thread-create")), 0)
    return trace, greenlets(trace, parent), greenlets(trace, child), server.output().split("\n")


def survives(check, library):
    trace, ours, copies, output = fork(check, library, "before the fork")
    check.true("the greenlets go on in both", sum(line.startswith(("parent True", "child True")) for line in output) == 2, output)
    check.equal("greenlets of the parent", sorted(ours), ["job", "loop"])
    check.equal("greenlets of the child, and whose copies", {n: t["copy_of"] for n, t in copies.items()},
                {n: t["id"] for n, t in ours.items()})
    check.equal("those that survived", survivors(trace), ["job", "loop"])
    return trace, ours, output


@scenario("gevent: greenlets survive os.fork")
def gevent_fork(check):
    trace, ours, output = survives(check, "gevent")
    spawned = [f["function"] for f in ours["loop"]["created_at"] if f["file"].endswith("/green_fork.py")]
    check.equal("where loop was spawned", spawned[:1], ["start"])
    check.true("threading says what the finding says", "child True _DummyThread" in output, output)
    told = next(x for x in trace.json["findings"] if "`job`" in x["title"])
    check.true("_DummyThread is explained", "_DummyThread" in told["explanation"], told)


@scenario("eventlet: greenlets survive os.fork")
def eventlet_fork(check):
    survives(check, "eventlet")


def healthy(check, library):
    trace, ours, own, output = fork(check, library, "after the fork")
    check.true("the child's own run", any(line.startswith("child True") for line in output), output)
    check.equal("greenlets of the parent", ours, {})
    check.equal("greenlets of the child, and whose copies", {n: t["copy_of"] for n, t in own.items()},
                {"job": None, "loop": None})
    check.equal("findings", [x["title"] for x in trace.json["findings"] if x["severity"] != "note"], [])


@scenario("gevent: greenlets spawned after the fork")
def gevent_healthy(check):
    healthy(check, "gevent")


@scenario("eventlet: greenlets spawned after the fork")
def eventlet_healthy(check):
    healthy(check, "eventlet")


@scenario("gevent behaves the same")
def behaviour(check):
    need("gevent")
    plain = subprocess.run([PYTHON, "green_behaviour.py"], capture_output=True, text=True, timeout=60,
                           cwd=check.server(PYTHON, "-c", "pass").directory)
    server = check.server(PYTHON, "green_behaviour.py")
    check.equal("exit status", server.wait(60), plain.returncode)
    check.equal("output", server.output(), plain.stdout + plain.stderr)
    check.equal("it said something", len(plain.stdout.splitlines()), 10)


# --- who keeps the thread ------------------------------------------------------------------------------


def starve(check, library, **env):
    need(library)
    server = check.server(PYTHON, "green_starve.py",
                          env={"LIBRARY": library, "FORKTRACE_GREENLETS": "switches", **env})
    return server


def starved(trace):
    return [x["title"].split(" kept ")[0] for x in trace.json["findings"] if x["rule"] == "greenlet-starved"]


def kept(check, library):
    server = starve(check, library)
    check.equal("exit status", server.wait(60), 0)
    check.true("it did starve the others", "ticker had no turns" in server.output(), server.output())
    trace = server.trace()
    check.equal("who kept the thread", starved(trace), ["the greenlet `job`"])
    run = max(trace.events("greenlet-run"), key=lambda e: e["ran_ns"])
    check.between("for so long", 1.3e9, run["ran_ns"], 5e9)
    check.true("at least one had to wait", run["others"] >= 1, run)
    where = [f for f in run["stack"] if f["file"].endswith("/green_starve.py")][:1]
    check.equal("it gave way in", [f["function"] for f in where], ["report"])
    check.equal("it", trace.thread(run["greenlet"])["start_routine"]["python"].split()[0], "job")


def fair(check, library):
    server = starve(check, library, FAIR="1")
    check.equal("exit status", server.wait(60), 0)
    check.true("it did let the others run", "ticker had turns" in server.output(), server.output())
    check.equal("findings", [x["title"] for x in server.trace().json["findings"] if x["severity"] != "note"], [])


@scenario("gevent: a greenlet keeps the thread")
def gevent_kept(check):
    kept(check, "gevent")


@scenario("eventlet: a greenlet keeps the thread")
def eventlet_kept(check):
    kept(check, "eventlet")


@scenario("gevent: greenlets take turns")
def gevent_fair(check):
    fair(check, "gevent")


@scenario("eventlet: greenlets take turns")
def eventlet_fair(check):
    fair(check, "eventlet")


@scenario("gevent: a greenlet that never gives way, killed")
def gevent_forever(check):
    need("gevent")
    server = check.server("sh", "-c", f"{PYTHON} green_starve.py; true",  # whose shell saw it end
                          env={"LIBRARY": "gevent", "FAIR": "1", "FOREVER": "1", "FORKTRACE_GREENLETS": "switches"})
    server.says("forever")
    time.sleep(2.5)  # more than the second after which it is told
    (child,) = set(server.processes()) - {server.pid}
    os.kill(child, signal.SIGKILL)
    server.wait()
    trace = server.trace()
    check.equal("who kept the thread", starved(trace), ["the greenlet `forever`"])
    run = max(trace.events("greenlet-run"), key=lambda e: e["ran_ns"])
    check.equal("to the end", run["ended"], False)


@scenario("gevent behaves the same with switches recorded")
def behaviour_switches(check):
    need("gevent")
    server = check.server(PYTHON, "green_behaviour.py", env={"FORKTRACE_GREENLETS": "switches"})
    plain = subprocess.run([PYTHON, "green_behaviour.py"], capture_output=True, text=True, timeout=60,
                           cwd=server.directory)
    check.equal("exit status", server.wait(60), plain.returncode)
    shown = "<built-in function forktrace>"  # to gettrace() alone
    check.equal("output", server.output().replace(f" {shown}", " None"), plain.stdout)
    check.true("our trace function was there", shown in server.output())
    notes = [e for e in server.trace().events("note")]
    check.true("that the program's own replaced it is noted", any("settrace" in str(e) for e in notes), notes)


# --- without gevent ----------------------------------------------------------------------------------

DEPTHS = """
import os, threading, greenlet
def leave(depth):
    if depth: return leave(depth - 1)
    while True:
        pid = os.fork()
        if not pid: os._exit(0)
        os.waitpid(pid, 0)
        t = threading.Thread(target=len, args=("",)); t.start(); t.join()
        greenlet.getcurrent().parent.switch()
def enter(depth, all):
    if depth: return enter(depth - 1, all)
    for g in all: g.switch()
all = [greenlet.greenlet(lambda n=n: leave(n)) for n in (1, 9, 30)]
for depth in (40, 0, 20): enter(depth, all)
"""


@scenario("greenlets: a C stack ends where a greenlet's does")
def bottom(check):
    """What lies further out is whatever the thread's own stack holds by then."""
    need("greenlet")
    server = check.server(PYTHON, "-c", DEPTHS)
    check.equal("exit status", server.wait(60), 0)
    trace = server.trace()
    made = trace.events("fork") + trace.events("thread-create")
    check.equal("forks, threads", len(made), 18)
    outermost = [[f for f in e["stack"] if f["language"] == "c"][-1] for e in made]
    check.equal("stacks that go on beyond it", [f for f in outermost if "/_greenlet." not in f["object"]], [])
    check.equal("Python's end there too", {[f["function"] for f in e["stack"] if f["language"] == "python"][-1] for e in made},
                {"<listcomp>.<lambda>"})


@scenario("greenlets: of a kind that is not known")
def strange(check):
    code = ("import os, sys, types\nsys.modules['greenlet'] = types.ModuleType('greenlet')\n"
            "sys.modules['greenlet']._C_API = 'no capsule'\nos.waitpid(os.fork() or os._exit(0), 0)\n")
    for name, python in [("Debian's", PYTHON)] + [(f"{v[0]}.{v[1]}", p) for v, p in sorted(found().items(), key=str)
                                                  if (3, 12) <= v <= (3, 14) and len(v) == 2]:
        server = check.server(python, "-c", code)
        check.equal(f"{name}: exit status", server.wait(30), 0)
        trace, text = server.trace(), forktrace("report", server.trace_path).stdout
        said = "not of a greenlet or CPython that we can read"
        check.true(f"{name}: the reason", said in (trace.root["coverage_reason"] or ""), trace.root["coverage_reason"])
        check.true(f"{name}: in the report", said in text, text)

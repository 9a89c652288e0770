"""Python's globals: every way to bind one, in both binaries; what Python believes of lost threads."""
import signal
import time
from concurrent.futures import ThreadPoolExecutor

from harness import PYTHON, forktrace, scenario
from test_uwsgi import UWSGI

FORMS = {"n": ("7", 23), "gone": ("unset", 2),  "none": ("None", 1), "truth": ("True", 1), "real": ("2.5", 1), "whole": (str(-(2**62)), 1),
         "large": (str(2**70), 1), "huge": ("an integer of 9001 bits", 1), "text": ("'a'b'", 1),
         "row": ("list of 3", 1), "pair": ("tuple of 2", 1), "table": ("dict of 1", 1), "kinds": ("set of 2", 1),
         "wide": ("'h\u00e9\u20ac\U0001f600'", 1),
         "api_key": ("***", 1), "db_password": ("***", 1), "monkey": ("1", 1), "threads": ("list of 3", 1)}


def copies(trace, process, module):
    """What the globals of a module are in a process: {name: (last value, writes)}."""
    return {g["name"].rpartition(".")[2]: (c["last_value"], c["writes"]) for g in trace.json["globals"]
            for c in g["copies"] if c["process"] == process["id"] and g["name"].startswith(module + ".")}


def writes(trace, name):
    """Each write to a watched global, in order, teardown left out."""
    ids = {g["id"] for g in trace.json["globals"] if g["name"] == name}
    return [e for e in trace.events("write") if e["global"] in ids]


def check_forms(check, server, rounds=100000):
    trace = server.trace()
    got = copies(trace, trace.root, "forms")
    for name, expected in {**FORMS, "count": (str(3 * rounds), 3 * rounds + 1)}.items():
        check.equal(f"{name}: its value, bindings", got.get(name), expected)
    check.true("a long text is shortened", len(got["long_text"][0]) < 100, got["long_text"])
    check.true("what was never bound is not there", "never" not in got)
    check.equal("a global bound by another module", copies(trace, trace.root, "forms_other").get("attribute"),
                ("10", 4))
    check.equal("events of the watched global", len(writes(trace, "forms.count")), 3 * rounds + 1)
    check.equal("lost records", trace.lost(), 0)


@scenario("python forms of binding")
def forms(check):
    server = check.server(PYTHON, "forms.py", env={"FORKTRACE_WATCH": "py:forms.count"})
    check.equal("exit status", server.wait(30), 0)
    check_forms(check, server)


@scenario("python forms of binding, libpython in uwsgi")
def forms_uwsgi(check):
    server = check.server("/usr/bin/uwsgi", "--plugin", "python3", "--http-socket", "127.0.0.1:PORT", "--enable-threads",
                          "--callable", "app", "--wsgi-file", "forms.py", env={"FORKTRACE_WATCH": "py:forms.count"}).ready()
    server.stop(signal.SIGINT)
    check_forms(check, server)


@scenario("python globals off, names only")
def less(check):
    for mode, names in (("off", False), ("names", True)):
        server = check.server(PYTHON, "forms.py", env={"FORKTRACE_PYTHON": mode, "FORKTRACE_WAIT_MS": "5000"})
        server.wait(30)
        trace = server.trace()
        check.equal(f"{mode}: globals", trace.json["globals"], [])
        check.equal(f"{mode}: threads with Python's name", sum(bool(t["python_name"]) for t in trace.threads), 3 * names)
        said = f"left out, as a setting asks: FORKTRACE_PYTHON={mode}: Python's "
        check.true(f"{mode}: coverage", trace.root["coverage_reason"].startswith(said), trace.root)
        check.equal(f"{mode}: what is left out on purpose is no loss", (trace.root["coverage"], trace.json["complete"]), ("full", True))
        check.equal(f"{mode}: shortest wait", trace.json["wait_threshold_ms"], 5000)
        check.true(f"{mode}: report tells of shorter ones",
                   "\nWaits that took less than 5.00 s were not recorded" in forktrace("report", server.trace_path).stdout)
        for command in ("report", "ps"):
            check.true(f"{mode}: {command} says so", said in forktrace(command, server.trace_path).stdout)


@scenario("python race, each write")
def race(check):
    server = check.server(*UWSGI, "race.py", "--workers", "1", "--threads", "8",
                          env={"FORKTRACE_WATCH": "py:race.total"}).ready()
    asked = 1
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: server.get(), range(50 - asked)))
    server.stop(signal.SIGINT)
    trace = server.trace()
    worker, = trace.children(trace.root)
    mine = copies(trace, worker, "race")
    check.equal("writes in the worker", mine["total"][1], 150)
    check.equal("writes in the master", copies(trace, trace.root, "race")["total"], ("0", 1))
    events = writes(trace, "race.total")
    check.equal("events", len(events), 151)
    check.between("threads that wrote in the worker", 2, len({e["thread"] for e in events}) - 1, 8)
    check.equal("the value of the last one", events[-1]["value"], mine["total"][0])


def believed(check, *options):
    server = check.server(*UWSGI, "ticker.py", "--workers", "2", *options).ready(2)
    server.stop(signal.SIGINT)
    trace = server.trace()
    return [[(g["python_believes_alive"], g["believes_at"]) for g in w["ghosts"]]
            for w in trace.children(trace.root)]


@scenario("python believes a lost thread alive")
def beliefs(check):
    check.equal("uwsgi", believed(check), [[(True, "exit")]] * 2)
    check.equal("uwsgi --py-call-osafterfork", believed(check, "--py-call-osafterfork"), [[(False, "exit")]] * 2)


@scenario("python believes, os.fork")
def beliefs_fork(check):
    code = ("import threading, time, os\n"
            "threading.Thread(target=time.sleep, args=(0.3,)).start()\n"
            "os.waitpid(os.fork() or os._exit(0), 0)\n")
    server = check.server(PYTHON, "-c", code)
    check.equal("exit status", server.wait(), 0)
    trace = server.trace()
    check.equal("the child's ghost", [(g["python_believes_alive"], g["believes_at"])
                                      for c in trace.children(trace.root) for g in c["ghosts"]], [(False, "exit")])


@scenario("python watched counter in a uwsgi worker")
def frozen(check):
    server = check.server(*UWSGI, "ticker.py", "--workers", "2", env={"FORKTRACE_WATCH": "py:ticker.i"}).ready(2)
    time.sleep(0.3)
    server.stop(signal.SIGINT)
    trace = server.trace()
    workers = trace.children(trace.root)
    check.equal("in the workers", [copies(trace, w, "ticker")["i"] for w in workers], [("1", 0)] * 2)
    value, count = copies(trace, trace.root, "ticker")["i"]
    check.equal("in the master: one write at import, then one a tick", count, int(value) + 1)
    check.equal("it diverged", [g["diverged"] for g in trace.json["globals"] if g["name"] == "ticker.i"], [True])

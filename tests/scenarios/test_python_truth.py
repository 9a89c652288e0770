"""The Python side of it: names, lines, handlers, who wrote which global, and copies that went apart."""
import collections
import http.client
import itertools
import json
import mmap
import os
import re
import signal
import time
from concurrent.futures import ThreadPoolExecutor

from harness import PYTHON, forktrace, free_port, scenario, wait_until
from pythons import found

UWSGI = ("/usr/bin/uwsgi", "--plugin", "python3", "--http-socket", "127.0.0.1:PORT", "--master",
         "--callable", "app")
THREADED = UWSGI + ("--enable-threads", "--wsgi-file")
GUNICORN = ("/usr/bin/gunicorn", "--bind", "127.0.0.1:PORT", "--workers", "1")


def line_of(server, file, text):
    """The number of the first line of an app that has this text."""
    lines = (server.directory / file).read_text().splitlines()
    return next(n for n, line in enumerate(lines, 1) if text in line)


def python_frames(frames):
    return [(f["function"], os.path.basename(f["file"]), f["line"]) for f in frames if f["language"] == "python"]


def line_that_started(trace, thread):
    """file:line that called Thread.start()."""
    frames = python_frames(trace.thread(thread)["created_at"])
    return next(f"{file}:{line}" for _, file, line in frames if file != "threading.py")


def report(server):
    return forktrace("report", server.trace_path).stdout


def copies(trace, name):
    """(the global, its copies by process); a name nobody wrote is a failure of the scenario."""
    found = next(g for g in trace.json["globals"] if g["name"] == name)
    return found, {c["process"]: c for c in found["copies"]}


def last_writers(copy):
    return [(w["thread"], f"{os.path.basename(w['file'])}:{w['line']}") for w in copy["writers"]]


# --- uWSGI and flask: one app, four truths -----------------------------------------------------------


def prefork(check, *options, believed):
    server = check.server(*THREADED, "ticker.py", "--workers", "2", *options).ready(2)
    time.sleep(0.3)
    answer = server.get()
    server.stop(signal.SIGINT)
    start = f"ticker.py:{line_of(server, 'ticker.py', 'threading.Thread(')}"
    write = f"ticker.py:{line_of(server, 'ticker.py', 'i += 1')}"

    trace, text = server.trace(), report(server)
    master, workers = trace.root, trace.children(trace.root)
    (create,) = trace.events("thread-create")
    ticker = create["child"]
    check.equal("its name", trace.thread(ticker)["python_name"], "ticker")
    check.equal("its target", trace.thread(ticker)["start_routine"]["python"],
                f"ticker (ticker.py:{line_of(server, 'ticker.py', 'def ticker')})")
    check.equal("who started it, where", (create["process"], line_that_started(trace, ticker)), (master["id"], start))
    check.equal("the workers lost it", [trace.ghosts(w) for w in workers], [[ticker], [ticker]])
    check.equal("Python believes it alive there",
                [g["python_believes_alive"] for w in workers for g in w["ghosts"]], [believed] * 2)
    lost = re.findall(r"† ticker \(t\d+\), started at (\S+) in uwsgi master \(p0\), does not exist here", text)
    check.equal("the report says so, of each worker", lost, [start, start])
    check.equal("and whether Python lists it as alive there", text.count("Python lists it as alive"),
                2 if believed else 0)

    i, of = copies(trace, "ticker.i")
    last = of[master["id"]]
    check.equal("ticker.i diverged", i["diverged"], True)
    check.true("the master's moved on", int(last["last_value"]) > int(answer), last)
    check.equal("the master's last writer", last_writers(last), [(ticker, write)])
    check.equal("the master's writes: the import's and the ticker's", last["writes"], int(last["last_value"]) + 1)
    for worker in workers:
        copy = of[worker["id"]]
        check.equal(f"{worker['role']}: born with, now, writes, writers",
                    (copy["born_by"], copy["value_at_birth"], copy["last_value"], copy["writes"], copy["writers"]),
                    ("fork", answer, answer, 0, []))
    said = " ".join(text[:text.index("Processes and threads")].split())
    for fact in (f"the thread `ticker`, started at {start} in uwsgi master, does not exist in uwsgi worker 1 and 2",
                 f"`ticker.i` is {last['last_value']} in uwsgi master but still {answer} in uwsgi worker 1 and 2",
                 f"the last by the thread `ticker` at {write}"):
        check.true(f"the report's first lines say: {fact}", fact in said, said)
    stale = "Python lists the thread `ticker` as alive in uwsgi worker 1 and 2, where it does not exist"
    check.equal("and that Python believes it alive, if it does", stale in said, believed)
    section = text[text.index("Globals that went their own way"):].split("\n\n")[0]
    check.true("the report names both values and the last writer",
               last["last_value"] in section and f"(ticker) at {write}" in section
               and section.count("not written here") == 2, section)
    check.equal("lost records", trace.lost(), 0)


@scenario("python truth: uwsgi prefork")
def uwsgi_prefork(check):
    prefork(check, believed=True)


@scenario("python truth: uwsgi --py-call-osafterfork")
def uwsgi_osafterfork(check):
    prefork(check, "--py-call-osafterfork", believed=False)


@scenario("python truth: uwsgi prefork, watched")
def uwsgi_watched(check):
    server = check.server(*THREADED, "tally.py", "--workers", "2", env={"FORKTRACE_WATCH": "py:tally.i"}).ready(2)
    with open(server.directory / "tally", "r+b") as file:
        tally = memoryview(mmap.mmap(file.fileno(), mmap.PAGESIZE)).cast("Q")
    wait_until("100 ticks", lambda: tally[0] >= 100)
    tally[1] = 1
    wait_until("the thread to stop", lambda: tally[2])
    ticks = tally[0]
    server.stop(signal.SIGINT)

    trace = server.trace()
    master, workers = trace.root, trace.children(trace.root)
    i, of = copies(trace, "tally.i")
    writes = trace.events("write", master, **{"global": i["id"]})
    ticker = trace.events("thread-create")[0]["child"]
    check.equal("writes: the import's and those the app counted", len(writes), 1 + ticks)
    check.equal("their values", [int(w["value"]) for w in writes], list(range(ticks + 1)))
    expected = [(trace.main_thread(master)["id"], 1, line_of(server, "tally.py", "i = 0")),
                (ticker, ticks, line_of(server, "tally.py", "i += 1"))]
    check.equal("who, how often, at which line",
                [(w["thread"], w["writes"], w["line"]) for w in of[master["id"]]["writers"]], expected)
    check.equal("writes in the workers", [len(trace.events("write", w)) for w in workers], [0, 0])
    check.equal("their copies' writes", [of[w["id"]]["writes"] for w in workers], [0, 0])
    check.equal("their shutdowns, labelled", [len(trace.events("teardown", w)) for w in workers], [1, 1])
    check.equal("their copies say so", [of[w["id"]]["torn_down"] for w in workers], [True, True])
    check.true("and keep the value they had", all(of[w["id"]]["last_value"] == of[w["id"]]["value_at_birth"]
                                                  for w in workers), of)
    check.equal("lost records", trace.lost(), 0)


@scenario("python truth: uwsgi --lazy-apps")
def uwsgi_lazy(check):
    server = check.server(*THREADED, "ticker.py", "--workers", "2", "--lazy-apps").ready(2)
    time.sleep(0.3)
    server.stop(signal.SIGINT)

    trace = server.trace()
    workers = trace.children(trace.root)
    i, of = copies(trace, "ticker.i")
    check.equal("each worker has its own i", {w["id"] for w in workers}, set(of))
    check.equal("born by", [of[w["id"]]["born_by"] for w in workers], ["import", "import"])
    check.equal("diverged", i["diverged"], False)
    check.equal("nothing lost", [trace.ghosts(p) for p in trace.processes], [[], [], []])
    for worker in workers:
        (create,) = trace.events("thread-create", worker)
        check.equal(f"{worker['role']}: the last writer of its i is its own ticker",
                    [w["thread"] for w in of[worker["id"]]["writers"]], [create["child"]])
    text = report(server)
    check.equal("the report speaks of ghosts, of globals gone their own way",
                ("does not exist here" in text, "went their own way" in text), (False, False))


@scenario("python truth: flask run")
def flask_run(check):
    server = check.server(PYTHON, "-m", "flask", "--app", "ticker", "run", "--port", "PORT", "--no-reload").ready()
    first = int(server.get())
    wait_until("a growing count", lambda: int(server.get()) > first)
    server.stop(signal.SIGINT)

    trace = server.trace()
    i, of = copies(trace, "ticker.i")
    ticker = next(t for t in trace.threads if t["python_name"] == "ticker")
    check.equal("copies of i", list(of), [trace.root["id"]])
    check.equal("diverged", i["diverged"], False)
    check.equal("nothing lost", trace.root["ghosts"], [])
    check.equal("its writes: the import's and the ticker's", of["p0"]["writes"], int(of["p0"]["last_value"]) + 1)
    check.equal("its last writer", last_writers(of["p0"]),
                [(ticker["id"], f"ticker.py:{line_of(server, 'ticker.py', 'i += 1')}")])
    check.true("requests had threads of their own", sum(t["python_name"] is not None for t in trace.threads) > 2)


# --- uWSGI: a race, counted ---------------------------------------------------------------------------


def turns(check, env):
    """The writes of 50 requests from 8 threads: (events, [tid] in order, as the app counted them)."""
    server = check.server(*THREADED, "turns.py", "--workers", "1", "--threads", "8",
                          env={"FORKTRACE_WATCH": "py:turns.count", **env}).ready()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: server.get("/add"), range(50)))
    counted = json.loads(server.get("/writers"))
    server.stop(signal.SIGINT)

    trace = server.trace()
    master, (worker,) = trace.root, trace.children(trace.root)
    count, of = copies(trace, "turns.count")
    writes = trace.events("write", worker, **{"global": count["id"]})
    tids = [trace.thread(w["thread"])["tid"] for w in writes]
    check.equal("writes by the import, in the master", len(trace.events("write", master)), 1)
    check.equal("writes by the requests", (len(writes), len(counted), of[worker["id"]]["writes"]), (150, 150, 150))
    check.equal("threads that wrote", len(set(tids)), 8)
    check.equal("writes of each thread", collections.Counter(tids), collections.Counter(counted))
    check.equal("the same, summed up", {trace.thread(w["thread"])["tid"]: w["writes"]
                                        for w in of[worker["id"]]["writers"]}, dict(collections.Counter(tids)))
    check.equal("lost records", trace.lost(), 0)
    return [int(w["value"]) for w in writes], tids, counted


def changes(tids):
    return sum(a != b for a, b in itertools.pairwise(tids))


@scenario("python truth: uwsgi threads race")
def race(check):
    values, tids, _ = turns(check, {})
    check.true("writers alternate within requests", changes(tids) > 50, changes(tids))
    check.true("writes were lost", values[-1] < 150, values[-1])


@scenario("python truth: uwsgi threads with a lock")
def locked(check):
    values, tids, counted = turns(check, {"LOCK": "1"})
    check.equal("order of the writers, as the app saw it", tids, counted)
    check.equal("turns of three writes by one thread", sum(len(set(tids[n:n + 3])) == 1 for n in range(0, 150, 3)), 50)
    check.true("no more changes of the writer than turns", changes(tids) < 50, changes(tids))
    check.equal("values", values, list(range(1, 151)))


@scenario("python truth: uwsgi without --enable-threads hangs")
def gil_hang(check):
    """FACTS: a respawned worker inherits the request of a thread that is not there, and waits for it."""
    server = check.server(*UWSGI, "--wsgi-file", "ticker.py", "--workers", "1").ready()
    (first,) = [pid for pid in server.processes() if pid != server.pid]
    time.sleep(0.2)  # the ticker now wants the GIL, for ever
    os.kill(first, signal.SIGKILL)
    server.says("Respawned uWSGI worker 1")
    (second,) = wait_until("the new worker", lambda: [p for p in server.processes() if p not in (server.pid, first)])
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=1)
    try:
        connection.request("GET", "/")
        answered = bool(connection.getresponse())
    except TimeoutError:
        answered = False
    finally:
        connection.close()
    os.kill(second, signal.SIGKILL)  # its master sees it end
    server.says("Respawned uWSGI worker 1", 2)
    server.kill()

    trace, text = server.trace(), report(server)
    hung = trace.process(second)
    (wait,) = trace.events("lock-wait", hung)
    check.equal("the new worker answers", answered, False)
    check.equal("it lost the ticker", [trace.thread(t)["python_name"] for t in trace.ghosts(hung)], ["ticker"])
    check.equal("its wait ended", wait["ended"], False)
    check.true("it lasted", wait["waited_ns"] > 0.9e9, wait["waited_ns"])
    check.equal("it waits on", (wait["lock"]["kind"], wait["lock"]["symbol"].split()[0], wait["lock"]["meaning"]),
                ("cond", "_PyRuntime+0x1e0", "for another thread to take the GIL it gave up"))
    check.equal("alone in its process", wait["alone"], True)
    check.true("its Python stack", python_frames(wait["stack"])[0][:2] == ("Random.seed", "random.py"), wait["stack"][:1])
    check.true("its C stack reaches uWSGI", any(f["function"] == "uwsgi_python_post_fork" for f in wait["stack"]))
    start = f"ticker.py:{line_of(server, 'ticker.py', 'threading.Thread(')}"
    check.true("the report says that nobody can end it, and who is missing",
               re.search(r"for another thread to take the GIL it gave up: cond _PyRuntime.*\n.*\n\s+nobody in this process "
                         r"can end it: it has no other thread; lost at its fork: ticker \(t\d+\), started at "
                         + re.escape(start), text))


# --- gunicorn and the reloader ------------------------------------------------------------------------


@scenario("python truth: gunicorn handlers and shutdown")
def gunicorn(check):
    server = check.server(*GUNICORN, "--graceful-timeout", "1", "listener:app").ready()
    server.stop(signal.SIGTERM)

    trace, text = server.trace(), report(server)
    arbiter, (worker,) = trace.root, trace.children(trace.root)
    installed = lambda p: {e["signal"]: e["new"]["python"] for e in trace.events("sigaction", p) if e["new"]["python"]}
    named = lambda handlers: {s: re.sub(r":\d+\)$", "", h) for s, h in handlers.items()}
    of_arbiter = {f"SIG{s}": "Arbiter.signal (arbiter.py"
                  for s in "HUP QUIT INT TERM TTIN TTOU USR1 USR2 WINCH".split()}
    check.equal("the arbiter's handlers", named(installed(arbiter)),
                {**of_arbiter, "SIGCHLD": "Arbiter.handle_chld (arbiter.py"})
    check.equal("the worker's handlers", named(installed(worker)),
                {"SIGQUIT": "Worker.handle_quit (base.py", "SIGTERM": "Worker.handle_exit (base.py",
                 "SIGINT": "Worker.handle_quit (base.py", "SIGWINCH": "Worker.handle_winch (base.py",
                 "SIGUSR1": "Worker.handle_usr1 (base.py", "SIGABRT": "Worker.handle_abort (base.py"})
    lines = [h for p in (arbiter, worker) for h in installed(p).values()]
    check.equal("handlers without a line", [h for h in lines if not re.search(r":[1-9]\d*\)$", h)], [])
    callers = {python_frames(e["stack"])[1][0] for e in trace.events("sigaction", worker) if e["new"]["python"]}
    check.equal("who installed the worker's", callers, {"Worker.init_signals"})
    at_end = {s["signal"]: s for s in worker["signals"]}
    for name in ("SIGTTIN", "SIGTTOU"):
        check.equal(f"{name} in the worker: inherited, whose", (at_end[name]["inherited"], at_end[name]["python"]),
                    (True, installed(arbiter)[name]))
    check.true("the report says so", f"inherited from gunicorn arbiter (p0), to its end: SIGTTIN SIGTTOU → "
               f"{installed(arbiter)['SIGTTIN']}" in text)

    main = trace.main_thread(worker)["id"]
    (wait,) = [w for w in trace.events("lock-wait", worker) if w["thread"] == main]
    (create,) = trace.events("thread-create", worker)
    start = f"listener.py:{line_of(server, 'listener.py', 'threading.Thread(')}"
    check.equal("the main thread waits in, never ended", (python_frames(wait["stack"])[0][:2], wait["ended"]),
                (("_shutdown", "threading.py"), False))
    check.equal("for the thread", wait["waits_for"], [create["child"]])
    check.equal("which is", (trace.thread(create["child"])["python_name"], line_that_started(trace, create["child"])),
                ("listener", start))
    check.true("the report says so", re.search(r"for a thread to end: listener \(t\d+\), started at "
                                               + re.escape(start), text))


@scenario("python truth: gunicorn gevent")
def gevent(check):
    server = check.server(*GUNICORN, "--worker-class", "gevent", "--config", "gevent_conf.py", "--preload",
                          "ticker:app", env={"PATCH": "all"}).ready()
    time.sleep(0.5)
    server.stop(signal.SIGTERM)

    trace = server.trace()
    arbiter, (worker,) = trace.root, trace.children(trace.root)
    i, of = copies(trace, "ticker.i")
    line = f"ticker.py:{line_of(server, 'ticker.py', 'i += 1')}"
    check.equal("threads created", len(trace.events("thread-create")), 0)
    for p in (arbiter, worker):
        check.true(f"the loop wrote i in the {p['role']}", of[p["id"]]["writes"] > 2, of[p["id"]])
        check.equal(f"in the {p['role']} by its main thread", last_writers(of[p["id"]]),
                    [(trace.main_thread(p)["id"], line)])
    check.equal("diverged", i["diverged"], True)
    functions = [f for f, _, _ in python_frames(trace.events("fork")[0]["stack"])]
    check.true("who forked", "Arbiter.spawn_worker" in functions, functions)


@scenario("python truth: werkzeug reloader")
def reloader(check):
    fixed = free_port()
    server = check.server(PYTHON, "reloader.py", env={"PORT": "PORT", "FIXED_PORT": str(fixed)}).ready()
    server.says("the server thread gave up")
    server.stop(signal.SIGTERM)

    trace, text = server.trace(), report(server)
    parent, (child,) = trace.root, trace.children(trace.root)
    start = f"reloader.py:{line_of(server, 'reloader.py', 'threading.Thread(')}"
    threads = {p["id"]: [t for t in trace.threads if t["process"] == p["id"] and t["python_name"] == "server"]
               for p in (parent, child)}
    check.equal("the thread of that name: in each process, started at",
                [[line_that_started(trace, t["id"]) for t in of] for of in threads.values()], [[start], [start]])
    runs = f"serve (reloader.py:{line_of(server, 'reloader.py', 'def serve')})"
    check.equal("it runs", [t["start_routine"]["python"] for of in threads.values() for t in of], [runs, runs])
    bound, failed = trace.events("bind", port=fixed)
    check.equal("the bind that failed", (failed["process"], failed["thread"], failed["errno"]),
                (child["id"], threads[child["id"]][0]["id"], 98))
    check.equal("who holds the port", (failed["holder"], failed["held_by"]), (parent["id"], bound["i"]))
    line = line_of(server, "reloader.py", "socketserver.TCPServer(")
    for bind in (bound, failed):
        check.true("its line", ("serve", "reloader.py", line) in python_frames(bind["stack"]), bind["stack"][:3])
    check.true("the report says so", re.search(rf"127\.0\.0\.1:{fixed} \(fd \d+\): EADDRINUSE, reloader.py \(reloader\) \(p0\) had "
                                               rf"bound it at \S+ in serve \(reloader.py:{line}\)", text))


# --- waits with and without a time limit --------------------------------------------------------------


@scenario("python truth: a wait's time limit")
def limits(check):
    code = ("import threading\nlock = threading.Lock()\nlock.acquire()\n"
            "t = threading.Thread(target=lambda: lock.acquire(timeout=0.4), name='limited')\nt.start()\nt.join()\n")
    server = check.server(PYTHON, "-c", code)
    check.equal("exit status", server.wait(), 0)
    trace, text = server.trace(), report(server)
    names = {t["id"]: t["python_name"] for t in trace.threads}
    check.equal("waits: whose, timed, ended", sorted((names[e["thread"]] or "", e["timed"], e["ended"])
                for e in trace.events("lock-wait")), [("", False, True), ("limited", True, True)])
    check.equal("the report says so", [" with a time limit" in line for line in text.splitlines() if " waited " in line
                                       and "(limited)" in line], [True])


RENAMED = """
import os, threading
go = threading.Event()
def work():
    threading.current_thread().name = "worker 1"
    here.set()
    go.wait()
for _ in range(2):
    here = threading.Event()
    thread = threading.Thread(target=work, name="starting")
    thread.start()
    here.wait()
    pid = os.fork()
    if not pid:
        thread.name = "a name of the child's"
        os._exit(0)
    os.waitpid(pid, 0)
thread.name = "worker 2"
go.set()
"""


@scenario("python truth: threads that are given another name")
def renamed(check):
    for python in [PYTHON] + [p for v, p in sorted(found().items(), key=str) if (3, 12) <= v <= (3, 14) and len(v) == 2]:
        server = check.server(python, "-W", "ignore", "-c", RENAMED)
        check.equal(f"{os.path.basename(python)}: exit status", server.wait(30), 0)
        trace = server.trace()
        check.equal(f"{os.path.basename(python)}: their names, targets", [(t["python_name"], t["start_routine"]["python"])
                    for t in trace.threads if t["start_routine"]], [("worker 1", "work (<string>:4)"), ("worker 2", "work (<string>:4)")])


# --- forktrace record -w ------------------------------------------------------------------------------


@scenario("python truth: record -w")
def record(check):
    server = check.server(PYTHON, "-c", "pass")  # for its directory
    server.wait()
    script, trace = server.directory / "script.py", server.directory / "watched.ftrace"
    script.write_text("i = 0\nfor _ in range(5):\n    i += 1\n")
    record = lambda *options: forktrace("record", "-o", trace, *options, "--", PYTHON, script)
    done = record("-w", "py:script.i", "-w", "py:script.misspelt")
    check.equal("exit", done.returncode, 0)
    check.equal("the name nobody bound", [line.split(": never bound")[0] for line in done.stderr.splitlines()],
                ["forktrace: py:script.misspelt"])
    events = json.loads(forktrace("export", trace, "--format", "json").stdout)["events"]
    check.equal("writes", [(e["value"], e["line"]) for e in events if e["type"] == "write"],
                [("0", 1)] + [(str(n), 3) for n in range(1, 6)])
    os.unlink(trace)
    done = record("-w", "counter_of_nobody")
    check.equal("a C global that is not there: exit, said", (done.returncode, " ".join(done.stderr.split()[:4])),
                (0, "forktrace: counter_of_nobody: not watched:"))
    for watch in ("py:script", "py:.i", "py:script."):
        os.path.exists(trace) and os.unlink(trace)
        done = record("-w", watch)
        check.equal(f"-w {watch}: exit, said, a trace", (done.returncode, done.stderr.split(": it ")[0].split(
            ": this ")[0], os.path.exists(trace)), (2, f"forktrace: record: -w {watch}", False))
    done = record("-w", "py:__main__.*")
    check.equal("all of a module, by its __name__: exit, said", (done.returncode, done.stderr), (0, ""))

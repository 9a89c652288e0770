"""Findings on real servers: the one a senior engineer would name first, and silence where nothing is wrong."""
import json
import os
import signal
import time

from harness import BUILD, PYTHON, forktrace, free_port, scenario, wait_until

UWSGI = ("/usr/bin/uwsgi", "--plugin", "python3", "--http-socket", "127.0.0.1:PORT", "--master",
         "--callable", "app", "--wsgi-file")
GUNICORN = ("/usr/bin/gunicorn", "--bind", "127.0.0.1:PORT", "--workers", "1")


def findings(server, *words):
    done = forktrace("check", server.trace_path, "--format", "json", *words)
    return json.loads(done.stdout)["findings"], done.returncode


def by_rule(found, rule):
    return [x for x in found if x["rule"] == rule]


def check_evidence(check, server, found):
    """Every finding names events, processes and threads that are there, and says something in each text."""
    trace = server.trace()
    check.equal("findings in export", [x["fingerprint"] for x in trace.json["findings"]],
                [x["fingerprint"] for x in found])
    for x in found:
        good = x["evidence"] and all(i < len(trace.json["events"]) for i in x["evidence"]) \
            and all(trace.process(p) for p in x["processes"]) and all(trace.thread(t) for t in x["threads"])
        check.true(f"{x['rule']} has its evidence and texts", good and x["title"] and x["explanation"] and x["fix"], x)


def check_healthy(check, server):
    """No error and no warning."""
    found, status = findings(server)
    bad = [(x["severity"], x["rule"], x["title"]) for x in found if x["severity"] != "note"]
    check.equal("errors and warnings", bad, [])
    check.equal("forktrace check", status, 0)
    check_evidence(check, server, found)
    return found


@scenario("findings: uwsgi prefork")
def uwsgi_prefork(check):
    server = check.server(*UWSGI, "ticker.py", "--enable-threads", "--workers", "2").ready(2)
    time.sleep(0.5)
    server.stop(signal.SIGINT)
    found, status = findings(server)
    first = found[0]
    check.equal("the first finding", (first["rule"], first["severity"], first["subject"]),
                ("thread-lost-at-fork", "error", "ticker"))
    check.true("it says who, where, since when", "`ticker`, started at ticker.py:18 in uwsgi master" in first["title"]
               and "uwsgi worker 1 and 2" in first["title"], first["title"])
    (diverged,) = by_rule(found, "global-diverged")
    check.equal("the global", (diverged["subject"], diverged["severity"]), ("ticker.i", "warning"))
    check.true("it says who writes it", "`ticker` at ticker.py:14" in diverged["explanation"], diverged["explanation"])
    check.equal("forktrace check", status, 1)
    (stale,) = by_rule(found, "stale-thread-object")
    check.equal("Python's list of threads is stale", (stale["subject"], len(stale["processes"])), ("ticker", 2))
    check_evidence(check, server, found)
    report = forktrace("report", server.trace_path).stdout
    check.true("the report says it before all else", report.index(first["title"][:40]) < report.index("Processes and threads"))

    check.equal("allowed", findings(server, "--allow", "thread-lost-at-fork:tick*", "--allow", "global-diverged:*",
                                    "--allow", "stale-thread-object:*")[1], 0)
    check.equal("not a new one", findings(server, "--baseline", server.trace_path)[1], 0)
    check.equal("other rules", findings(server, "--fail-on", "zombie,orphan")[1], 0)
    check.equal("only errors", findings(server, "--fail-on", "error")[1], 1)
    check.equal("no such rule", forktrace("check", server.trace_path, "--fail-on", "nonsense").returncode, 2)
    check.equal("no trace", forktrace("check", server.directory / "ticker.py").returncode, 2)


@scenario("findings: uwsgi --lazy-apps is healthy")
def lazy_apps(check):
    server = check.server(*UWSGI, "ticker.py", "--enable-threads", "--workers", "2", "--lazy-apps").ready(2)
    server.stop(signal.SIGINT)
    found = check_healthy(check, server)
    check.equal("each worker its own ticker", [x["subject"] for x in by_rule(found, "duplicate-thread")], ["ticker"])


@scenario("findings: uwsgi without --enable-threads")
def no_threads(check):
    server = check.server(*UWSGI, "ticker.py", "--workers", "1", "--lazy-apps").ready()
    time.sleep(1.5)
    server.stop(signal.SIGINT)
    found, _ = findings(server)
    check.equal("the thread gets no turn", [x["subject"] for x in by_rule(found, "thread-never-ran")], ["ticker"])
    check_evidence(check, server, found)


@scenario("findings: a respawned uwsgi worker waits for the GIL of a lost thread")
def respawn(check):
    """uWSGI #2387: forked while a thread was asking for the GIL, with nobody left to take it."""
    server = check.server(*UWSGI, "ticker.py", "--workers", "1").ready()
    (worker,) = [pid for pid in server.processes() if pid != server.pid]
    time.sleep(0.5)  # until the ticker, which slept, asks for the GIL
    os.kill(worker, signal.SIGKILL)
    server.says("Respawned uWSGI worker 1")
    time.sleep(2)
    server.kill()
    found, _ = findings(server)
    first = found[0]
    check.equal("the first finding", (first["rule"], first["severity"], first["subject"]),
                ("child-deadlock", "error", "GIL"))
    check.true("it says whose thread is missing", "`ticker`" in first["title"] and "uwsgi worker 1" in first["title"], first["title"])
    check_evidence(check, server, found)


@scenario("findings: flask run is healthy")
def flask(check):
    server = check.server(PYTHON, "-m", "flask", "--app", "ticker", "run", "--port", "PORT", "--no-reload").ready()
    server.stop(signal.SIGINT)
    found = check_healthy(check, server)
    check.equal("no thread runs twice", by_rule(found, "duplicate-thread"), [])


@scenario("findings: gunicorn sync is healthy")
def gunicorn(check):
    server = check.server("/usr/bin/gunicorn", "--bind", "127.0.0.1:PORT", "--workers", "2", "race:app").ready()
    for _ in range(20):
        server.get()
    server.stop(signal.SIGTERM)
    check_healthy(check, server)


@scenario("findings: gunicorn cannot end")
def shutdown(check):
    server = check.server(*GUNICORN, "--graceful-timeout", "2", "listener:app").ready()
    server.stop(signal.SIGTERM)
    found, _ = findings(server)
    first = found[0]
    check.equal("the first finding", (first["rule"], first["severity"]), ("exit-blocked", "error"))
    check.true("it says which thread", "`listener`, started at listener.py:11" in first["title"], first["title"])
    check.true("and by whom it was asked and killed", "SIGTERM" in first["explanation"]
               and "SIGKILL" in first["explanation"], first["explanation"])
    check_evidence(check, server, found)


@scenario("findings: gunicorn ends in time")
def shutdown_daemon(check):
    server = check.server(*GUNICORN, "--graceful-timeout", "2", "listener:app", env={"DAEMON": "1"}).ready()
    server.stop(signal.SIGTERM)
    check_healthy(check, server)


@scenario("findings: werkzeug reloader")
def reloader(check):
    fixed = free_port()
    server = check.server(PYTHON, "reloader.py", env={"PORT": "PORT", "FIXED_PORT": str(fixed)}).ready()
    server.says("the server thread gave up")
    server.stop(signal.SIGTERM)
    found, _ = findings(server)
    first = found[0]
    check.equal("the first finding", (first["rule"], first["severity"], first["subject"]),
                ("bind-conflict", "error", f"127.0.0.1:{fixed}"))
    check.true("it says which of the two processes", "`server` of reloader.py (reloaded) could not bind" in first["title"]
               and "of reloader.py (reloader) has it" in first["title"], first["title"])
    (twice,) = by_rule(found, "duplicate-thread")
    check.equal("the thread that runs twice", (twice["subject"], twice["severity"]), ("server", "warning"))
    check_evidence(check, server, found)


def run_program(check, *command):
    server = check.server(*command)
    server.wait(60)
    return server


PROGRAMS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "fixtures", "programs")


@scenario("findings: healthy programs")
def programs(check):
    for name, command in {
        "pipeline": ("/bin/bash", "-c", "seq 1000 | sort -n | uniq | wc -l; for i in 1 2 3; do (echo $i | cat); done"),
        "subprocess": (PYTHON, os.path.join(PROGRAMS, "py_subprocess.py")),
        "multiprocessing": (PYTHON, os.path.join(PROGRAMS, "py_multiprocessing.py")),
        "asyncio": (PYTHON, os.path.join(PROGRAMS, "py_asyncio.py")),
        "threads": (PYTHON, os.path.join(PROGRAMS, "py_threads.py")),
        "futures": (PYTHON, "futures.py"),
        "make": ("/bin/sh", "-c", "printf 'all: a b c d\\na b c d:\\n\\t@sleep 0.1; echo $@\\n' >Makefile; make -j4"),
    }.items():
        server = run_program(check, *command)
        found, _ = findings(server)
        bad = [(x["severity"], x["rule"], x["title"]) for x in found if x["severity"] != "note"]
        check.equal(f"errors and warnings of {name}", bad, [])


@scenario("findings: children, sick and healthy")
def children(check):
    for sick, healthy, rule in (("zombie", "reaped", "zombie"), ("orphan", "waited", "orphan"),
                                ("blocked", "unblocked", "mask-inherited")):
        for what, expected in ((sick, 1), (healthy, 0)):
            server = run_program(check, PYTHON, "children.py", what)
            time.sleep(1.7 if what == "orphan" else 0)  # it outlives what we waited for
            found, _ = findings(server)
            check.equal(f"{rule} in {what}", len(by_rule(found, rule)), expected)
            check_evidence(check, server, found)


@scenario("findings: locks, sick and healthy")
def locks(check):
    server = check.server(os.path.join(BUILD, "tests/fixtures/deadlock"))
    server.wait(60)
    found, _ = findings(server)
    dead = by_rule(found, "child-deadlock")
    check.equal("locks nobody can release", sorted(x["subject"].split()[0] for x in dead),
                ["being_read", "mutex", "rwlock", "sem", "spin"])
    check.equal("they are errors, and first", [x["rule"] for x in found[:5]], ["child-deadlock"] * 5)
    check.equal("locks held at a fork", sorted(x["subject"].split()[0] for x in by_rule(found, "lock-held-at-fork")),
                ["being_read", "mutex", "rwlock", "sem", "spin"])
    check_evidence(check, server, found)
    server = check.server(os.path.join(BUILD, "tests/fixtures/threads"))
    server.wait(60)
    found, _ = findings(server)
    check.equal("of the healthy one", [x["title"] for x in found if x["rule"] in ("child-deadlock", "lock-held-at-fork")], [])
    # Redis saves like this: whether one of its threads has a lock at that moment is chance.
    for words, expected in ((), ("note", 1)), (("worker",), ("warning", 2)):
        server = run_program(check, os.path.join(BUILD, "tests/fixtures/saver"), *words)
        (one,) = by_rule(findings(server)[0], "lock-held-at-fork")
        check.equal(f"a child that does its job and ends has no need of it{'; a worker may' if words else ''}",
                    (one["severity"], len(one["processes"])), expected)


@scenario("findings: a handler lost to the server")
def handlers(check):
    for environment, expected in (({}, ["SIGTERM save (handlers.py:11)"]), ({"KEEP": "1"}, [])):
        server = check.server(*GUNICORN, "--preload", "handlers:app", env=environment).ready()
        server.stop(signal.SIGTERM)
        found, _ = findings(server)
        check.equal("handlers lost", [x["subject"] for x in by_rule(found, "handler-replaced")], expected)
        check_evidence(check, server, found)
    for environment, expected in (({}, ["SIGTERM Worker.handle_exit"]), ({"KEEP": "1"}, [])):
        # Without --preload it is the server's that is lost: its worker does not hear SIGTERM any more.
        server = check.server(*GUNICORN, "--graceful-timeout", "1", "handlers:app", env=environment).ready()
        server.stop(signal.SIGTERM)
        found, _ = findings(server)
        check.equal("the server's handlers lost",
                    [x["subject"].split(" (")[0] for x in by_rule(found, "handler-replaced")], expected)
        check_evidence(check, server, found)

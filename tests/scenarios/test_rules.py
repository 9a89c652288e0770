"""Findings on small programs: each rule with a program that triggers it, and a twin that does not."""
import os
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor

from harness import BUILD, PYTHON, Skip, scenario
from test_findings import UWSGI, by_rule, check_evidence, findings

FIXTURES = os.path.join(BUILD, "tests/fixtures")


def found_in(check, *command, status=0, **options):
    """The findings about COMMAND, run to its end."""
    server = check.server(*command, **options)
    check.equal(f"{' '.join(map(os.path.basename, command))} ends", server.wait(60), status)
    found, _ = findings(server)
    check_evidence(check, server, found)
    return found


def fixture(check, name, *arguments):
    return found_in(check, os.path.join(FIXTURES, name), *arguments)


def pair(check, rule, found, twin, subject, severity="warning"):
    """The sick one has exactly this finding of the rule, its healthy twin none."""
    check.equal(f"{rule}: found", [(x["subject"], x["severity"]) for x in by_rule(found, rule)], [(subject, severity)])
    check.equal(f"{rule}: not in the twin", [x["title"] for x in by_rule(twin, rule)], [])


@scenario("rules: stdio-duplicated")
def stdio(check):
    for sick, subject in (("twice", "stdout of unflushed"), ("threads", "stdout of unflushed"), ("own", "own.txt of unflushed")):
        pair(check, "stdio-duplicated", fixture(check, "unflushed", sick), fixture(check, "unflushed", "flushed"), subject)
    for healthy in ("left", "purged", "closed_first"):  # _exit(), thrown away, nowhere to go
        check.equal(f"{healthy} writes it once", by_rule(fixture(check, "unflushed", healthy), "stdio-duplicated"), [])


@scenario("rules: unsafe-call-after-fork")
def unsafe(check):
    sick, healthy = fixture(check, "unsafe_calls", "threads"), fixture(check, "unsafe_calls", "alone")
    check.equal("one finding a lock", sorted((x["subject"], x["severity"]) for x in by_rule(sick, "unsafe-call-after-fork")),
                [("dlopen", "warning"), ("getaddrinfo", "warning"), ("getpwnam", "warning"), ("localtime", "warning"),
                 ("pthread_create", "note"), ("rand", "warning"), ("setenv", "warning"), ("setlocale", "warning"),
                 ("syslog", "warning")])
    check.equal("none in the child of a process without threads", by_rule(healthy, "unsafe-call-after-fork"), [])
    python = by_rule(found_in(check, PYTHON, "log_after_fork.py"), "unsafe-call-after-fork")
    check.equal("a log line of Python's is a note", {x["subject"]: x["severity"] for x in python}.get("localtime"), "note")
    check.equal("a name looked up is a warning", {x["subject"]: x["severity"] for x in python}.get("getaddrinfo"), "warning")
    check.true("with its line", any("log_after_fork.py:18" in x["title"] for x in python), python)


@scenario("rules: child-deadlock and lock-held-at-fork of Python's locks")
def python_locks(check):
    about = lambda found: sorted((x["rule"], x["severity"], x["subject"]) for x in found
                                 if x["rule"] in ("child-deadlock", "lock-held-at-fork"))
    lock = lambda *words: found_in(check, PYTHON, "locks.py", *words)
    for what in ("Lock", "RLock"):
        dead = lock(what, "taken")
        check.equal(f"{what}: a child takes what nobody releases", about(dead), [
            ("child-deadlock", "error", "locks.lock"), ("lock-held-at-fork", "warning", "locks.lock")])
        first = dead[0]
        check.true("it is said first: who waits for what, whose it is, who started that, where the fork was",
                   first["rule"] == "child-deadlock" and "child 1 waits for ever for locks.lock" in first["title"]
                   and "`holder`" in first["title"] and "started at locks.py:31" in first["explanation"]
                   and "forked in locks.py:35" in first["explanation"] and "locks.py:38" in first["explanation"], first)
        for how in ("released", "remade", "around"):
            check.equal(f"{what}, {how}", about(lock(what, how)), [])
    check.equal("not taken, it is still held", about(lock("Lock", "left")), [("lock-held-at-fork", "warning", "locks.lock")])
    (dead,) = about(lock("attribute", "taken"))
    check.true("one that no global is bound to", dead[:2] == ("child-deadlock", "error") and "held by `holder`" in dead[2], dead)
    check.equal("and its healthy twin", about(lock("attribute", "released")), [])


@scenario("rules: reaped-by-stranger")
def reaped(check):
    twin = found_in(check, PYTHON, "children.py", "polite")
    for sick, line in (("reaper", "36"), ("reaper_thread", "36"), ("ignored", "45")):
        pair(check, "reaped-by-stranger", found_in(check, PYTHON, "children.py", sick), twin, f"children.py children.py:{line}")


@scenario("rules: atfork-handler")
def atfork(check):
    pair(check, "atfork-handler", fixture(check, "atfork_slow", "slow"), fixture(check, "atfork_slow", "quick"),
         "dawdle (atfork_slow)")
    library = ("/usr/lib/x86_64-linux-gnu/libexpat.so.1", "XML_ExpatVersion")
    pair(check, "atfork-handler", fixture(check, "atfork_slow", "unloaded", *library),
         fixture(check, "atfork_slow", "loaded", *library), "XML_ExpatVersion (libexpat.so.1)", "error")


def connection(check, what):
    return found_in(check, PYTHON, "connections.py", what)


def about_connections(found):
    """Rule and severity of each, without the address."""
    return [(x["rule"], x["severity"], len(x["processes"])) for x in found if x["rule"].startswith("fd-")]


@scenario("rules: fd-shared-by-threads")
def shared_by_threads(check):
    sick = connection(check, "threads")
    check.equal("a connection without a lock", about_connections(sick), [("fd-shared-by-threads", "warning", 1)])
    title = by_rule(sick, "fd-shared-by-threads")[0]["title"] if sick else ""
    check.true("it says which threads and where to", "3 threads `client` of connections.py" in title and "127.0.0.1:" in title, title)
    for healthy in ("locked", "pool", "duplex"):
        check.equal(f"one that is {healthy}", about_connections(connection(check, healthy)), [])


@scenario("rules: fd-shared-after-fork")
def shared_after_fork(check):
    for sick in ("fork", "epoll"):
        check.equal(f"made before the {sick}", about_connections(connection(check, sick)), [("fd-shared-after-fork", "warning", 2)])
    for healthy in ("fork_own", "handed", "epoll_own", "listener"):
        check.equal(f"one that is {healthy}", about_connections(connection(check, healthy)), [])


@scenario("rules: handler-replaced, told of the one before or not")
def handlers(check):
    for how, severity, words in (("not", "warning", "that one is not called any more."), ("asked", "note", "can call it"),
                                 ("first", "note", "can call it"), ("always", "warning", "unless the new one does it")):
        lost = by_rule(fixture(check, "handler_over", how), "handler-replaced")
        check.equal(f"{how}: who lost it", [(x["severity"], x["subject"]) for x in lost], [(severity, "SIGUSR1 own (handler_over)")])
        check.true(f"{how}: it says what is known", lost and words in lost[0]["title"], lost)


@scenario("rules: handler-replaced, without SA_ONSTACK where Go is")
def signal_stack(check):
    pair(check, "handler-replaced", fixture(check, "go_stack", "without"), fixture(check, "go_stack", "with"),
         "SIGUSR1 XML_ExpatVersion (libexpat.so.1) without SA_ONSTACK")


@scenario("rules: unseen-child")
def unseen(check):
    needs = subprocess.run(["ldd", "/sbin/ldconfig"], capture_output=True, text=True)
    if "=>" in needs.stdout:
        raise Skip("ldconfig is not linked statically here")
    sick = found_in(check, "/bin/sh", "-c", "/sbin/ldconfig -p >/dev/null; true")
    pair(check, "unseen-child", sick, found_in(check, "/bin/sh", "-c", "/usr/bin/getconf PAGESIZE; true"), "ldconfig", "note")


@scenario("rules: racy-writes")
def racy(check):
    """Seed story: totals are wrong under uWSGI's threads; with a lock they are right."""
    found = {}
    for lock in ("", "1"):
        server = check.server(*UWSGI, "race.py", "--workers", "1", "--threads", "8",
                              env={"FORKTRACE_WATCH": "py:race.total", "LOCK": lock}).ready()
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: server.get(), range(49)))
        server.stop(signal.SIGINT)
        found[lock], _ = findings(server)
        check_evidence(check, server, found[lock])
    pair(check, "racy-writes", found[""], found["1"], "race.total")
    first = found[""][0]
    check.equal("it is the first finding", first["rule"], "racy-writes")
    check.true("it says who and how often", "threads" in first["title"] and "of 150 writes" in first["title"], first["title"])
    check.true("it says that updates were lost, and where", "updates were lost" in first["explanation"]
               and "race.py:21" in first["explanation"], first["explanation"])
    once = found_in(check, PYTHON, "handed_on.py", env={"FORKTRACE_WATCH": "py:handed_on.*"})
    check.equal("a value handed on, a counter of its own lock", by_rule(once, "racy-writes"), [])

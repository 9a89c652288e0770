"""uWSGI with a Flask app: who forks, which threads the workers lose, who installs which handlers."""
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

from harness import scenario

UWSGI = ("/usr/bin/uwsgi", "--plugin", "python3", "--http-socket", "127.0.0.1:PORT", "--master",
         "--enable-threads", "--callable", "app", "--wsgi-file")
LIBPYTHON = "libpython3.11.so.1.0"  # stripped: its static functions have an offset, no symbol

UWSGI_END, UWSGI_RELOAD = ("exit", 30), ("exit", 17)  # how a worker tells its master why it went


def tasks(pid):
    """How many threads the kernel knows in a process."""
    return len(os.listdir(f"/proc/{pid}/task"))


def check_tree(check, trace, workers):
    """A master that forked its workers and ended them in good order; returns (master, [worker])."""
    master = trace.root
    children = trace.children(master)
    check.equal("processes", len(trace.processes), 1 + workers)
    check.equal("role of the master", master["role"], "uwsgi master")
    check.equal("roles of the workers", [w["role"] for w in children],
                [f"uwsgi worker {n + 1}" for n in range(workers)])
    check.equal("forks by the master", [e["api"] for e in trace.events("fork", master)], ["fork"] * workers)
    check.equal("forks in all", len(trace.events("fork")), workers)
    check.equal("the master ended with", trace.end(master), ("exit", 0))
    check.equal("the workers ended with", [trace.end(w) for w in children], [UWSGI_END] * workers)
    check.equal("the workers were reaped by", [w["reaped_by"] for w in children], [master["id"]] * workers)
    check.equal("lost records", trace.lost(), 0)
    return master, children


def check_installs(check, trace, expected):
    """The handler installs of each process, each with its handler's and its caller's name."""
    installs = trace.events("sigaction")
    check.equal("handler installs", [len(trace.events("sigaction", p)) for p in trace.processes], expected)
    handlers = [e["new"] for e in installs if e["new"]["disposition"] == "handler"]
    check.equal("handlers of uWSGI without a symbol",
                [h for h in handlers if not h["handler"] and not h["object"].endswith(LIBPYTHON)], [])
    check.equal("installs without a caller", [e for e in installs if not e["stack"][0]["function"]], [])


def prefork(check, sigint, installs):
    server = check.server(*UWSGI, "ticker.py", "--workers", "2", sigint=sigint).ready(2)
    answers = {server.get() for _ in range(20)}
    server.stop(signal.SIGINT if sigint == "default" else signal.SIGQUIT)

    trace = server.trace()
    master, workers = check_tree(check, trace, 2)
    check.equal("different answers", len(answers), 1)
    check_installs(check, trace, installs)

    creates = trace.events("thread-create")
    check.equal("threads created, by whom", [e["process"] for e in creates], [master["id"]])
    ticker = creates[0]["child"]
    check.true("the thread was created before the forks", creates[0]["ns"] < trace.events("fork")[0]["ns"])
    check.equal("its start routine", trace.thread(ticker)["start_routine"]["object"].rpartition("/")[2],
                LIBPYTHON)
    check.equal("ghosts in the workers", [trace.ghosts(w) for w in workers], [[ticker]] * 2)
    check.equal("ghosts in the master", trace.ghosts(master), [])
    check.equal("threads started in the workers", sum(len(trace.events("thread-start", w)) for w in workers), 0)


@scenario("uwsgi prefork")
def prefork_default(check):
    prefork(check, "default", [15, 9, 9])


@scenario("uwsgi prefork, SIGINT ignored")
def prefork_ignored(check):
    prefork(check, "ignore", [14, 8, 8])


@scenario("uwsgi prefork, seen by the kernel")
def prefork_kernel(check):
    """The ghosts are not our invention: /proc has one task fewer in a worker than in its master."""
    server = check.server(*UWSGI, "ticker.py", "--workers", "2").ready(2)
    pids = server.processes()
    counts = {pid: tasks(pid) for pid in pids}
    server.stop(signal.SIGINT)
    trace = server.trace()
    check.equal("processes", sorted(p["pid"] for p in trace.processes), sorted(pids))
    for p in trace.processes:
        threads = sum(t["process"] == p["id"] for t in trace.threads)
        check.equal(f"threads of the {p['role']}", threads, counts[p["pid"]])


@scenario("uwsgi --lazy-apps")
def lazy_apps(check):
    server = check.server(*UWSGI, "ticker.py", "--workers", "2", "--lazy-apps").ready(2)
    server.stop(signal.SIGINT)

    trace = server.trace()
    master, workers = check_tree(check, trace, 2)
    check_installs(check, trace, [15, 9, 9])
    check.equal("threads created by the master", len(trace.events("thread-create", master)), 0)
    check.equal("threads created by each worker", [len(trace.events("thread-create", w)) for w in workers], [1, 1])
    check.equal("ghosts", [trace.ghosts(p) for p in trace.processes], [[], [], []])


@scenario("uwsgi threads race")
def threads_race(check):
    server = check.server(*UWSGI, "race.py", "--workers", "1", "--threads", "8").ready()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: server.get(), range(50)))
    server.stop(signal.SIGINT)

    trace = server.trace()
    _, (worker,) = check_tree(check, trace, 1)
    creates = trace.events("thread-create")
    check.equal("threads created, by whom", [e["process"] for e in creates], [worker["id"]] * 7)
    check.equal("threads started", len(trace.events("thread-start", worker)), 7)
    routines = {trace.thread(e["child"])["start_routine"]["offset"] for e in creates}
    check.equal("start routines of these", len(routines), 1)
    check.equal("ghosts", trace.ghosts(worker), [])


@scenario("uwsgi worker killed and respawned")
def respawn(check):
    server = check.server(*UWSGI, "ticker.py", "--workers", "1").ready()
    (worker,) = [pid for pid in server.processes() if pid != server.pid]
    os.kill(worker, signal.SIGKILL)
    server.says("Respawned uWSGI worker 1")
    server.ready()
    time.sleep(0.1)
    server.stop(signal.SIGINT)

    trace = server.trace()
    first, second = trace.children(trace.root)
    check.equal("the first worker ended with", trace.end(first), ("signal", "SIGKILL"))
    check.equal("it was reaped by", first["reaped_by"], trace.root["id"])
    check.equal("the second worker ended with", trace.end(second), UWSGI_END)
    check.equal("both lost the thread", [len(trace.ghosts(p)) for p in (first, second)], [1, 1])

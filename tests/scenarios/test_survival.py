"""What takes the ground from under a tracer: dropped privileges, closed descriptors, an exec in the
same pid, a small address space, daemons, an empty root, SIGKILL. The record goes on, in one file."""
import os
import pwd
import random
import signal
import time
from concurrent.futures import ThreadPoolExecutor

from harness import PYTHON, Skip, scenario, wait_until
from test_uwsgi import UWSGI, UWSGI_END, UWSGI_RELOAD, check_tree

TICKER = (*UWSGI, "ticker.py", "--workers", "2")


def needs_root():
    if os.geteuid() != 0:
        raise Skip("needs root: it changes its user or its root directory")


def one_file(check, server):
    check.equal("trace files", [f.name for f in server.directory.glob("*.ftrace*")], ["run.ftrace"])


@scenario("uwsgi --uid www-data")
def dropped_user(check):
    needs_root()
    server = check.server(*TICKER, "--uid", "www-data", "--gid", "www-data").ready(2)
    server.stop(signal.SIGINT)

    trace = server.trace()
    check_tree(check, trace, 2)
    check.equal("ghosts in the workers", [len(trace.ghosts(w)) for w in trace.children(trace.root)], [1, 1])
    drops = [e["api"] for e in trace.events("credentials") if e["api"] in ("setgid", "setuid")]
    check.equal("the drop, in this order", drops, ["setgid", "setuid"])
    check.equal("owner of the trace", pwd.getpwuid(server.trace_path.stat().st_uid).pw_name, "www-data")
    one_file(check, server)


def reload(check, *options):
    """SIGHUP makes the master close every descriptor above 2 and exec itself."""
    server = check.server(*TICKER, *options).ready(2)
    server.signal(signal.SIGHUP)
    server.says("spawned uWSGI worker 2", times=2)
    server.ready(4)
    server.stop(signal.SIGINT)

    trace = server.trace()
    master, workers = trace.root, trace.children(trace.root)
    check.equal("images of the master", len(master["images"]), 2)
    check.equal("its pid", master["pid"], server.pid)
    check.equal("execs", [e["process"] for e in trace.events("exec")], [master["id"]])
    check.equal("forks before and after", [e["image"] for e in trace.events("fork")], [0, 0, 1, 1])
    check.equal("threads before and after", [e["image"] for e in trace.events("thread-create")], [0, 1])
    check.equal("the first ticker ended by", trace.thread(trace.events("thread-create")[0]["child"])["end"], "exec")
    check.equal("workers of the second image lost the second ticker",
                [trace.ghosts(w) for w in workers[2:]], [[trace.events("thread-create")[1]["child"]]] * 2)
    check.equal("the workers ended with", [trace.end(w) for w in workers], [UWSGI_RELOAD] * 2 + [UWSGI_END] * 2)
    check.equal("the master ended with", trace.end(master), ("exit", 0))
    check.equal("lost records", trace.lost(), 0)
    one_file(check, server)


@scenario("uwsgi reload (HUP)")
def reload_root(check):
    reload(check)


@scenario("uwsgi reload (HUP) as www-data")
def reload_dropped(check):
    needs_root()
    reload(check, "--uid", "www-data", "--gid", "www-data")


@scenario("uwsgi under ulimit -v")
def address_space(check):
    server = check.server(*TICKER, shell="ulimit -v 409600").ready(2)
    server.stop(signal.SIGINT)
    check_tree(check, server.trace(), 2)


@scenario("uwsgi --limit-as")
def limit_as(check):
    server = check.server(*TICKER, "--limit-as", "400").ready(2)
    server.stop(signal.SIGINT)
    check_tree(check, server.trace(), 2)


@scenario("uwsgi --daemonize")
def daemonize(check):
    server = check.server(*TICKER, "--daemonize", "output", "--pidfile", "pid")
    check.equal("the command came back with", server.wait(), 0)
    wait_until("answers from both workers", lambda: server.answers() and len(server.workers()) == 2)
    pid = int((server.directory / "pid").read_text())
    os.kill(pid, signal.SIGINT)
    wait_until("the end of the daemon", lambda: not os.path.exists(f"/proc/{pid}"))

    trace = server.trace()
    master = trace.process(pid)
    check.equal("the first process ended with", trace.end(trace.root), ("exit", 0))
    check.equal("role of the daemon", master["role"], "uwsgi master")
    check.equal("the daemon ended with", trace.end(master), ("exit", 0))
    check.equal("sessions made", [e["process"] for e in trace.events("session", api="setsid")],
                [master["parent"]])
    check.equal("its workers ended with", [trace.end(w) for w in trace.children(master)], [UWSGI_END] * 2)
    check.equal("lost records", trace.lost(), 0)
    one_file(check, server)


@scenario("uwsgi --chroot")
def uwsgi_chroot(check):
    """Without an app: Python is not in the empty root."""
    needs_root()
    server = check.server("/usr/bin/uwsgi", "--http-socket", "127.0.0.1:PORT", "--master", "--workers", "2",
                          "--chroot", "root", "--route-run", "break:200 OK", shell="mkdir root").ready()
    answers = {server.get() for _ in range(20)}
    server.stop(signal.SIGINT)
    trace = server.trace()
    check_tree(check, trace, 2)
    check.equal("answers", answers, {""})
    check.equal("chroots recorded", len(trace.events("credentials", api="chroot")), 1)


def escape(check, *how):
    server = check.server(PYTHON, "escape.py", *how)
    check.equal("exit status", server.wait(), 3)
    trace = server.trace()
    check.equal("forks", [e["api"] for e in trace.events("fork")], ["fork"] * 3)
    check.equal("the children ended with", [trace.end(p) for p in trace.children(trace.root)],
                [("exit", 7), ("exit", 8), ("exit", 9)])
    check.equal("SIGUSR1 ignored by", [e["process"] for e in trace.events("sigaction", signal="SIGUSR1")],
                [p["id"] for p in trace.children(trace.root)])
    check.equal("threads", [t["end"] for t in trace.threads if t["start_routine"]], ["returned"])
    check.equal("lost records", trace.lost(), 0)


@scenario("every descriptor closed")
def closed(check):
    escape(check, "fds")


@scenario("an empty root")
def chroot(check):
    needs_root()
    escape(check, "chroot", "root")


# --- SIGKILL ------------------------------------------------------------------------------------


def busy(server):
    """A client that asks until the server is gone."""
    while server.process.poll() is None:
        server.answers()


def counted(server):
    """{pid: installs that had returned} as the processes counted them in shared memory themselves."""
    try:
        words = memoryview((server.directory / "counters").read_bytes()).cast("Q")
    except FileNotFoundError:
        return {}
    return {pid: installs for pid, installs in zip(words[::2], words[1::2]) if pid}


def recorded_installs(trace, pid):
    """The installs of counted.py in the trace; uWSGI itself has a handler for SIGUSR2, once."""
    process = trace.process(pid)
    installs = trace.events("sigaction", process, signal="SIGUSR2") if process else []
    return sum(e["new"]["disposition"] == "ignore" for e in installs)


def killed(check, moment):
    """Kill a busy uWSGI tree `moment` seconds after its trace file came to be."""
    server = check.server(*UWSGI, "counted.py", "--workers", "2", env={"COUNTERS": "counters"})
    with ThreadPoolExecutor(4) as clients:
        wait_until("the trace file", server.trace_path.exists, pause=0.0005)
        for _ in range(4):
            clients.submit(busy, server)
        time.sleep(moment)
        server.kill()
    return server


@scenario("uwsgi killed at 50 random moments")
def sigkill(check):
    seed = random.randrange(2**32)
    print(f"        moments: seed {seed}")
    dice = random.Random(seed)
    unreadable, wrong, installs = [], [], 0
    for _ in range(50):
        moment = dice.uniform(0, 0.6)
        server = killed(check, moment)
        counts = counted(server)
        try:
            trace = server.trace()
        except ChildProcessError as error:
            # killed before the file had its header: nothing had happened, and that is what is said of it
            if counts or "is empty" not in str(error):
                unreadable.append((moment, str(error)))
            continue
        for pid, count in counts.items():
            recorded = recorded_installs(trace, pid)
            if not count <= recorded <= count + 1:
                wrong.append((moment, pid, count, recorded))
        installs += sum(counts.values())
    check.equal("files that cannot be read", unreadable, [])
    check.equal("processes whose records do not match their own count", wrong, [])
    check.true("they were at work when they were killed", installs > 5000, f"{installs} installs in all")

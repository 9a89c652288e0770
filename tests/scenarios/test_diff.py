"""forktrace diff: it works under `flask run`, why not under uWSGI; and two runs of one program are the same."""
import json
import os
import signal
import subprocess
import time
from pathlib import Path

from harness import BUILD, PYTHON, forktrace, scenario, wait_until
from test_servers import need

UWSGI = ("/usr/bin/uwsgi", "--plugin", "python3", "--http-socket", "127.0.0.1:PORT", "--master", "--callable", "app",
         "--wsgi-file", "ticker.py", "--enable-threads", "--workers", "2")
FLASK = (PYTHON, "-m", "flask", "--app", "ticker", "run", "--port", "PORT", "--no-reload")
GUNICORN = ("/usr/bin/gunicorn", "--bind", "127.0.0.1:PORT", "--workers", "2", "race:app")


def web(check, *command, requests=4, workers=1, end=signal.SIGINT, **options):
    server = check.server(*command, **options).ready(workers)
    for _ in range(requests):
        server.get()
    time.sleep(0.3)
    server.stop(end)
    return server


def redis(check, saves):
    """It saves as often as it likes: that is no difference."""
    server = check.server("./redis-server", "--port", "PORT", "--bind", "127.0.0.1", "--save", "", "--rdb-key-save-delay", "10",
                          shell="ln -s /usr/bin/redis-check-rdb redis-server")
    ask = lambda *words: subprocess.run(["/usr/bin/redis-cli", "-p", str(server.port), *words], capture_output=True,
                                        text=True).stdout.strip()
    wait_until("it answers", lambda: ask("ping") == "PONG")
    subprocess.run(["/usr/bin/redis-benchmark", "-p", str(server.port), "-n", "5000", "-q", "-r", "5000", "-t", "set"],
                   capture_output=True, check=True)
    for _ in range(saves):
        wait_until("no child", lambda: "rdb_bgsave_in_progress:0" in ask("info", "persistence"))
        ask("bgsave")
    wait_until("no child", lambda: "rdb_bgsave_in_progress:0" in ask("info", "persistence"))
    server.stop(signal.SIGTERM)
    return server


def compare(a, b, *words):
    """Exit status, and what the JSON says."""
    done = forktrace("diff", a.trace_path, b.trace_path, "--format", "json", *words)
    return done.returncode, json.loads(done.stdout)


def fact(difference, section, subject):
    return next((f for f in difference["facts"] if (f["section"], f["subject"]) == (section, subject)), None)


def same(check, what, a, b):
    status, difference = compare(a, b)
    differing = [f for f in difference["facts"] if f["counts"]] + [f for f in difference["findings"] if f["counts"]]
    check.equal(f"{what}: two runs are the same", (status, difference["differences"], differing), (0, 0, []))
    check.true(f"{what}: there was something to compare", len([f for f in difference["facts"] if f["same"]]) > 5, difference)
    text = forktrace("diff", a.trace_path, b.trace_path)
    check.equal(f"{what}: it says so", (text.returncode, "\nNothing differs that matters.\n" in text.stdout), (0, True))


@scenario("diff: flask run against uwsgi")
def flask_uwsgi(check):
    flask, uwsgi = web(check, *FLASK), web(check, *UWSGI, workers=2)
    status, difference = compare(flask, uwsgi)
    check.equal("they differ", status, 1)
    answer = difference["answer"]
    check.true("the answer names the thread, where it is not, and why", all(part in answer for part in (
        "Under uwsgi, `ticker` does not run where requests are served, in uwsgi worker 1 and 2",
        f"started in uwsgi master (pid {uwsgi.pid}), at ticker.py:18", "before they were forked", "`ticker.i`",
        "Under flask it runs in flask, the only process.")), answer)
    check.true("and the remedy", "--lazy-apps" in difference["fix"], difference["fix"])
    check.equal("one process is a master and its workers", [(p["a"], p["b"]) for p in difference["parts"]],
                [(["flask"], ["uwsgi master", "uwsgi worker"])])
    found = {f["rule"]: f["in"] for f in difference["findings"] if f["counts"]}
    check.equal("findings of one run only", found, {"thread-lost-at-fork": "b", "global-diverged": "b", "stale-thread-object": "b"})
    check.equal("the thread in flask", fact(difference, "threads", "ticker")["a"], "runs in flask (ticker.py:18)")
    check.true("the global", fact(difference, "globals", "ticker.i")["counts"])
    check.true("the handler of SIGINT", "end_me (uwsgi-core) in uwsgi worker 1 and 2" in fact(difference, "signals", "SIGINT")["b"])
    check.true("the address", fact(difference, "addresses", "127.0.0.1:the port of its command line")["same"])
    check.equal("facts that count, of one run that could not see", [f for f in difference["facts"] if f["counts"] and f["not_seen_in"]], [])

    text = forktrace("diff", flask.trace_path, uwsgi.trace_path).stdout
    check.true("the text opens with it", "Under uwsgi, `ticker` does not run" in text.split("Findings only in B")[0], text[:2000])
    check.equal("no line is wider than a page", [line for line in text.splitlines() if len(line) > 110], [])
    status, other = compare(uwsgi, flask)
    check.equal("the other way round", (status, other["answer"], other["differences"]), (1, answer, difference["differences"]))

    again = web(check, *FLASK, requests=9)
    same(check, "flask", flask, again)
    again = web(check, *UWSGI, workers=2, requests=1)
    same(check, "uwsgi", uwsgi, again)

    lazy = web(check, *UWSGI, "--lazy-apps", workers=2)
    _, difference = compare(uwsgi, lazy)
    check.true("of one program: by letters", difference["answer"].startswith("In A, `ticker` does not run")
               and difference["answer"].endswith("In B it runs in uwsgi worker 1 and 2, in each its own."), difference["answer"])
    text = forktrace("diff", uwsgi.trace_path, lazy.trace_path).stdout
    check.true("what only one command line has", "--lazy-apps\n" in text.split("only in B:")[1].split("In A,")[0], text[:900])
    _, difference = compare(flask, lazy)
    check.equal("each worker has its own", fact(difference, "threads", "ticker")["b"], "runs once each in uwsgi worker 1 and 2 (ticker.py:18)")


@scenario("diff: gunicorn and redis twice")
def twice(check):
    need("redis-check-rdb", "redis-benchmark", "redis-cli")
    same(check, "gunicorn", *(web(check, *GUNICORN, requests=n, end=signal.SIGTERM) for n in (3, 20)))
    same(check, "redis", *(redis(check, saves) for saves in (1, 3)))


def child(check, environment, code):
    """A shell that starts a Python, which the library is in or not."""
    server = check.server("/bin/sh", "-c", f"{environment} {PYTHON} -c '{code}'; true")
    server.wait()
    return server


@scenario("diff: what one run could not see is no difference")
def unseen(check):
    busy = ("import signal, threading, time; signal.signal(signal.SIGUSR2, print); "
            "t = threading.Thread(target=time.sleep, args=[1.2], name=\"helper\"); t.start(); t.join()")
    seen, blind, idle = child(check, "", busy), child(check, "FORKTRACE_DISABLE=1", busy), child(check, "", "import signal")
    status, difference = compare(seen, blind)
    check.equal("a child that is not covered: no difference", (status, difference["differences"]), (0, 0))
    for section, subject in (("signals", "SIGUSR2"), ("threads", "helper")):
        told = fact(difference, section, subject)
        check.equal(f"{subject} is told, and who could not see it", (told["same"], told["counts"], told["not_seen_in"]), (False, False, "b"))
        check.true(f"{subject}: and why", "disabled" in told["reason"], told["reason"])
    text = forktrace("diff", seen.trace_path, blind.trace_path).stdout
    check.true("the text says what B could not see", "Not seen in B: " in text and "helper: not seen in B: " in text, text)
    status, difference = compare(seen, idle)
    check.equal("its twin is covered, and does not do it", (status, {f["subject"] for f in difference["facts"] if f["counts"]}),
                (1, {"SIGUSR2", "helper"}))

    killed = check.server(*FLASK, ebpf=False).ready()
    killed.stop(signal.SIGTERM)
    ended = web(check, *FLASK, ebpf=False)
    status, difference = compare(ended, killed)
    end = fact(difference, "ends", "flask")
    check.equal("an end nobody saw", (status, end["same"], end["counts"], end["not_seen_in"]), (0, False, False, "b"))

    plain = web(check, *FLASK, ebpf=False, env={"FORKTRACE_PYTHON": "off"})
    status, difference = compare(ended, plain)
    told = [fact(difference, *what)["not_seen_in"] for what in (("threads", "ticker"), ("globals", "ticker.i"))]
    check.equal("a run without Python's names", (status, told), (0, ["b", "b"]))
    check.equal("the answer says so", difference["answer"], "Nothing differs that matters, as far as both runs could see.")


@scenario("diff: the command line")
def usage(check):
    golden = Path(__file__).resolve().parents[1] / "golden" / "uwsgi.ftrace"
    for words, status, said in ((("diff",), 2, "which two traces"), (("diff", golden), 2, "which two traces"),
                                (("diff", golden, golden, golden), 2, "which two traces"),
                                (("diff", "--format", "xml", golden, golden), 2, "--format is text or json"),
                                (("diff", golden, "/nonexistent"), 2, "/nonexistent: "),
                                (("diff", "--nonsense", golden, golden), 2, "no such option"),
                                (("diff", golden, golden), 0, "")):
        done = forktrace(*words)
        what = " ".join(os.path.basename(word) for word in words)
        check.equal(f"{what}: exit status", done.returncode, status)
        check.true(f"{what}: says", said in done.stderr, done.stderr)
    check.true("--help", "forktrace diff [--format FORMAT]" in forktrace("diff", "--help").stdout)
    colored = subprocess.run([BUILD / "forktrace", "diff", "--color", "always", golden, golden], capture_output=True, text=True)
    check.true("colours", "\x1b[1m" in colored.stdout and "\x1b" not in forktrace("diff", golden, golden).stdout)

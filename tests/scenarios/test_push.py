"""forktrace push: what arrives in ClickHouse is what `export --format json` says, once; and what it says when something
is wrong."""
import functools
import json
import os
import pty
import re
import subprocess
import time
from pathlib import Path

from clickhouse import ClickHouse, StandIn
from harness import BUILD, PYTHON, scenario, wait_until

TOP = Path(__file__).resolve().parents[2]
GOLDEN = TOP / "tests/golden"
COMMON = {"run_id", "pushed", "started", "host", "build", "program"}
TABLES = ("processes", "threads", "events", "globals", "copies", "findings", "runs")


def push(url, *arguments, **variables):
    environment = {name: value for name, value in os.environ.items()
                   if not name.startswith("CLICKHOUSE_") and not name.lower().endswith("_proxy")}
    return subprocess.run([BUILD / "forktrace", "push", "--clickhouse", url, *arguments], capture_output=True, text=True,
                          timeout=120, env={**environment, "LANG": "C.UTF-8", **variables})


@functools.lru_cache(maxsize=None)
def exported(path):
    done = subprocess.run([BUILD / "forktrace", "export", path, "--format", "json"], capture_output=True, check=True)
    return json.loads(done.stdout)


# --- rows become the objects they were made of -------------------------------------------------------

def opened(row, booleans=(), structures=()):
    """Without what all rows have; 1 and 0 are true and false there, and these strings JSON."""
    row = {key: value for key, value in row.items() if key not in COMMON}
    row.update({key: bool(row[key]) for key in booleans})
    row.update({key: json.loads(row[key]) for key in structures})
    return row


def process(row):
    row = opened(row, ("end_inferred", "out_of_memory"), ("images", "ghosts", "signals"))
    last = row["images"][-1] if row["images"] else {"exe": None, "argv": []}
    assert (row.pop("exe", None), row.pop("argv", [])) == (last["exe"], last["argv"])
    row["end"] = {"how": row.pop("ended"), "status": row.pop("status", None), "signal": row.pop("signal", None),
                  "inferred": row.pop("end_inferred"), "killed_by": row.pop("killed_by", None),
                  "out_of_memory": row.pop("out_of_memory")}
    return row


def thread(row):
    row = opened(row, ("hub",), ("created_at",))
    routine = {key: row.pop(f"start_{key}", None) for key in ("symbol", "object", "offset", "python")}
    row.update({"start_routine": routine if any(v is not None for v in routine.values()) else None,
                "end": row.pop("ended")})
    return row


def event(row):
    row = opened(row, ("inferred",), ("stack", "fields"))
    innermost = row["stack"][0] if row["stack"] else {}
    for key in ("function", "file", "line"):
        assert row.get(key) == innermost.get(key), (key, row)
        row.pop(key, None)
    return {**row.pop("fields"), **row}


def objects(rows):
    """The arrays of export's document."""
    made = {"processes": list(map(process, rows["processes"])), "threads": list(map(thread, rows["threads"])),
            "events": list(map(event, rows["events"])), "findings": list(map(opened, rows["findings"])),
            "globals": [opened(row, ("shared", "diverged", "discovered")) for row in rows["globals"]]}
    for g in made["globals"]:
        g["copies"] = [opened(row, ("birth_inferred", "torn_down"), ("writers",)) for row in rows["copies"]
                       if row["global"] == g["id"]]
        for copy in g["copies"]:
            del copy["global"]
            assert copy.pop("name") == g["name"]
    return made


def without_null(value):
    if isinstance(value, dict):
        return {key: without_null(item) for key, item in value.items() if item is not None}
    return [without_null(item) for item in value] if isinstance(value, list) else value


def first_difference(got, expected):
    """Nothing, or where they differ; inside of them, what is null may be missing."""
    for kind, list_ in expected.items():
        if list_ and (keys := {key for object_ in got[kind] for key in object_} ^ {key for object_ in list_ for key in object_}):
            return {kind: ("without a column, or an object", keys)}
    got, expected = without_null(got), without_null(expected)
    if got == expected:
        return None
    for kind, list_ in expected.items():
        for a, b in zip(got[kind], list_):
            if a != b:
                return {key: (a.get(key), b.get(key)) for key in {*a, *b} if a.get(key) != b.get(key)}
    return {kind: (len(got[kind]), len(list_)) for kind, list_ in expected.items()}


def check_rows(check, name, rows, trace):
    arrays = {kind: trace[kind] for kind in ("processes", "threads", "events", "globals", "findings")}
    check.equal(f"{name}: the rows are the objects of export --format json", first_difference(objects(rows), arrays), None)
    run = rows["runs"][0]
    told = {"host": run["host"], "run_id": run["run_id"], "complete": bool(run["complete"]), "sources": run["sources"],
            "lost": {"records": run["lost"], "reasons": json.loads(run["lost_reasons"]), "torn": run["torn"]},
            "offset": run["realtime_offset_ns"], "boot": run["boot_id"], "wait_threshold_ms": run["wait_threshold_ms"]}
    check.equal(f"{name}: and the run is that of the trace", told,
                {"host": trace["host"]["name"], "boot": trace["host"]["boot_id"], "offset": trace["clock"]["realtime_offset_ns"],
                 **{key: trace[key] for key in ("run_id", "complete", "sources", "lost", "wait_threshold_ms")}})
    counts = {table: len(rows[table]) for table in TABLES if table != "runs"}
    check.equal(f"{name}: it has as many of each as the run says", counts, {table: run[table] for table in counts})


# --- with the stand-in ------------------------------------------------------------------------------

@scenario("push: what arrives is what export says")
def rows(check):
    with StandIn() as server:
        traces = sorted(GOLDEN.glob("*.ftrace"))
        done = push(server.url, "--build", "o'clock \\ 1", *traces)
        check.equal("all are pushed", (done.returncode, done.stderr, done.stdout.count(": pushed: ")), (0, "", len(traces)))
        for path in traces:
            trace = exported(path)
            mine = {table: [r for r in server.rows.get(table, []) if r["run_id"] == trace["run_id"]] for table in TABLES}
            check_rows(check, path.name, mine, trace)
            check.equal(f"{path.name}: file, build, one number", {(r["build"], r["pushed"]) for t in mine.values() for r in t},
                        {("o'clock \\ 1", mine["runs"][0]["pushed"])})
        check.equal("the tables", sorted(server.columns), sorted(TABLES))
        for table, all_ in server.rows.items():
            whole = [key for key, type_ in server.columns[table].items() if not type_.startswith("Nullable")]
            check.equal(f"{table}: each value is there, but where NULL is one",
                        {key for row in all_ for key in whole if row[key] is None}, set())
        created = len(server.created)
        done = push(server.url, "--build", "o'clock \\ 1", *traces)
        check.equal("once more: all are there", (done.returncode, done.stdout.count(": is there already: ")), (0, len(traces)))
        check.equal("and nothing is sent, nor made", (len(server.rows["runs"]), len(server.created)), (len(traces), created))


@scenario("push: again, when there is more, another build, or --again")
def again(check):
    trace = GOLDEN / "uwsgi.ftrace"
    with StandIn() as server:
        server.version = "26.8.1.1702-stable"
        said = [push(server.url, *arguments, trace).stdout.split(": ")[1]
                for arguments in ((), (), ("--again",), ("--build", "b"), ("--build", "b"), ())]
        check.equal("what it says", said, ["pushed", "is there already", "pushed again", "pushed again", "is there already",
                                           "pushed again"])
        numbers = [row["pushed"] for row in server.rows["runs"]]
        check.true("each push has a larger number", numbers == sorted(set(numbers)), numbers)
        server.rows["runs"][-1]["pushed"] = ahead = 18000000000000000000
        push(server.url, "--again", trace)
        check.equal("also after one by a host whose clock is ahead", server.rows["runs"][-1]["pushed"], ahead + 1)
        server.rows["runs"][-1]["events"] -= 1
        done = push(server.url, trace)
        check.true("a run that has grown is pushed again", "pushed again" in done.stdout, done.stdout)
        check.equal("whole", len(server.pushed("events", ahead + 2)), len(exported(trace)["events"]))


@scenario("push: a run that still runs, and has been killed since")
def live(check):
    run = check.server("sleep", "60")
    wait_until("it runs", lambda: run.trace_path.exists() and exported.__wrapped__(run.trace_path)["processes"][0]["images"])
    with StandIn() as server:
        said = lambda: push(server.url, run.trace_path).stdout.split(": ")[1]
        check.equal("first", said(), "pushed")
        wait_until("it sleeps and adds no more", lambda: said() == "is there already")
        run.kill()
        check.equal("killed", said(), "pushed again")
        check.equal("then that is there", said(), "is there already")
        running = [row["running"] for row in server.rows["runs"]]
        check.equal("running, then not", running, [1] * (len(running) - 1) + [0])
        check.equal("its end", [row["ended"] for row in server.rows["processes"]][-2:], ["running", "vanished"])


def long_trace(check):
    """Of more than one batch."""
    server = check.server(PYTHON, "-c", "import signal\nfor i in range(9000): signal.signal(signal.SIGUSR1, lambda *_: None)")
    server.wait()
    return server.trace_path


def on_terminal(*command):
    """What it says on a terminal, and its exit status."""
    controller, terminal = pty.openpty()
    process_ = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=terminal)
    os.close(terminal)
    text = b""
    try:
        while piece := os.read(controller, 4096):
            text += piece
    except OSError:  # the other end is closed
        pass
    os.close(controller)
    return process_.wait(60), text.decode()


@scenario("push: in batches, with progress, and whole or not at all")
def batches(check):
    trace = long_trace(check)
    with StandIn() as server:
        server.trouble = lambda table, batch: time.sleep(1.2) if batch == 3 else None
        status, said = on_terminal(BUILD / "forktrace", "push", "--clickhouse", server.url, trace)
        total = sum(map(len, server.rows.values()))
        check.equal("exit status", status, 0)
        check.true("it says how far it is, when it takes longer than a second", re.search(rf"\r\x1b\[K.*: \d+ of {total} rows", said), said)
        check.true("and wipes that away", said.endswith("\r\x1b[K"), said)
        sizes = [size for table, size in server.batches if table == "events"]
        check.true("several batches", len(sizes) > 1, sizes)
        check.true("of 8 MiB and a row at most", max(sizes) < (8 << 20) + 100000, sizes)
        check.equal("no event is lost between them", [row["i"] for row in server.rows["events"]],
                    list(range(len(server.rows["events"]))))
        check.equal("the run comes last", server.batches[-1][0], "runs")
    with StandIn() as server:
        server.trouble = lambda table, batch: (500, b"Code: 252, e.displayText() = DB::Exception: Too many \x1b[31mparts\n at x, e.what() = y") \
            if batch == 4 else None
        done = push(server.url, trace, GOLDEN / "uwsgi.ftrace")
        arrived = sum(map(len, server.rows.values()))
        check.equal("half-way: exit status, and no run", (done.returncode, done.stdout, "runs" in server.rows), (2, "", False))
        check.true("the server's own words, first line, escaped", r"the server says: Too many \x1b[31mparts (code 252)" in done.stderr,
                   done.stderr)
        check.true("what has arrived, what to do", re.search(rf"run.ftrace: {arrived} of {total} rows have arrived.*push it again",
                                                             done.stderr), done.stderr)
        server.trouble = lambda table, batch: (None, b"")
        done = push(server.url, trace)
        check.equal("a server that crashes", (done.returncode, "the connection broke" in done.stderr), (2, True))
        server.trouble = lambda table, batch: None
        done = push(server.url, trace)
        check.equal("pushed again: it is there", (done.returncode, len(server.rows["runs"])), (0, 1))
        number = server.rows["runs"][0]["pushed"]
        check_rows(check, "long trace", {table: server.pushed(table, number) for table in TABLES}, exported(trace))


# --- what is wrong -----------------------------------------------------------------------------------

@scenario("push: what is wrong is said, and no password is")
def errors(check):
    trace, secret = GOLDEN / "uwsgi.ftrace", "s3cr3t-word"

    def wrong(what, url, words, *arguments, status=2, **variables):
        done = push(url, *(arguments or (trace,)), **variables)
        check.true(f"{what}: {words}", done.returncode == status and words in done.stderr, (done.returncode, done.stderr))
        check.true(f"{what}: no password, no traceback, one sentence", secret not in done.stderr + done.stdout
                   and done.stderr.count("forktrace: ") == 1, done.stderr)

    def answers(what, status, text, words):
        with StandIn() as server:
            server.answer = lambda *_: (status, text)
            wrong(what, f"http://u:{secret}@{server.address}/runs", words)

    wrong("no scheme", f"u:{secret}@db:8123/runs", "http:// or https://")
    wrong("another scheme", f"ftp://u:{secret}@db/runs", "that is no URL")
    wrong("no URL", f"http://u:{secret}@[::1/runs", "that is no URL")
    wrong("a line end in a password", f"http://u:{secret}%0a@127.0.0.1/runs", "that is no URL")
    wrong("a path that is no database", f"http://u:{secret}@db/a/b", "that is no URL of a database")
    wrong("a URL instead of a file", "http://db/runs", "a URL stands where a FILE should", f"http://u:{secret}@db/runs")
    wrong("no such host", f"http://u:{secret}@nosuch.invalid:8123/runs", "there is no such host")
    wrong("nobody listens", f"http://u:{secret}@127.0.0.1:1/runs", "nobody answers there")
    done = subprocess.run([BUILD / "forktrace", "push", f"--clikhouse=http://u:{secret}@db/runs", trace], capture_output=True, text=True)
    check.true("no such option: without its value", done.returncode == 2 and secret not in done.stderr, done.stderr)
    for code, status in ((193, 401), (516, 403), (194, 500)):
        answers(f"wrong password, {code}", status, b"Code: %d. DB::Exception: u: Authentication failed. (X)" % code,
                "the user or the password is not right")
    answers("a proxy's 401", 401, b"<html>401</html>", "the user or the password is not right")
    answers("a proxy's 403", 403, b"", "the user or the password is not right")
    answers("no database", 404, b"Code: 81. DB::Exception: Database runs does not exist. (UNKNOWN_DATABASE) (version 26.8)",
            "Database runs does not exist. (UNKNOWN_DATABASE) (version 26.8): CREATE DATABASE first")
    answers("tables of another version", 404, b"Code: 47. DB::Exception: Unknown expression identifier `running` in scope",
            "another version of forktrace made the tables there")
    answers("may not", 403, b"Code: 497. DB::Exception: u: Not enough privileges.", "push needs CREATE TABLE")
    answers("reads only", 500, b"Code: 164, e.displayText() = DB::Exception: Cannot insert in readonly mode, e.what() = x",
            "push needs CREATE TABLE")
    answers("not ClickHouse", 404, b"<h1>Not Found</h1>", "is ClickHouse's HTTP interface there?")
    answers("another server's page", 200, b"<html>\x1b]0;gotcha\x07", r"that is not ClickHouse: it answers '<html>\x1b]0;gotcha\x07'")
    answers("a redirect", 301, b"", "it redirects")
    answers("an error after status 200", 200, b"Code: 241. DB::Exception: Memory limit exceeded", "the server says: Memory limit")
    answers("nothing at all", None, b"", "the connection broke")
    answers("more than anybody reads", 500, b"\x9b" * 10_000_000, "HTTP status 500")
    with StandIn() as server:
        wrong("a file that is no trace", server.url, "is not a forktrace file", "/etc/passwd")
        wrong("one among others", server.url, "is not a forktrace file", trace, "/etc/passwd", GOLDEN / "race.ftrace", status=1)
        check.equal("the others are there", sorted(row["file"] for row in server.rows["runs"]), ["race.ftrace", "uwsgi.ftrace"])
        wrong("https to http", f"https://u:{secret}@{server.address}/runs", "no TLS is spoken there")
    needed = subprocess.run(["readelf", "-d", BUILD / "forktrace"], capture_output=True, text=True, check=True).stdout
    check.true("libcurl is not loaded by other commands", "libcjson" in needed and "libcurl" not in needed, needed)
    empty = check.server("true").directory / "libraries"
    empty.mkdir()
    for name in ("libcurl.so.4", "libcurl-gnutls.so.4"):
        (empty / name).touch()
    wrong("no libcurl", "http://db/runs", "is not installed, and push needs it: apt-get install libcurl4",
          LD_LIBRARY_PATH=str(empty))


@scenario("push: user, password and database are found wherever they are given")
def identity(check):
    trace = GOLDEN / "uwsgi.ftrace"
    with StandIn() as server:
        def asks(what, url, user, place, **variables):
            server.users.clear()
            server.databases.clear()
            done = push(url, trace, **variables)
            check.equal(what, (done.returncode, set(server.users), set(server.databases)), (0, {user}, {place}))

        at, runs = server.address, ("/", "runs")
        asks("nothing given", f"http://{at}", None, ("/", None))
        asks("database", f"http://{at}/runs/", None, runs)
        asks("database, encoded", f"http://{at}/r%2fu%20n%27s", None, ("/", "r/u n's"))
        asks("in the URL", f"http://us%40er:p%3aw@{at}/runs", "us@er:p:w", runs)
        asks("as parameters, behind a proxy's path", f"http://{at}/proxy/a?user=me&database=runs&password=p%26w", "me:p&w",
             ("/proxy/a", "runs"))
        asks("in the environment", f"http://{at}/runs", "ci:secret", runs, CLICKHOUSE_USER="ci", CLICKHOUSE_PASSWORD="secret")
        asks("only a password there", f"http://{at}/runs", "default:secret", runs, CLICKHOUSE_PASSWORD="secret")
        asks("a user here, a password there", f"http://ci@{at}/runs", "ci:secret", runs, CLICKHOUSE_PASSWORD="secret")
        asks("the URL counts", f"http://me:mine@{at}/runs", "me:mine", runs, CLICKHOUSE_USER="ci", CLICKHOUSE_PASSWORD="secret")


@scenario("push: TLS, with an authority of one's own")
def tls(check):
    place = check.server("true").directory
    certificate, key = place / "certificate.pem", place / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
                   check=True, capture_output=True)
    both = place / "both.pem"
    both.write_text(key.read_text() + certificate.read_text())
    with StandIn(both) as server:
        url = server.url.replace("http:", "https:")
        done = push(url, GOLDEN / "uwsgi.ftrace")
        check.equal("not trusted", (done.returncode, "its certificate is not trusted" in done.stderr, server.rows), (2, True, {}))
        done = push(url, GOLDEN / "uwsgi.ftrace", CURL_CA_BUNDLE=str(certificate))
        check.equal("trusted", (done.returncode, done.stderr, len(server.rows.get("runs", []))), (0, "", 1))
        done = push(url.replace("127.0.0.1", "localhost"), GOLDEN / "uwsgi.ftrace", CURL_CA_BUNDLE=str(certificate))
        check.equal("but not by another name", (done.returncode, "its certificate is not trusted" in done.stderr), (2, True))


# --- with ClickHouse itself ----------------------------------------------------------------------------

def queries():
    """Those of the manual."""
    page = (TOP / "man/forktrace.1").read_text()
    found = re.findall(r'^\.\\" query: (\w+)\n(.*?)^\.\\" end of the query$', page, re.M | re.S)
    return {name: text.replace("\\-", "-").replace("\\(aq", "'").replace("\\e", "\\") for name, text in found}


@scenario("push: ClickHouse itself has it all, once, and answers the manual's questions")
def real(check):
    traces = sorted(GOLDEN.glob("*.ftrace"))
    with ClickHouse() as server:
        done = push(server.url, "--build", "one", *traces)
        check.equal("pushed", (done.returncode, done.stderr), (0, ""))
        done = push(server.url, "--build", "one", *traces)
        check.equal("once more", (done.returncode, done.stdout.count("is there already")), (0, len(traces)))
        done = push(server.url, "--build", "one", "--again", GOLDEN / "uwsgi.ftrace")
        check.equal("one again", (done.returncode, done.stdout.count("pushed again")), (0, 1))
        for path in traces:
            trace = exported(path)
            mine = {table: server.ask(f"SELECT * FROM forktrace_{table} WHERE run_id = '{trace['run_id']}'"
                                                   f" ORDER BY {'i' if table == 'events' else 'run_id' if table == 'runs' else 'toUInt32(substring(id, 2))'}")
                    for table in TABLES}
            check.equal(f"{path.name}: is there once", len(mine["runs"]), 1)
            check_rows(check, path.name, mine, trace)
        half = server.ask("SELECT run_id, max(pushed) AS last FROM forktrace_pushed_runs GROUP BY run_id")[0]
        server.ask("INSERT INTO forktrace_pushed_events (run_id, pushed, i) VALUES ('%s', %d, 0), ('half', 1, 0)"
                   % (half["run_id"], half["last"] + 1))
        total = sum(len(exported(path)["events"]) for path in traces)
        check.equal("what came half-way is not seen", server.ask("SELECT count() AS n FROM forktrace_events")[0]["n"], total)
        answers = {name: server.ask(text) for name, text in queries().items()}
        found = {(x["rule"], x["subject"]) for path in traces for x in exported(path)["findings"] if x["severity"] != "note"}
        check.equal("which findings since which build", {(a["rule"], a["subject"]) for a in answers["since"]}, found)
        check.equal("the build", {a["since_build"] for a in answers["since"]}, {"one"})
        bad = [p for path in traces for p in exported(path)["processes"] if p["end"]["how"] == "signal" or p["end"]["status"]]
        check.equal("which processes end badly", sum(a["processes"] for a in answers["ends"]), len(bad))
        waits = [e["waited_ns"] for path in traces for e in exported(path)["events"] if e["type"] == "lock-wait"]
        check.equal("where is the longest wait", (sum(a["waits"] for a in answers["waits"]), round(answers["waits"][0]["longest_ms"] * 1e6)),
                    (len(waits), max(waits)))
        for what, url, words in (("password", server.url.replace("s3cret", "wrong"), "the user or the password is not right"),
                                 ("database", server.url.replace("/runs", "/other"), "CREATE DATABASE first"),
                                 ("user", f"http://reader@{server.address}/runs", "push needs CREATE TABLE"),
                                 ("setting", server.url + "?nosuch=1", "the server says: Unknown setting")):
            done = push(url, "--again", traces[0])
            check.true(f"wrong {what}: {words}", done.returncode == 2 and words in done.stderr, done.stderr)

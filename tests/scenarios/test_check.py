"""forktrace check: its formats, what is allowed and by whom, and a baseline from another run."""
import json
import os
import signal
import subprocess
import time
import xml.etree.ElementTree as xml
from urllib.parse import unquote, urlparse

from harness import BUILD, PYTHON, scenario

UWSGI = ("/usr/bin/uwsgi", "--plugin", "python3", "--http-socket", "127.0.0.1:PORT", "--master", "--callable", "app",
         "--wsgi-file", "ticker.py", "--enable-threads", "--workers", "2")
LEVELS = {"error", "warning", "note"}


def run_check(server, *words, cwd=None):
    return subprocess.run([BUILD / "forktrace", "check", server.trace_path, *words], cwd=cwd or server.directory,
                          capture_output=True, text=True, timeout=60)


def record_uwsgi(check):
    server = check.server(*UWSGI).ready(2)
    time.sleep(0.4)
    server.stop(signal.SIGINT)
    return server


def check_location(check, location, relative):
    physical = location["physicalLocation"]
    uri = physical["artifactLocation"]["uri"]
    if "uriBaseId" in physical["artifactLocation"]:
        check.true("a relative location is a file below the root", os.path.isfile(os.path.join(relative, unquote(uri))), uri)
    else:
        parsed = urlparse(uri)
        check.true("another location is an absolute file", parsed.scheme == "file" and os.path.isabs(unquote(parsed.path)), uri)
    check.true("its line counts from 1", physical.get("region", {"startLine": 1})["startLine"] >= 1, physical)


def check_sarif(check, server, text, expected):
    """What the schema of SARIF 2.1.0 requires of the objects we write, and that they agree with each other."""
    document = json.loads(text)
    check.equal("SARIF version", document["version"], "2.1.0")
    (run,) = document["runs"]
    driver = run["tool"]["driver"]
    rules = driver["rules"]
    check.equal("the tool", driver["name"], "forktrace")
    check.true("each rule has its texts", all(r["id"] and r["fullDescription"]["text"] and r["help"]["text"]
                                             and r["defaultConfiguration"]["level"] in LEVELS for r in rules), rules)
    check.equal("rule ids are unique", len({r["id"] for r in rules}), len(rules))
    check.equal("the root", run["originalUriBaseIds"]["%SRCROOT%"]["uri"], f"file://{server.directory}/")
    check.equal("one result a finding", [r["partialFingerprints"]["forktrace/v1"] for r in run["results"]], expected)
    for result in run["results"]:
        check.equal("rule and index", rules[result["ruleIndex"]]["id"], result["ruleId"])
        check.true("message and level", result["message"]["text"] and result["level"] in LEVELS, result)
        check.equal("one place", len(result["locations"]), 1)
        for location in result["locations"] + result["relatedLocations"]:
            check_location(check, location, server.directory)
    return run


@scenario("check: sarif, junit and a baseline of another run of uwsgi")
def formats(check):
    old, server = record_uwsgi(check), record_uwsgi(check)
    runs = [json.loads(run_check(s, "--format", "json", "--fail-on", "any").stdout) for s in (old, server)]
    prints = [sorted(x["fingerprint"] for x in run["findings"]) for run in runs]
    check.true("there is something to compare", len(prints[0]) >= 4, prints)
    check.equal("two runs, the same fingerprints", prints[0], prints[1])
    check.equal("a baseline of another run", run_check(server, "--baseline", old.trace_path, "--fail-on", "any").returncode, 0)
    clean = check.server("/bin/true")
    clean.wait()
    check.equal("a baseline without them: they are new", run_check(server, "--baseline", clean.trace_path).returncode, 1)

    done = run_check(server, "--format", "sarif")
    check.equal("exit status with sarif", done.returncode, 1)
    run = check_sarif(check, server, done.stdout, [x["fingerprint"] for x in runs[1]["findings"]])
    by_rule = {r["ruleId"]: r for r in run["results"]}
    place = by_rule["thread-lost-at-fork"]["locations"][0]["physicalLocation"]
    check.equal("where the thread was started", (place["artifactLocation"]["uri"], place["region"]["startLine"]), ("ticker.py", 18))
    place = by_rule["global-diverged"]["locations"][0]["physicalLocation"]
    check.equal("where the global is written", (place["artifactLocation"]["uri"], place["region"]["startLine"]), ("ticker.py", 14))
    check.equal("nothing is suppressed", [r["suppressions"] for r in run["results"] if r["suppressions"]], [])

    done = run_check(server, "--format", "sarif", "--baseline", old.trace_path, "--allow", "global-diverged:ticker.*", cwd="/")
    (run,) = json.loads(done.stdout)["runs"]
    check.equal("states against the baseline", {r["baselineState"] for r in run["results"]}, {"unchanged"})
    (allowed,) = [r for r in run["results"] if r["suppressions"]]
    check.equal("what is allowed is suppressed", (allowed["ruleId"], allowed["suppressions"][0]["justification"]),
                ("global-diverged", "--allow global-diverged:ticker.*"))
    uri = allowed["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    check.true("from another directory the same file", uri.endswith("/ticker.py"), uri)

    done = run_check(server, "--format", "junit", "--allow", "global-diverged:*")
    suite = xml.fromstring(done.stdout).find("testsuite")
    cases = {c.get("name"): c for c in suite.iter("testcase")}
    check.equal("a test case a rule", set(cases), {r["id"] for r in run["tool"]["driver"]["rules"]})
    check.equal("as many failures as it says", len(suite.findall("testcase/failure")), int(suite.get("failures")))
    failure = cases["thread-lost-at-fork"].find("failure")
    check.true("the failure says what and what to do", "`ticker`" in failure.get("message") and "fix:" in failure.text, done.stdout)
    check.equal("what is allowed does not fail", cases["global-diverged"].find("failure"), None)
    check.true("and is told", "--allow global-diverged:*" in cases["global-diverged"].find("system-out").text)
    check.equal("a rule that found nothing", len(cases["zombie"]), 0)


@scenario("check: what is allowed")
def allowed(check):
    marked = check.server(PYTHON, "marked.py")
    marked.wait()
    found = json.loads(run_check(marked, "--format", "json", "--fail-on", "any").stdout)
    check.equal("a thread that is fork-safe by its name", [(x["rule"], x["severity"]) for x in found["findings"] if x["fails"]], [])
    check.true("is told nevertheless", any("fork-safe" in (x["allowed_by"] or "") for x in found["findings"]), found)

    server = check.server(PYTHON, "marked.py", "feeder")
    server.wait()
    lost = lambda *words, **where: run_check(server, "--fail-on", "thread-lost-at-fork", *words, **where)
    check.equal("one that does not say so", lost().returncode, 1)
    check.equal("its neighbour does not help it", run_check(server, "--fail-on", "multithreaded-fork").returncode, 1)
    for pattern, status in (("feeder", 0), ("feed*", 0), ("metrics*", 1), ("*/marked.py", 0), ("*/other.py", 1)):
        check.equal(f"--allow {pattern}", lost("--allow", f"thread-lost-at-fork:{pattern}").returncode, status)
    check.equal("of another rule", lost("--allow", "zombie:*").returncode, 1)

    below = server.directory / "sub" / "below"
    below.mkdir(parents=True)
    accept = server.directory / ".forktrace"
    accept.write_text("# we know\n\n  thread-lost-at-fork:feeder  \n")
    check.equal("a .forktrace here", lost().returncode, 0)
    check.equal("above, in no repository: not ours", lost(cwd=below).returncode, 1)
    (server.directory / ".git").mkdir()
    check.equal("above, in the repository", lost(cwd=below).returncode, 0)
    (below / ".forktrace").write_text("")
    check.equal("the nearest counts", lost(cwd=below).returncode, 1)
    accept.write_text("thread-lost-at-fork:feeder\nthread-lost:feeder\n")
    done = lost()
    check.equal("a mistake in it", (done.returncode, f"{accept}:2: there is no such rule" in done.stderr), (2, True))
    accept.write_text("thread-lost-at-fork\n")
    check.equal("half a line", lost().returncode, 2)

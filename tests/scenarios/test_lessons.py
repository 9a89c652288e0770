"""forktrace learn: each lesson's program has its pitfall, and its fixed variant has not. That is also each rule's
positive and negative test with a real program."""
import concurrent.futures
import json
import os
import re
import shutil
import subprocess
import tempfile
import xml.etree.ElementTree as xml
from pathlib import Path

from harness import BUILD, Skip, forktrace, scenario

LESSONS = Path(__file__).resolve().parents[2] / "viewer" / "lessons"
LANGUAGES = {".c": "c", ".py": "python"}


def learn(*words, **options):
    return subprocess.run([BUILD / "forktrace", "learn", *words], capture_output=True, text=True, timeout=120, **options)


def rules(trace):
    done = forktrace("check", trace, "--format", "json", "--fail-on", "any")
    return {x["rule"] for x in json.loads(done.stdout)["findings"]}


def hand_out(directory, lesson):
    rule, suffix = lesson
    place = Path(directory) / f"{rule}{suffix}"
    return lesson, place, learn(rule, "--language", LANGUAGES[suffix], "--out", place)


@scenario("learn: every lesson has its pitfall, and its fixed variant has not")
def every(check):
    lessons = [(f.stem, f.suffix) for f in sorted(LESSONS.iterdir()) if ".fixed" not in f.name]
    check.equal("each has its other half", [l for l in lessons if not (LESSONS / f"{l[0]}.fixed{l[1]}").exists()], [])
    with tempfile.TemporaryDirectory(prefix="forktrace-lessons-") as directory, \
            concurrent.futures.ThreadPoolExecutor(2) as pool:
        for (rule, suffix), place, done in pool.map(lambda l: hand_out(directory, l), lessons):
            name = f"{rule} in {LANGUAGES[suffix]}"
            check.equal(f"{name}: exit status", (done.returncode, done.stderr), (0, ""))
            check.true(f"{name}: the pitfall is found", rule in rules(place / f"{rule}.ftrace"))
            check.true(f"{name}: not in the fixed one", rule not in rules(place / f"{rule}.fixed.ftrace"))
            text = (place / f"{rule}.txt").read_text()
            check.true(f"{name}: the text says it all", f"no finding of {rule}\n" in text
                       and re.search(r"^ +\d+ \+ ", text, re.MULTILINE) and "forktrace says" in text, text)
            outputs = [(place / f"{rule}{fixed}.out").read_text() for fixed in ("", ".fixed")]
            check.true(f"{name}: both print something", all(outputs), outputs)
            for fixed in ("", ".fixed"):
                xml.parse(place / f"{rule}{fixed}.svg")


@scenario("learn: the command")
def command(check):
    listed = dict(re.findall(r"^  ([a-z-]+) +(.+)$", learn().stdout, re.MULTILINE))
    check.true("the list", listed.get("zombie") == "C" and listed.get("thread-lost-at-fork") == "C, Python", listed)
    done = learn("zombie", "--yes", stdin=subprocess.DEVNULL)
    check.equal("a lesson on the screen", done.returncode, 0)
    for words in ("What will it print?", "ended children are still in the process table", "did not wait for", "no finding of zombie"):
        check.true(f"it has {words!r}", words in done.stdout, done.stdout)
    check.true("the pitfall before the cure", done.stdout.index("did not wait for") < done.stdout.index("no finding of"))
    check.equal("no such lesson", learn("nonsense").returncode, 2)
    check.equal("where to?", learn("--all").returncode, 2)
    with tempfile.TemporaryDirectory() as empty:  # a machine without a compiler
        os.symlink(shutil.which("env"), Path(empty) / "env")
        without = {**os.environ, "PATH": empty}
        done = learn("child-deadlock", "--yes", env=without)
        check.equal("without a compiler, in Python", (done.returncode, "no C compiler" in done.stdout,
                                                      "threading.Lock" in done.stdout), (0, True, True))
        check.equal("there is only the variant in C", learn("zombie", "--yes", env=without).returncode, 2)
    missing = [rule for rule, languages in listed.items() if languages == "no lesson yet"]
    if missing:
        raise Skip("no lesson yet for " + ", ".join(missing))

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

TOP = Path(__file__).resolve().parents[2]
GOLDEN = TOP / "tests" / "golden" / "uwsgi.ftrace"
LESSONS = TOP / "viewer" / "lessons"
LANGUAGES = {".c": "c", ".py": "python"}
SAME_OUTPUT = ("multithreaded-fork",)  # lessons whose pitfall cannot be seen from outside


def learn(*words, **options):
    return subprocess.run([BUILD / "forktrace", "learn", *words], capture_output=True, text=True, timeout=120, **options)


def rules(trace):
    done = forktrace("check", trace, "--format", "json", "--fail-on", "any")
    return {x["rule"] for x in json.loads(done.stdout)["findings"]}


def look_at(check, place, lesson):
    """What a handout has of a lesson: text, pictures, programs, outputs, traces; and what the traces show."""
    rule, suffix = lesson
    name = f"{rule} in {LANGUAGES[suffix]}"
    check.true(f"{name}: the pitfall is found", rule in rules(place / f"{rule}.ftrace"))
    check.true(f"{name}: not in the fixed one", rule not in rules(place / f"{rule}.fixed.ftrace"))
    text = (place / f"{rule}.txt").read_text()
    check.true(f"{name}: the text says it all", f"no finding of {rule}\n" in text
               and re.search(r"^ +\d+ \+ ", text, re.MULTILINE) and "forktrace says" in text, text)
    check.equal(f"{name}: the program is in it", [line for line in (LESSONS / f"{rule}{suffix}").read_text().splitlines()
                                                  if line not in text], [])
    outputs = [(place / f"{rule}{fixed}.out").read_text() for fixed in ("", ".fixed")]
    check.true(f"{name}: they print something, and not the same", all(outputs) and (outputs[0] != outputs[1]
               or rule in SAME_OUTPUT), outputs)
    for fixed in ("", ".fixed"):
        drawn = "".join(xml.parse(place / f"{rule}{fixed}.svg").getroot().itertext())
        check.true(f"{name}: {fixed or 'sick'} is drawn", f"{rule}{fixed}" in drawn, drawn)


def other_language(directory, lesson):
    rule, suffix = lesson
    place = Path(directory) / LANGUAGES[suffix] / rule
    place.parent.mkdir(exist_ok=True)
    return lesson, place, learn(rule, "--language", LANGUAGES[suffix], "--out", place)


@scenario("learn: every lesson has its pitfall, and its fixed variant has not")
def every(check):
    lessons = [(f.stem, f.suffix) for f in sorted(LESSONS.iterdir()) if ".fixed" not in f.name]
    check.equal("each has its other half", [l for l in lessons if not (LESSONS / f"{l[0]}.fixed{l[1]}").exists()], [])
    first = {}  # the language --all takes
    for rule, suffix in lessons:
        first.setdefault(rule, suffix)
    others = [l for l in lessons if first[l[0]] != l[1]]
    with tempfile.TemporaryDirectory(prefix="forktrace-lessons-") as directory, \
            concurrent.futures.ThreadPoolExecutor(2) as pool:
        handout = Path(directory) / "handout"
        all_ = pool.submit(learn, "--all", "--out", handout)
        for lesson, place, done in pool.map(lambda l: other_language(directory, l), others):
            check.equal(f"{lesson}: exit status", (done.returncode, done.stderr), (0, ""))
            look_at(check, place, lesson)
        done = all_.result()
        check.equal("learn --all: exit status", (done.returncode, done.stderr), (0, ""))
        refused = dict(re.findall(r"^([a-z-]+): (.*), which the variant in ", done.stdout, re.MULTILINE))
        first = {rule: suffix for rule, suffix in first.items() if rule not in refused}
        told = dict(re.findall(r"^  ([a-z-]+) +(C|Python), done$", done.stdout, re.MULTILINE))
        check.equal("it has all of them", {rule: LANGUAGES["." + {"C": "c", "Python": "py"}[l]] for rule, l in told.items()},
                    {rule: LANGUAGES[suffix] for rule, suffix in first.items()})
        for lesson in first.items():
            look_at(check, handout, lesson)
    if refused:
        raise Skip(str(refused))


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
        (Path(empty) / "gevent.py").write_text("raise ImportError")
        done = learn("greenlet-starved", "--yes", env={**os.environ, "PYTHONPATH": empty})
        check.equal("without gevent", (done.returncode, "Python has no gevent (Debian: python3-gevent)" in done.stdout,
                                       "no lesson that can be run here" in done.stderr), (2, True, True))
    check.equal("a rule without a lesson", [rule for rule, languages in listed.items() if languages == "no lesson yet"], [])
    known = json.loads(forktrace("check", GOLDEN, "--format", "sarif").stdout)["runs"][0]["tool"]["driver"]["rules"]
    check.equal("the list has every rule", sorted(listed), sorted(rule["id"] for rule in known))

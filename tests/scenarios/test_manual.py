"""The manual page says what the program says."""
import inspect
import json
import re
import subprocess
import sys
from pathlib import Path

from harness import BUILD, PYTHON, SCENARIOS, forktrace, scenario

TOP = Path(__file__).resolve().parents[2]
TOOLS, PAGE = TOP / "tests/tools", TOP / "man/forktrace.1"
sys.path.append(str(TOOLS))
from rule_tests import RULE_TESTS  # pylint: disable=wrong-import-position


@scenario("manual: synopsis, options, rules and keys are those of the program")
def rules(check):
    done = subprocess.run([PYTHON, TOOLS / "man_tables.py"], capture_output=True, text=True)
    check.equal("man_tables.py", (done.returncode, done.stderr), (0, ""))


@scenario("manual: each rule is tested by two real programs")
def tested(check):
    golden = TOOLS.parent / "golden" / "uwsgi.ftrace"
    known = json.loads(forktrace("check", golden, "--format", "sarif").stdout)["runs"][0]["tool"]["driver"]["rules"]
    check.equal("the table has every rule", sorted(RULE_TESTS), sorted(rule["id"] for rule in known))
    scenarios = dict(SCENARIOS)
    for rule, ((_, sick), (_, healthy)) in RULE_TESTS.items():
        check.true(f"{rule}: both scenarios are there", sick in scenarios and healthy in scenarios, (sick, healthy))
        source = inspect.getsource(inspect.getmodule(scenarios[sick])) if sick in scenarios else ""
        check.true(f"{rule}: the former asks for it", rule in source or rule.replace("-", "_") in source, sick)


def plain(roff):
    """Text of the page, without its markup: \\- is a minus, quotes and fonts are nothing."""
    return re.sub(r"\\f.|\\c|\"", "", roff.replace("\\-", "-"))


def section(page, name):
    return re.search(rf"^\.SH {name}$(.*?)(?=^\.SH )", page, re.M | re.S)[1]


def options_in(text):
    return set(re.findall(r"(?<![\w-])--[a-z][\w.-]*\w", text))


@scenario("manual: it has no option that no program has, and all of forktrace-ebpf's")
def options(check):
    page = plain(PAGE.read_text())
    commands = re.findall(r"^  forktrace (\S+)", forktrace("--help").stdout, re.M)
    known = {"--help", "--version"}.union(*(options_in(forktrace(command, "--help").stdout) for command in commands))
    if (BUILD / "forktrace-ebpf").exists():
        kernel = options_in(subprocess.run([BUILD / "forktrace-ebpf", "--help"], capture_output=True, text=True, check=True).stdout)
        check.equal("forktrace-ebpf's options that the page lacks", kernel - options_in(page), set())
        told = set().union(*(options_in(section(page, name)) for name in ("SYNOPSIS", "COMMANDS", "WATCHING C GLOBALS", "THE KERNEL")))
        check.equal("options on the page that nobody has", told - known - kernel, set())
    check.true("options were found at all", len(known) > 20, known)


@scenario("manual: its environment variables are those the programs read")
def variables(check):
    read = set()
    for folder in ("preload", "trace", "viewer", "ebpf"):
        for file in (TOP / folder).rglob("*.[ch]"):
            read.update(re.findall(r'"(FORKTRACE_[A-Z_]*[A-Z])\b', file.read_text()))
    told = set(re.findall(r"^\.TP\n\.B (FORKTRACE_[A-Z_]+)$", section(PAGE.read_text(), "ENVIRONMENT"), re.M))
    check.equal("variables read and not told", read - told, set())
    check.equal("variables told and not read", told - read, set())

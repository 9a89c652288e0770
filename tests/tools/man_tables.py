#!/usr/bin/python3
"""The tables in man/forktrace.1: the rules are those of viewer/findings/rules.h, with the programs of rule_tests.py, the
keys those of viewer/tui/key.h. `man_tables.py` compares them, `man_tables.py --update` writes them (make man). What is
compared with is what the built forktrace names."""
import json
import os
import subprocess
import sys
from pathlib import Path

from rule_tests import RULE_TESTS

TOP = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("B", TOP / "build")).resolve()
PAGE = TOP / "man/forktrace.1"


def known_rules():
    done = subprocess.run([BUILD / "forktrace", "check", "--format", "sarif", TOP / "tests/golden/uwsgi.ftrace"],
                          capture_output=True, text=True)
    return json.loads(done.stdout)["runs"][0]["tool"]["driver"]["rules"]


def roff(text):
    return text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq")


def rules():
    lines = []
    for rule in known_rules():
        fix = rule["help"]["text"].split("What to do: ")[1].split("\n")[0]
        lines += [".TP", f".BR {roff(rule['id'])} \" ({rule['defaultConfiguration']['level']})\"",
                  roff(rule["fullDescription"]["text"]), ".br", ".IR Remedy :", roff(fix)]
        (sick, _), (healthy, _) = RULE_TESTS[rule["id"]]
        lines += [".br", ".IR \"Found in\" :", roff(sick) + ".", ".IR \"Not in\" :", roff(healthy) + "."]
    return "\n".join(lines) + "\n"


def keys():
    """The keys as `forktrace view --help` lists them: a heading, or two spaces, the keys, their meaning."""
    done = subprocess.run([BUILD / "forktrace", "view", "--help"], capture_output=True, text=True)
    lines = []
    for line in done.stdout.split("\nKeys:\n")[1].splitlines():
        if not line.startswith("  "):
            lines += [".SS " + line]
        else:
            lines += [".TP", "\\fB" + roff(line[2:15].strip()) + "\\fR", roff(line[15:].strip())]
    return "\n".join(lines) + "\n"


def main(update):
    page = PAGE.read_text()
    written = page
    for name, table in (("rules", rules), ("keys", keys)):
        begin = f'.\\" {name}: make man\n'
        start, end = written.index(begin) + len(begin), written.index(f'.\\" end of the {name}\n')
        written = written[:start] + table() + written[end:]
    if page == written:
        return 0
    if update:
        PAGE.write_text(written)
        return 0
    print("man/forktrace.1 has other rules or keys than the program: make man", file=sys.stderr)
    return 1


sys.exit(main("--update" in sys.argv))

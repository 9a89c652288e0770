#!/usr/bin/python3
"""The table of rules in man/forktrace.1 is that of viewer/findings/rules.h, with the programs of rule_tests.py:
`man_rules.py` compares them, `man_rules.py --update` writes it (make man). The rules are those the built forktrace
names."""
import json
import os
import subprocess
import sys
from pathlib import Path

from rule_tests import RULE_TESTS

TOP = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("B", TOP / "build")).resolve()
PAGE = TOP / "man/forktrace.1"
BEGIN, END = '.\\" rules: make man\n', '.\\" end of the rules\n'


def rules():
    done = subprocess.run([BUILD / "forktrace", "check", "--format", "sarif", TOP / "tests/golden/uwsgi.ftrace"],
                          capture_output=True, text=True)
    return json.loads(done.stdout)["runs"][0]["tool"]["driver"]["rules"]


def roff(text):
    return text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq")


def table():
    lines = []
    for rule in rules():
        fix = rule["help"]["text"].split("What to do: ")[1].split("\n")[0]
        lines += [".TP", f".BR {roff(rule['id'])} \" ({rule['defaultConfiguration']['level']})\"",
                  roff(rule["fullDescription"]["text"]), ".br", ".IR Remedy :", roff(fix)]
        (sick, _), (healthy, _) = RULE_TESTS[rule["id"]]
        lines += [".br", ".IR \"Found in\" :", roff(sick) + ".", ".IR \"Not in\" :", roff(healthy) + "."]
    return "\n".join(lines) + "\n"


def main(update):
    page = PAGE.read_text()
    start, end = page.index(BEGIN) + len(BEGIN), page.index(END)
    if page[start:end] == table():
        return 0
    if update:
        PAGE.write_text(page[:start] + table() + page[end:])
        return 0
    print("man/forktrace.1 has other rules than viewer/findings/rules.h: make man", file=sys.stderr)
    return 1


sys.exit(main("--update" in sys.argv))

#!/usr/bin/python3
"""The tables in man/forktrace.1: synopsis and options are those of the commands' --help, the rules those of
viewer/findings/rules.h, with the programs of rule_tests.py, the keys those of viewer/tui/key.h, the columns of what is
pushed those of viewer/push/tables.c. `man_tables.py` compares them, `man_tables.py --update` writes them (make man). What is
compared with is what the built forktrace names."""
import json
import os
import re
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


def helped(*command):
    return subprocess.run([BUILD / "forktrace", *command, "--help"], capture_output=True, text=True).stdout


def commands():
    return re.findall(r"^  forktrace (\S+)", helped(), re.M)


def styled(words):
    """Options bold, what stands for something in italics."""
    return re.sub(r"(?<![\w-])(--?[a-z][\w-]*|--)|\b([A-Z]{2,}|COLSxROWS|A|B)\b",
                  lambda m: f"\\fB{roff(m[1])}\\fR" if m[1] else f"\\fI{m[2]}\\fR", words)


def synopsis():
    lines = [".nh"]
    for command in commands():
        usage = helped(command).split("\n\n")[1]
        lines += [f"\\fBforktrace {command}\\fR {styled(usage.removeprefix(f'forktrace {command} '))}", ".br"]
    return "\n".join(lines + [".hy"]) + "\n"


def options():
    """A heading a command; two blanks, the option, at column 29 what it is for, which may go on in lines below."""
    lines = []
    for command in commands():
        lines += [f".SS {command}"]
        for line in helped(command).split("\n\n")[2].rstrip("\n").split("\n"):
            if line.startswith("  ") and line[2:29].strip():
                lines += [".TP", styled(line[2:29].strip()), roff(line[29:])]
            elif line.startswith("  "):
                lines += [roff(line.strip())]
    return "\n".join(lines) + "\n"


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
    lines = []
    for line in helped("view").split("\nKeys:\n")[1].splitlines():
        if not line.startswith("  "):
            lines += [".SS " + line]
        else:
            lines += [".TP", "\\fB" + roff(line[2:15].strip()) + "\\fR", roff(line[15:].strip())]
    return "\n".join(lines) + "\n"


def columns():
    """A table as `forktrace push --help` lists it: two spaces, its name, its columns, which may go on in lines below."""
    lines = []
    for line in helped("push").split("\nTables ")[1].splitlines()[1:]:
        if line[2:24].strip():
            lines += [".TP", f".B {line[2:24].strip()}"]
        lines += [roff(line[24:].strip())]
    return "\n".join(lines) + "\n"


def main(update):
    page = PAGE.read_text()
    written = page
    for name, table in (("synopsis", synopsis), ("options", options), ("rules", rules), ("keys", keys), ("columns", columns)):
        begin = f'.\\" {name}: make man\n'
        start, end = written.index(begin) + len(begin), written.index(f'.\\" end of the {name}\n')
        written = written[:start] + table() + written[end:]
    if page == written:
        return 0
    if update:
        PAGE.write_text(written)
        return 0
    print("man/forktrace.1 has other options, rules, keys or columns than the program: make man", file=sys.stderr)
    return 1


sys.exit(main("--update" in sys.argv))

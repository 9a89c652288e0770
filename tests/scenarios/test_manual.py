"""The manual page says what the program says."""
import inspect
import json
import subprocess
import sys
from pathlib import Path

from harness import PYTHON, SCENARIOS, forktrace, scenario

TOOLS = Path(__file__).resolve().parents[1] / "tools"
sys.path.append(str(TOOLS))
from rule_tests import RULE_TESTS  # pylint: disable=wrong-import-position


@scenario("manual: the rules and keys are those of the program")
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

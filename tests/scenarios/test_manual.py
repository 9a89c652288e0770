"""The manual page says what the program says."""
import subprocess
from pathlib import Path

from harness import PYTHON, scenario

TOOLS = Path(__file__).resolve().parents[1] / "tools"


@scenario("manual: the rules are those of the program")
def rules(check):
    done = subprocess.run([PYTHON, TOOLS / "man_rules.py"], capture_output=True, text=True)
    check.equal("man_rules.py", (done.returncode, done.stderr), (0, ""))

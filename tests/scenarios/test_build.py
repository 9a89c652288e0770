"""The sources are clean for more than the compiler that built them."""
import shutil
import subprocess
from pathlib import Path

from harness import BUILD, Skip, scenario

TOP = Path(__file__).resolve().parents[2]


@scenario("build: clang and shellcheck find nothing")
def lint(check):
    if not shutil.which("clang-14") and not shutil.which("clang"):
        raise Skip("clang is not installed")
    done = subprocess.run(["make", "--no-print-directory", "lint", f"B={BUILD}"], cwd=TOP, capture_output=True, text=True, check=False)
    check.equal("make lint", (done.returncode, done.stderr[-2000:]), (0, ""))

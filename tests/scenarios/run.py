#!/usr/bin/python3
"""Run the scenarios: run.py [WORD...] runs those with a WORD in their name. Prints a line a check
and `N passed, N failed[, N skipped]` at the end; exit status 1 when something failed."""
import importlib
import sys
import time
import traceback
from pathlib import Path

import harness

for file in sorted(Path(__file__).parent.glob("test_*.py")):
    importlib.import_module(file.stem)


def run(name, function):
    check = harness.Checker(name)
    skipped = 0
    start = time.monotonic()
    try:
        function(check)
    except harness.Skip as reason:
        skipped = 1
        print(f"skipped {name}: {reason}")
    except Exception:
        check.true("runs to its end", False, traceback.format_exc(limit=-4))
    finally:
        check.finish()
    print(f"        {name}: {time.monotonic() - start:.1f} s", flush=True)
    return check.passed, check.failed, skipped


def main(words):
    chosen = [s for s in harness.SCENARIOS if not words or any(word in s[0] for word in words)]
    if not chosen:
        sys.exit(f"run.py: no scenario has {' or '.join(words)} in its name: run.py without words runs all")
    passed, failed, skipped = map(sum, zip(*(run(*s) for s in chosen)))
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    sys.exit(1 if failed else 0)


main(sys.argv[1:])

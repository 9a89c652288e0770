#!/usr/bin/python3
"""Run the scenarios: run.py [--ebpf] [WORD...] runs those with a WORD in their name, --ebpf with the kernel as a second
witness. Prints a line a check and `N passed, N failed[, N skipped]` at the end; exit status 1 when something failed."""
import importlib
import sys
import time
import traceback
from pathlib import Path

import harness

for file in sorted(Path(__file__).parent.glob("test_*.py")):
    importlib.import_module(file.stem)


def run(name, function, ebpf):
    check = harness.Checker(name + (", with the kernel" if ebpf else ""), ebpf)
    skipped = 0
    start = time.monotonic()
    try:
        if ebpf:
            harness.need_ebpf()
        function(check)
        if ebpf:
            for server in (s for s in check.servers if (s.process.returncode or 0) >= 0):  # not if killed with forktrace
                harness.one_event_two_witnesses(check, server.trace())
    except harness.Skip as reason:
        skipped = 1
        print(f"skipped {check.name}: {reason}")
    except Exception:
        check.true("runs to its end", False, traceback.format_exc(limit=-4))
    finally:
        check.finish()
    print(f"        {check.name}: {time.monotonic() - start:.1f} s", flush=True)
    return check.passed, check.failed, skipped


def main(words):
    ebpf = "--ebpf" in words
    words = [word for word in words if word != "--ebpf"]
    chosen = [s for s in harness.SCENARIOS if not words or any(word in s[0] for word in words)]
    if not chosen:
        sys.exit(f"run.py: no scenario has {' or '.join(words)} in its name: run.py without words runs all")
    passed, failed, skipped = map(sum, zip(*(run(*s, ebpf) for s in chosen)))
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    sys.exit(1 if failed else 0)


main(sys.argv[1:])

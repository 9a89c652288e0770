"""The CPythons on this machine: every version in PATH and in pyenv, by running it."""
import functools
import os
import re
import subprocess
from pathlib import Path

from harness import Skip


def _candidates():
    folders = os.environ.get("PATH", "").split(":") + sorted(map(str, Path.home().glob(".pyenv/versions/*/bin")))
    for folder in folders:
        if Path(folder).is_dir() and "/shims" not in folder:
            yield from (p for p in Path(folder).iterdir() if re.fullmatch(r"python[23]\.\d+t?", p.name))


@functools.cache
def found():
    """{(major, minor): path} of the first of each version; free-threaded ones apart, under (major, minor, "t")."""
    result = {}
    for path in _candidates():
        ask = "import sys; print('%d %d %s' % (sys.version_info[:2] + (getattr(sys, 'abiflags', ''),)))"
        done = subprocess.run([path, "-c", ask], capture_output=True, text=True)
        words = done.stdout.split()
        if done.returncode == 0 and len(words) >= 2:
            key = (int(words[0]), int(words[1])) + (("t",) if "t" in words[2:] else ())
            result.setdefault(key, str(path))
    return result


def pythons(what, wanted):
    """(name, path) of those whose version `wanted` accepts; Skip when there is none."""
    chosen = [(f"{'.'.join(map(str, v))}", p) for v, p in sorted(found().items(), key=str) if wanted(v)]
    if not chosen:
        raise Skip(f"no {what} on this machine, in PATH or in ~/.pyenv/versions")
    return chosen

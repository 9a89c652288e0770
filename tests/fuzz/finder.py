#!/usr/bin/python3
"""finder.py: hostile ELF files for forktrace-watch.

    finder.py FORKTRACE-WATCH PROGRAM... [--seconds 20 | --runs 200] [--seed N]

Each run changes some bytes of a program, or cuts it off, and asks for its globals as the library does (plan.h). The
finder may find nothing; it must not crash, hang, or answer what lies outside its answer. Built with SAN=1 it also says
what it should not have touched. Prints one line; status 1 with the file kept if a run went wrong.
"""
import argparse
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import time

ASK, ANSWER, FD = 0x6B534154, 0x6E414C50, 3
WATCHES = ("table;add;through_lea;vector;table[3];mov_reg32;wide;outcome.x;no_such;first;handled;late;hot;0x404040/8;"
           "counter+4/2;hw:inc;filled")
LISTS = 7  # watches, globals, sites, codes, patches, fixes, slots: offset and number of each


def question(path):
    start, size = 0x400000, 0x200000
    head = struct.pack("<IIQQQQII", ASK, 1, (1 << 64) - 64, 0x10000, 0x20000, 0, 4, 0)
    loaded = struct.pack("<QQQII", 0, start, start + size, 1, 1)
    return head + WATCHES.encode() + b"\0" + loaded + path.encode() + b"\0"


def ask(finder, path):
    """What is wrong with its answer, or None."""
    memory = os.memfd_create("question")
    os.write(memory, question(path))
    try:
        done = subprocess.run(["/bin/sh", "-c", f'exec "$0" 3<>/proc/self/fd/{memory}', finder], pass_fds=[memory],
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False,
                              env={"ASAN_OPTIONS": "detect_leaks=0"})  # it ends at once
        answer = os.pread(memory, 1 << 28, 0)
    except subprocess.TimeoutExpired:
        return "hangs"
    finally:
        os.close(memory)
    if done.returncode not in (0, 1) or done.stderr:
        return f"status {done.returncode}: {done.stderr.decode(errors='replace')[-3000:]}"
    if done.returncode == 1:
        return None
    magic, size, *lists = struct.unpack_from(f"<{2 + 2 * LISTS}I", answer)
    if magic != ANSWER or size != len(answer):
        return f"magic {magic:#x}, size {size} of {len(answer)}"
    if any(offset > size or count > size for offset, count in zip(lists[::2], lists[1::2])):
        return f"lists {lists}"
    return None


def change(data, chance):
    data = bytearray(data)
    tables = struct.unpack_from("<Q", data, 0x28)[0]  # e_shoff
    for _ in range(chance.choice((1, 2, 4, 16, 64))):
        where = chance.random()
        low, high = (0, 64) if where < 0.1 else (tables, len(data)) if where < 0.5 and tables < len(data) else (0, len(data))
        at = chance.randrange(low, high)
        value = chance.choice((0, 0xFF, 0x7F, 0x80, 1, chance.randrange(256)))
        data[at:at + chance.choice((1, 1, 4, 8))] = bytes([value]) * chance.choice((1, 1, 4, 8))
    return data[:chance.randrange(len(data))] if chance.random() < 0.05 else data


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("finder")
    parser.add_argument("programs", nargs="+")
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    chance, end, runs = random.Random(options.seed), time.monotonic() + (options.seconds or 1e9), 0
    originals = [open(program, "rb").read() for program in options.programs]
    with tempfile.TemporaryDirectory(prefix="forktrace-fuzz-") as folder:
        path = os.path.join(folder, "program")
        while time.monotonic() < end and (options.seconds or runs < options.runs):
            with open(path, "wb") as file:
                file.write(chance.choice(originals) if runs == 0 else change(chance.choice(originals), chance))
            wrong = ask(options.finder, path)
            runs += 1
            if wrong:
                kept = shutil.copy(path, tempfile.mktemp(prefix="forktrace-watch-crash-"))
                print(f"run {runs}, seed {options.seed}, {kept}: {wrong}")
                return 1
    print(f"{runs} hostile programs: nothing found")
    return 0


if __name__ == "__main__":
    sys.exit(main())

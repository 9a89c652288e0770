#!/usr/bin/python3
"""terminal.py FORKTRACE: `forktrace view` on a pseudo-terminal: it draws, follows a resize, stops and goes on, and
gives the terminal back as it was however it ends. What it draws is compared in screens.sh."""
import base64, fcntl, os, pty, re, select, shutil, signal, struct, subprocess, sys, tempfile, termios, time

forktrace = sys.argv[1]
trace = os.path.join(os.path.dirname(os.path.abspath(__file__)), "uwsgi.ftrace")
passed = failed = 0


def size(fd, columns, rows):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


class Screen:
    """A running view; `out` is everything it wrote."""

    def __init__(self, term="xterm-256color", group=False, trace=trace, **more):
        self.master, slave = pty.openpty()
        self.slave = slave
        size(slave, 80, 24)
        self.before = termios.tcgetattr(slave)
        env = dict(os.environ, TERM=term, LC_ALL="C.UTF-8", **({"TMUX": ""} | more))
        self.child = subprocess.Popen([forktrace, "view", trace], stdin=slave, stdout=slave, stderr=slave, env=env,
                                      start_new_session=not group, process_group=0 if group else None)
        self.out = b""

    def read(self, until=None, seconds=5.0):
        end = time.monotonic() + seconds
        while time.monotonic() < end and not (until and until in self.out):
            if select.select([self.master], [], [], 0.05)[0]:
                self.out += os.read(self.master, 65536)
            elif until is None:
                break
        return until is None or until in self.out

    def expect(self, text, seconds=5.0):
        """Drop what was written before; then wait for text."""
        found = self.read(text.encode(), seconds)
        if not found:
            raise AssertionError(f"{text!r} was not drawn; the last was {self.out[-200:]!r}")

    def keys(self, text):
        self.out = b""
        os.write(self.master, text.encode())

    def end(self):
        status = self.child.wait(5)
        self.read()
        after = termios.tcgetattr(self.slave)
        if after != self.before:
            raise AssertionError("the terminal's settings are not what they were")
        return status


def check(name, test):
    global passed, failed
    try:
        test()
        passed += 1
    except (AssertionError, subprocess.TimeoutExpired) as error:
        failed += 1
        print(f"terminal: {name}: {error}")


def equal(got, wanted):
    if got != wanted:
        raise AssertionError(f"{got!r} instead of {wanted!r}")


def draws_and_quits():
    s = Screen()
    s.expect("uwsgi master")
    s.keys("?")
    s.expect("next event of this lane")
    s.keys("\x1bq")
    equal(s.end(), 0)
    if b"\x1b[?1049l" not in s.out:
        raise AssertionError("the other screen was not left")


def arrow_keys():
    s = Screen()
    s.expect("fork")
    s.keys("\x1bOB")  # down, as terminals send it in keypad mode
    s.expect("created by")
    s.keys("q")
    equal(s.end(), 0)


def resizes():
    s = Screen()
    s.expect("uwsgi master")
    s.read(seconds=0.3)
    s.out = b""
    size(s.slave, 160, 30)
    os.kill(s.child.pid, signal.SIGWINCH)
    s.expect("│")  # the details are at the right now
    s.keys("q")
    equal(s.end(), 0)


def ends_by(number):
    def test():
        s = Screen()
        s.expect("uwsgi master")
        s.read(seconds=0.3)
        os.kill(s.child.pid, number)
        equal(s.end(), -number)
        if b"\x1b[?1049l" not in s.out:
            raise AssertionError("the other screen was not left")

    return test


def stops_and_goes_on():
    s = Screen()
    s.expect("uwsgi master")
    s.read(seconds=0.3)
    os.kill(s.child.pid, signal.SIGSTOP)  # nobody can catch this one; then SIGCONT draws anew
    os.waitpid(s.child.pid, os.WUNTRACED)
    s.out = b""
    os.kill(s.child.pid, signal.SIGCONT)
    s.expect("uwsgi master")
    s.keys("q")
    equal(s.end(), 0)


def suspends():
    """SIGTSTP, as ^Z sends it: the terminal is given back while we are stopped."""
    s = Screen(group=True)
    s.expect("uwsgi master")
    s.read(seconds=0.3)
    s.out = b""
    os.kill(s.child.pid, signal.SIGTSTP)
    equal(os.WIFSTOPPED(os.waitpid(s.child.pid, os.WUNTRACED)[1]), True)
    s.expect("\x1b[?1049l")
    if termios.tcgetattr(s.slave) != s.before:
        raise AssertionError("stopped, but the terminal's settings are still ours")
    s.out = b""
    os.kill(s.child.pid, signal.SIGCONT)
    s.expect("uwsgi master")
    s.keys("q")
    equal(s.end(), 0)


def mouse():
    s = Screen()
    s.expect("uwsgi master")
    s.keys("M")
    s.expect("1000h")
    s.keys("\x1b[<0;10;7M\x1b[<0;10;7m")  # a press in column 10 of line 7: the thread's lane
    s.expect("tid 4972")
    s.keys("\x1b[<0;77;24M\x1b[<0;77;24m")  # on `q quit` in the bar
    equal(s.end(), 0)


def copies():
    s = Screen()
    s.expect("uwsgi master")
    s.keys("y")
    s.expect("\x07")
    text = base64.b64decode(re.search(rb"\x1b]52;c;([A-Za-z0-9+/=]*)\x07", s.out)[1]).decode()
    if "the thread `ticker`" not in text or re.search(r"[\x00-\x09\x0b-\x1f]", text):
        raise AssertionError(f"{text!r} in the clipboard")
    s.keys("q")
    equal(s.end(), 0)


def copies_in_tmux():
    """tmux drops a program's OSC 52 unless told otherwise: it is given the text itself."""
    with tempfile.TemporaryDirectory() as where:
        called, tmux = os.path.join(where, "called"), os.path.join(where, "tmux")
        with open(tmux, "w") as f:
            f.write(f'#!/bin/sh\n(echo "$@"; cat) > {called}\n')
        os.chmod(tmux, 0o755)
        s = Screen(TMUX="/tmp/socket,1,0", PATH=where + ":" + os.environ["PATH"])
        s.expect("uwsgi master")
        s.keys("y")
        s.expect("copied to tmux")
        s.keys("q")
        equal(s.end(), 0)
        with open(called) as f:
            text = f.read()
        if not text.startswith("load-buffer -w -\nthe thread `ticker`"):
            raise AssertionError(f"{text!r} given to tmux")


def interrupts_a_prompt():
    """^C leaves what one is at; the second one leaves the viewer."""
    s = Screen(group=True)
    s.expect("uwsgi master")
    s.keys("/nothing like it")
    s.expect("search:")
    s.read(seconds=0.3)
    s.out = b""
    os.kill(s.child.pid, signal.SIGINT)
    s.expect("help")  # the bar is back
    os.kill(s.child.pid, signal.SIGINT)
    equal(s.end(), -signal.SIGINT)


def prompt_is_resized():
    s = Screen()
    s.expect("uwsgi master")
    s.keys("&p:worker")
    s.expect("filter:")
    for columns, rows in ((7, 2), (1, 1), (300, 100), (100, 20)):
        size(s.slave, columns, rows)
        os.kill(s.child.pid, signal.SIGWINCH)
        s.read(seconds=0.2)
    s.keys("\x17\r")  # ^W: the word goes; nothing is filtered
    s.keys("&t:ticker\x15p:worker\r")  # ^U: all of it
    s.expect("filter p")  # while it is typed
    s.keys("q")
    equal(s.end(), 0)


def linux_console():
    s = Screen("linux")
    s.expect("uwsgi master")
    s.read(seconds=0.3)
    if b"===" not in s.out or "━".encode() in s.out:
        raise AssertionError("characters the console's font lacks")
    s.keys("q")
    equal(s.end(), 0)


APP = """import os, threading, time
threading.Thread(target=time.sleep, args=(1,), daemon=True).start()
if os.fork() == 0:
    os._exit(0)
os.wait()
"""


def edits():
    """The line of the evidence, in the editor; a file that is not here is not opened."""
    with tempfile.TemporaryDirectory() as where:
        app, editor, called = (os.path.join(where, name) for name in ("app.py", "editor", "called"))
        own = os.path.join(where, "run.ftrace")
        for path, text in (app, APP), (editor, f'#!/bin/sh\necho "$@" > {called}\n'):
            with open(path, "w") as f:
                f.write(text)
        os.chmod(editor, 0o755)
        subprocess.run([forktrace, "record", "-o", own, "--", "/usr/bin/python3", app], check=True)
        blank, code = os.path.join(where, "my editor"), os.path.join(where, "code")
        os.symlink(editor, blank), os.symlink(editor, code)
        for value, arguments in ((editor + " -x", f"-x +2 {app}"), (f"'{blank}' -c 'set nu'", f"-c set nu +2 {app}"),
                                 (code + " -w", f"-w -g {app}:2")):
            s = Screen(trace=own, EDITOR=value, VISUAL="")
            s.expect("Thread-1")
            s.keys("e")
            s.expect("editing")
            s.keys("q")
            equal(s.end(), 0)
            with open(called) as f:
                equal(f.read(), arguments + "\n")
            os.remove(called)
        os.remove(app)
        s = Screen(trace=own, EDITOR=editor)
        s.expect("Thread-1")
        s.keys("e")
        s.expect("is not on this machine")
        s.keys("q")
        equal(s.end(), 0)
        equal(os.path.exists(called), False)


def replays():
    s = Screen()
    s.expect("uwsgi master")
    s.keys("r")
    s.expect("replay 1")
    s.keys("++++++")
    s.expect("paused", 10)  # it has reached the end
    s.keys("rq")
    equal(s.end(), 0)


def ends_when_the_terminal_goes():
    s = Screen()
    s.expect("uwsgi master")
    s.read(seconds=0.3)
    os.close(s.slave)
    os.close(s.master)
    s.child.wait(5)


def no_colour():
    s = Screen(NO_COLOR="1")
    s.expect("uwsgi master")
    s.read(seconds=0.3)
    if re.search(rb"\x1b\[([\d;]*;)?[34][0-8](;[\d;]*)?m", s.out):  # 39 and 49 are the terminal's own
        raise AssertionError("colours in spite of NO_COLOR")
    s.keys("q")
    equal(s.end(), 0)


def loses_its_file(harm, word, sentence, live):
    def test():
        with tempfile.TemporaryDirectory() as place:
            path = os.path.join(place, "live.ftrace")
            library = os.path.join(os.path.dirname(os.path.abspath(forktrace)), "libforktrace.so")
            program = subprocess.Popen(["/bin/sleep", "60"], env=dict(os.environ, LD_PRELOAD=library, FORKTRACE_OUT=path))
            try:
                while not os.path.exists(path) or not subprocess.run([forktrace, "ps", path], capture_output=True).stdout:
                    time.sleep(0.02)
                s = Screen(trace=path)
                s.expect("LIVE")
                s.out = b""
                harm(path)
                s.expect(sentence)
                s.expect(word)
                s.keys("?")  # what was read is still there, and the title keeps the word
                s.expect("next event of this lane")
                s.keys("\x1b\x0c")
                s.expect("sleep")
                s.expect(word)
                if (b"LIVE" in s.out) != live:
                    raise AssertionError(f"LIVE is {'' if b'LIVE' in s.out else 'not '}in the title: {s.out[:400]}")
                s.keys("q")
                equal(s.end(), 0)
            finally:
                program.kill()
                program.wait()

    return test


def empty(path):
    os.truncate(path, 0)


def cut(path):
    os.truncate(path, 5000)


def replace(path):
    shutil.copy(trace, path + ".new")
    os.rename(path + ".new", path)


def overwrite(path):
    shutil.copy(trace, path)


def refuses(term):
    def test():
        s = Screen(term)
        s.expect("forktrace report")
        equal(s.end(), 2)

    return test


def refuses_a_pipe():
    run = subprocess.run([forktrace, "view", trace], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    equal(run.returncode, 2)
    equal(run.stderr.count("\n"), 1)
    equal(run.stdout, "")


check("draws and quits", draws_and_quits)
check("arrow keys", arrow_keys)
check("resizes", resizes)
for one in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGSEGV, signal.SIGABRT):
    check(f"ends by {one.name}", ends_by(one))
check("stops and goes on", stops_and_goes_on)
check("suspends", suspends)
check("mouse", mouse)
check("copies", copies)
check("copies in tmux", copies_in_tmux)
check("interrupts a prompt", interrupts_a_prompt)
check("a prompt is resized", prompt_is_resized)
check("Linux console", linux_console)
check("edits", edits)
check("replays", replays)
check("ends when the terminal goes", ends_when_the_terminal_goes)
check("no colour", no_colour)
check("its file is emptied", loses_its_file(empty, "emptied", "the trace was emptied while it was followed", False))
check("its file is cut off", loses_its_file(cut, "cut off", "the trace was cut off while it was followed", False))
check("its file is overwritten", loses_its_file(overwrite, "overwritten", "another trace was written over it", False))
check("its file is removed", loses_its_file(os.unlink, "LIVE, file removed", "the trace was removed: it is still followed", True))
check("its file is replaced", loses_its_file(replace, "LIVE, file replaced", "another file has the name of the trace now", True))
for kind in ("dumb", "", "no-such-terminal"):
    check(f"refuses TERM={kind}", refuses(kind))
check("refuses a pipe", refuses_a_pipe)
print(f"{passed} passed, {failed} failed")
sys.exit(failed > 0)

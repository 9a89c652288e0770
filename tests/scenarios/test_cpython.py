"""CPython's own tests pass under the library as they do without it, with and without a watch: every
test that ran, and how it ended. A part of them that takes little time; the whole is run by hand."""
import os
import re
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor

from harness import BUILD, PYTHON, Skip, scenario

# Modules, and of the long ones the classes and tests that fork, signal and start threads.
PARTS = {
    "test_dict test_global test_fork1 test_atexit test_thread test__xxsubinterpreters test_dict_version": None,
    "test_os": ["test.test_os.ForkTests.*", "test.test_os.ExecTests.*", "test.test_os.TestPosixSpawn*",
                "test.test_os.SpawnTests.*", "test.test_os.PidTests.*", "test.test_os.EnvironTests.*"],
    "test_threading": ["test.test_threading.ThreadJoinOnShutdown.*", "test.test_threading.SubinterpThreadingTests.*",
                       "test.test_threading.ThreadTests.test_*fork*", "test.test_threading.ThreadTests.test_final*",
                       "test.test_threading.ThreadingExceptionTests.*", "test.test_threading.TimerTests.*"],
    "test_signal": ["test.test_signal.PosixTests.*", "test.test_signal.PendingSignalsTests.test_sig*",
                    "test.test_signal.StressTest.*"],
    "test_subprocess": ["test.test_subprocess.POSIXProcessTestCase.test_p*",
                        "test.test_subprocess.RunFuncTestCase.*"],
    "test_multiprocessing_fork": ["*WithProcessesTestProcess.test_a*", "*WithProcessesTestQueue.*",
                                  "*WithProcessesTestLock.*", "*WithProcessesTestCondition.test_notify*"],
}


def outcomes(environment):
    """{test: how it ended}. A test may be named twice (a description): the last word counts."""
    result = {}
    for modules, matches in PARTS.items():
        options = [word for match in matches or [] for word in ("-m", match)]
        done = subprocess.run([PYTHON, "-m", "test", "-v", "--timeout=100", *options, *modules.split()], env=environment,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=300)
        result[modules] = done.returncode
        found = re.findall(r"^(test\w*) \(([\w.]+)\)[^\n]*?(?:\n[^\n]*?)?\.\.\. .*?(ok|FAIL|ERROR|skipped)\b",
                           done.stdout + done.stderr, re.MULTILINE)
        result.update({f"{where}.{test}": how for test, where, how in found})
    return result


@scenario("cpython's own tests")
def cpython(check):
    if subprocess.run([PYTHON, "-c", "import test.test_fork1"], capture_output=True).returncode:
        raise Skip("CPython's tests are not installed: apt-get install libpython3.11-testsuite")
    plain = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"}
    with tempfile.TemporaryDirectory() as directory:
        traced = {**plain, "LD_PRELOAD": str(BUILD / "libforktrace.so"), "FORKTRACE_OUT": directory + "/%e.%p.ftrace"}
        watched = {**traced, "FORKTRACE_PYTHON": "all", "FORKTRACE_WATCH": "py:__main__.*"}
        with ThreadPoolExecutor(3) as pool:  # they sleep most of the time
            expected, *others = pool.map(outcomes, (plain, traced, watched))
        check.true("tests that say how they ended", len(expected) > 250, len(expected))
        for what, got in zip(("with the library", "and every global watched"), others):
            check.equal(what, {t: h for t, h in got.items() if expected.get(t) != h}, {})
            check.equal(f"{what}: tests not run", sorted(expected.keys() - got.keys()), [])

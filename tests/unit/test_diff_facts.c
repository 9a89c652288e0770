/*
 * test_diff_facts.c: what is told of two runs, and what of it counts: handlers, ends, addresses, waits,
 * globals, and what one of them could not see.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/un.h>

#include "two_runs.h"

TestSuite(diff_facts, .init = trace_begin, .fini = end);

/* --- handlers, ends ------------------------------------------------------------------------------- */

Test(diff_facts, handlers_at_the_end)
{
    root = trace_image(100, 1, FT_BIRTH_ROOT, "server");
    trace_sigaction(root, SIGTERM, 0, 1);
    trace_sigaction(root, SIGHUP, 0, 1);
    trace_sigaction(root, SIGHUP, 1, 0);
    const char *a = trace_another();
    root = trace_image(200, 1, FT_BIRTH_ROOT, "server");
    trace_sigaction(root, SIGTERM, 0, 1);
    trace_sigaction(root, SIGUSR1, 0, 1);
    compare(a);
    cr_expect(fact(SECTION_SIGNALS, "SIGTERM")->same);
    const struct fact *only = fact(SECTION_SIGNALS, "SIGUSR1");
    cr_expect(only->counts && !only->says[0] && !strcmp(only->says[1], "ignored in server"));
    cr_expect_eq(d->differences, 1);
    cr_expect(strstr(d->answer.text, "SIGUSR1"), "%s", d->answer.text);
}

Test(diff_facts, an_end_by_a_signal_counts)
{
    root = trace_image(100, 1, FT_BIRTH_ROOT, "server");
    ft_ref child = trace_forked(root, 101);
    leave(child, 0);
    trace_reap(root, 101, 0);
    leave(root, 0);
    const char *a = trace_another();
    root = trace_image(200, 1, FT_BIRTH_ROOT, "server");
    trace_forked(root, 201);
    trace_reap(root, 201, SIGSEGV);
    leave(root, 0);
    compare(a);
    cr_expect_eq(d->differences, 1);
    cr_expect(strstr(d->answer.text, "killed by SIGSEGV"), "%s", d->answer.text);
}

/* 30 is how uWSGI's workers end when they are told to, 22 that the app could not be loaded. */
static void ended_with(int status)
{
    flask();
    const char *a = trace_another();
    root = trace_image(200, 1, FT_BIRTH_ROOT, "uwsgi --master");
    ft_ref worker = trace_forked(root, 201);
    leave(worker, status);
    trace_reap(root, 201, status << 8);
    leave(root, 0);
    compare(a);
}

Test(diff_facts, a_worker_that_ends_as_its_master_wants)
{
    ended_with(30);
    cr_expect_not(fact(SECTION_ENDS, "flask / uwsgi master")->counts);
}

Test(diff_facts, a_worker_that_fails)
{
    ended_with(22);
    cr_expect(fact(SECTION_ENDS, "flask / uwsgi master")->counts);
}

Test(diff_facts, an_end_that_nobody_saw_is_no_difference)
{
    root = trace_image(100, 1, FT_BIRTH_ROOT, "server");
    leave(root, 0);
    const char *a = trace_another();
    trace_image(200, 1, FT_BIRTH_ROOT, "server");
    compare(a);
    const struct fact *end_of = fact(SECTION_ENDS, "server");
    cr_expect_eq(d->differences, 0);
    cr_expect_not(end_of->same);
    cr_expect_eq(end_of->unseen, 1);
    cr_expect(strstr(end_of->reason, "nobody recorded its end"), "%s", end_of->reason);
}

/* B's helper is static: that it has no handler, nobody knows. Its twin is seen, and has none. */
static void helper(uint32_t pid, bool covered, bool installs)
{
    root = trace_image(pid, 1, FT_BIRTH_ROOT, "server");
    ft_ref child = trace_forked(root, pid + 1);
    if (covered) {
        trace_exec(child, "/usr/bin/helper");
        ft_ref image = trace_image(pid + 1, pid, FT_BIRTH_EXEC, "helper");
        if (installs) trace_sigaction(image, SIGUSR2, 0, 1);
        leave(image, 0);
    } else {
        trace_blind(child, 0, "/usr/bin/helper", FT_BLIND_STATIC);
        trace_exec(child, "/usr/bin/helper");
    }
    trace_reap(root, (int)pid + 1, 0);
    leave(root, 0);
}

Test(diff_facts, what_was_not_covered_is_not_missing)
{
    helper(100, true, true);
    const char *a = trace_another();
    helper(200, false, false);
    compare(a);
    const struct fact *handler = fact(SECTION_SIGNALS, "SIGUSR2");
    cr_expect_not(handler->counts);
    cr_expect_eq(handler->unseen, 1);
    cr_expect(strstr(handler->reason, "static"), "%s", handler->reason);
    cr_expect_eq(d->differences, 0);
    char *text = written(diff_text);
    cr_expect(strstr(text, "Not seen in B: helper: static"), "%s", text);
    free(text);
}

Test(diff_facts, what_was_covered_is_missing)
{
    helper(100, true, true);
    const char *a = trace_another();
    helper(200, true, false);
    compare(a);
    cr_expect(fact(SECTION_SIGNALS, "SIGUSR2")->counts);
    cr_expect_eq(d->differences, 1);
}

#define INTERPRETER 0x401000 /* libpython: where trace_thread() starts threads */

/* A Python, with a thread `name` (NULL: it has no name that is known) and one that libpython starts in C. */
static void python(uint32_t pid, const char *name, bool watchdog)
{
    root = trace_image(pid, 1, FT_BIRTH_ROOT, "server");
    trace_object(root, "/usr/lib/libpython3.11.so.1.0", INTERPRETER, INTERPRETER + 0x1000);
    trace_sigaction(root, SIGTERM, 0, INTERPRETER + 0x80);
    thread = trace_thread_at(root, pid, pid + 10, 0xabc);
    if (name) trace_py_thread(root, thread, name);
    if (watchdog) trace_thread_at(root, pid, pid + 11, 0xdef);
    usleep(A_WHILE);
}

Test(diff_facts, names_that_a_setting_leaves_out)
{
    python(100, "ticker", false);
    const char *a = trace_another();
    python(200, NULL, false);
    trace_note(root, FT_NOTE_LEFT_OUT, FT_LEFT_OUT_PYTHON);
    compare(a);
    const struct fact *ticker = fact(SECTION_THREADS, "ticker");
    cr_expect_not(ticker->counts);
    cr_expect_eq(ticker->unseen, 1);
    cr_expect(strstr(ticker->reason, "FORKTRACE_PYTHON=off"), "%s", ticker->reason);
    cr_expect_eq(d->differences, 0);
    char *text = written(diff_text);
    cr_expect(strstr(text, "Not seen in B: server: left out, as a setting asks"), "%s", text);
    free(text);
}

Test(diff_facts, globals_that_a_setting_leaves_out_hide_no_thread)
{
    python(100, "ticker", false);
    const char *a = trace_another();
    root = trace_image(200, 1, FT_BIRTH_ROOT, "server");
    trace_note(root, FT_NOTE_LEFT_OUT, FT_LEFT_OUT_GLOBALS);
    compare(a);
    cr_expect(fact(SECTION_THREADS, "ticker")->counts);
}

/* faulthandler's: its names were looked for, and it has none. */
Test(diff_facts, a_nameless_thread_of_python_is_one_like_others)
{
    python(100, "ticker", true);
    const char *a = trace_another();
    python(200, "ticker", false);
    compare(a);
    cr_expect_eq(d->differences, 1);
}

/* --- addresses ---------------------------------------------------------------------------------- */

static void binds(ft_ref by, uint16_t port, int error)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
    inet_pton(AF_INET, "127.0.0.1", &in.sin_addr);
    trace_bind(by, &in, sizeof in, error);
}

static void binds_path(ft_ref by, const char *path)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    strcpy(un.sun_path, path);
    trace_bind(by, &un, sizeof un, 0);
}

Test(diff_facts, ports_that_the_user_or_the_kernel_chose)
{
    root = trace_image(100, 1, FT_BIRTH_ROOT, "server --port=8000");
    binds(root, 8000, 0), binds(root, 41000, 0), binds(root, 9100, 0);
    binds_path(root, "/tmp/pymp-8x2f9a0q/listener-q1w2e3r4"), binds_path(root, "/run/app-4711.sock");
    const char *a = trace_another();
    root = trace_image(200, 1, FT_BIRTH_ROOT, "server --port=8080");
    binds(root, 8080, 0), binds(root, 52000, 0), binds(root, 9100, EADDRINUSE);
    binds_path(root, "/tmp/pymp-0zk_31_b/listener-aaaabbbb"), binds_path(root, "/run/app-98765.sock");
    compare(a);
    cr_expect(fact(SECTION_ADDRESSES, "127.0.0.1:the port of its command line")->same);
    cr_expect(fact(SECTION_ADDRESSES, "127.0.0.1:a port of the kernel's range")->same);
    cr_expect(fact(SECTION_ADDRESSES, "/tmp/pymp-*/listener-*")->same);
    cr_expect(fact(SECTION_ADDRESSES, "/run/app-*.sock")->same);
    const struct fact *conflict = fact(SECTION_ADDRESSES, "127.0.0.1:9100");
    cr_expect(conflict->counts);
    cr_expect_str_eq(conflict->says[1], "asked for in vain (EADDRINUSE) by server");
}

/* 80 is not in 8080, and 8080 not in 18080. */
Test(diff_facts, a_port_that_only_looks_like_one_of_the_command_line)
{
    root = trace_image(100, 1, FT_BIRTH_ROOT, "server 8080");
    binds(root, 80, 0);
    const char *a = trace_another();
    root = trace_image(200, 1, FT_BIRTH_ROOT, "server 18080");
    binds(root, 8080, 0);
    compare(a);
    cr_expect(fact(SECTION_ADDRESSES, "127.0.0.1:80")->counts);
    cr_expect(fact(SECTION_ADDRESSES, "127.0.0.1:8080")->counts);
}

/* --- waits, globals ------------------------------------------------------------------------------- */

#define SOME_LOCK 0x7f0000001000

static void waits(uint32_t pid, bool for_ghost)
{
    root = trace_image(pid, 1, FT_BIRTH_ROOT, "prog");
    thread = trace_thread_at(root, pid, pid + 10, 0xabc);
    ft_ref fork = trace_fork(root, FT_FORK_fork, (int32_t)pid + 1);
    if (for_ghost) trace_held(root, fork, thread, SOME_LOCK);
    trace_child(fork, pid + 1);
    if (for_ghost) trace_waiting(fork, SOME_LOCK, pid + 10);
    usleep(A_WHILE);
    trace_kill(root, FT_KILL_kill, pid + 1, SIGKILL);
    trace_reap(root, (int)pid + 1, SIGKILL);
    leave(root, 0);
}

Test(diff_facts, a_deadlock_is_the_answer)
{
    waits(100, false);
    const char *a = trace_another();
    waits(200, true);
    compare(a);
    bool counts = false;
    for (size_t i = 0; i < d->fact_count; i++)
        counts |= d->facts[i].section == SECTION_WAITS && d->facts[i].counts;
    cr_expect(counts);
    cr_expect(!strncmp(d->answer.text, "In B only: ", 11), "%s", d->answer.text);
    cr_expect(d->findings[0].of[1] && d->findings[0].of[1]->rule == RULE_child_deadlock);
}

static void counts_in_c(uint32_t pid, bool watched, unsigned writes)
{
    root = trace_image(pid, 1, FT_BIRTH_ROOT, "server");
    if (watched) {
        trace_c_watch(root, "counter", 0, 1, 1);
        ft_ref global = trace_c_global(root, "counter", 8, 0, 1);
        trace_c_site(root, global, 1, 0x4000, 0);
        while (writes-- > 0) trace_c_write(root, 1, 5 + writes, 0);
    }
    leave(root, 0);
}

Test(diff_facts, a_c_global_that_was_not_watched)
{
    counts_in_c(100, true, 3);
    const char *a = trace_another();
    counts_in_c(200, false, 0);
    compare(a);
    const struct fact *counter = fact(SECTION_GLOBALS, "counter");
    cr_expect_not(counter->counts);
    cr_expect_eq(counter->unseen, 1);
    cr_expect(strstr(counter->reason, "not watched"), "%s", counter->reason);
    cr_expect_eq(d->differences, 0);
}

Test(diff_facts, a_c_global_that_only_one_run_writes)
{
    counts_in_c(100, true, 3);
    const char *a = trace_another();
    counts_in_c(200, true, 0);
    compare(a);
    cr_expect(fact(SECTION_GLOBALS, "counter")->counts);
}

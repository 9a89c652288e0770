/* test_diff.c: two runs made by hand, side by side. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "build_trace.h"
#include "viewer/command.h"
#include "viewer/diff/diff.h"

static struct loaded loaded[2];
static struct diff *d;

/* What has been written is B, what was before trace_another is A. */
static void compare(const char *a)
{
    cr_assert_eq(load(&loaded[0], a, false), 0);
    cr_assert_eq(load(&loaded[1], trace_path(), false), 0);
    cr_assert(d = diff_of(&loaded[0], &loaded[1]));
}

static void end(void)
{
    if (d) diff_free(d), unload(&loaded[0]), unload(&loaded[1]);
    trace_end();
}
TestSuite(diff, .init = trace_begin, .fini = end);

static const struct fact *fact(enum section section, const char *subject)
{
    for (size_t i = 0; i < d->fact_count; i++)
        if (d->facts[i].section == section && !strcmp(d->facts[i].subject, subject)) return &d->facts[i];
    cr_assert(false, "nothing is told of %s", subject);
    return NULL;
}

static char *written(diff_format *format)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    cr_assert(out && format(out, d));
    fclose(out);
    return text;
}

/* --- programs ----------------------------------------------------------------------------------- */

#define A_WHILE 60000 /* us: longer than a moment */

static ft_ref root, thread;

static void with_thread(uint32_t pid, const char *argv, const char *name)
{
    root = trace_image(pid, 1, FT_BIRTH_ROOT, argv);
    thread = trace_thread_at(root, pid, pid + 10, 0xabc);
    trace_thread_name(root, 0xabc, name);
}

static void leave(ft_ref who, int status) { trace_exit(who, FT_EXIT__exit, status); }

/* A server: a thread, then workers, which work until they are told to end. */
static void server(uint32_t pid, const char *argv, unsigned workers)
{
    with_thread(pid, argv, "ticker");
    ft_ref worker[8];
    for (uint32_t i = 0; i < workers; i++) worker[i] = trace_forked(root, pid + 20 + i);
    usleep(A_WHILE);
    for (uint32_t i = 0; i < workers; i++) {
        trace_kill(root, FT_KILL_kill, pid + 20 + i, SIGTERM);
        leave(worker[i], 30);
        trace_reap(root, (int)(pid + 20 + i), 30 << 8);
    }
    leave(root, 0);
}

/* --- tests -------------------------------------------------------------------------------------- */

Test(diff, two_runs_of_one_program_are_the_same)
{
    server(100, "uwsgi --master --port 8000", 3);
    const char *a = trace_another();
    server(7000, "uwsgi --master --port 9000", 2);
    compare(a);
    cr_expect_eq(d->differences, 0);
    cr_expect_str_eq(d->answer.text, "Nothing differs that matters.");
    for (size_t i = 0; i < d->fact_count; i++) cr_expect(d->facts[i].same, "%s", d->facts[i].subject);
    cr_expect_str_eq(fact(SECTION_THREADS, "ticker")->says[1],
                     "runs in uwsgi master; lost at the fork in uwsgi worker 1 and 2");
}

Test(diff, one_process_is_what_a_master_and_its_workers_are_together)
{
    with_thread(100, "flask run", "ticker");
    leave(root, 0);
    const char *a = trace_another();
    server(200, "uwsgi --master", 2);
    compare(a);
    cr_expect_eq(d->part_count, 1);
    cr_expect_str_eq(d->parts[0].name, "flask / uwsgi master");
    cr_expect(d->parts[0].split);
    cr_expect(d->differences > 0);
    cr_expect(strstr(d->answer.text,
                     "Under uwsgi, `ticker` does not exist in uwsgi worker 1 and 2: it was started in uwsgi "
                     "master (pid 200)"),
              "%s", d->answer.text);
    cr_expect(strstr(d->answer.text, "Under flask it runs in flask, the only process."), "%s",
              d->answer.text);
    cr_expect(d->fix);
    cr_expect(fact(SECTION_THREADS, "ticker")->counts);
    cr_expect(fact(SECTION_PROCESSES, "flask / uwsgi master")->counts);
    /* 30 is what uWSGI's workers tell their master. */
    cr_expect_not(fact(SECTION_ENDS, "flask / uwsgi master")->counts);
}

Test(diff, the_same_in_the_other_order)
{
    server(200, "uwsgi --master", 2);
    const char *a = trace_another();
    with_thread(100, "flask run", "ticker");
    leave(root, 0);
    compare(a);
    cr_expect(strstr(d->answer.text, "Under uwsgi, `ticker` does not exist in"), "%s", d->answer.text);
    cr_expect_null(d->findings[0].of[1]);
    cr_expect(d->findings[0].counts);
}

Test(diff, servers_of_two_kinds_are_matched_by_their_places)
{
    server(100, "gunicorn", 1);
    const char *a = trace_another();
    server(200, "uwsgi --master", 1);
    compare(a);
    cr_expect_eq(d->part_count, 2);
    cr_expect_str_eq(d->parts[0].name, "gunicorn arbiter / uwsgi master");
    cr_expect_str_eq(d->parts[1].name, "gunicorn worker / uwsgi worker");
    cr_expect_eq(d->differences, 0);
}

/* A script that starts the server is not what is compared. */
Test(diff, servers_behind_a_shell)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(8000)};
    with_thread(100, "flask run", "ticker");
    trace_bind(root, &in, sizeof in, 0);
    leave(root, 0);
    const char *a = trace_another();
    ft_ref shell = trace_image(180, 1, FT_BIRTH_ROOT, "sh run.sh");
    ft_ref child = trace_forked(shell, 200);
    trace_exec(child, "/usr/bin/uwsgi");
    root = trace_image(200, 180, FT_BIRTH_EXEC, "uwsgi --master");
    trace_bind(root, &in, sizeof in, 0);
    thread = trace_thread_at(root, 200, 210, 0xabc);
    trace_thread_name(root, 0xabc, "ticker");
    ft_ref worker = trace_forked(root, 201);
    usleep(A_WHILE);
    trace_kill(root, FT_KILL_kill, 201, SIGTERM);
    leave(worker, 30);
    trace_reap(root, 201, 30 << 8);
    leave(root, 0), leave(shell, 0);
    compare(a);
    cr_expect_eq(d->part_count, 2);
    cr_expect_str_eq(d->parts[0].name, "flask / uwsgi master");
    cr_expect_str_eq(d->parts[1].name, "sh");
    cr_expect(!strncmp(d->answer.text, "Under uwsgi, `ticker` does not run where requests are served", 60),
              "%s", d->answer.text);
}

/* A worker that starts its own: nothing is lost, but what should be done once is done by each. */
Test(diff, a_thread_in_each_worker)
{
    with_thread(100, "flask run", "ticker");
    leave(root, 0);
    const char *a = trace_another();
    root = trace_image(200, 1, FT_BIRTH_ROOT, "uwsgi --master");
    ft_ref worker[2] = {trace_forked(root, 220), trace_forked(root, 221)};
    for (uint32_t i = 0; i < 2; i++) {
        trace_thread_at(worker[i], 220 + i, 230 + i, 0xabc);
        trace_thread_name(worker[i], 0xabc, "ticker");
    }
    leave(worker[0], 30), leave(worker[1], 30);
    leave(root, 0);
    compare(a);
    cr_expect(fact(SECTION_THREADS, "ticker")->counts);
    cr_expect_str_eq(fact(SECTION_THREADS, "ticker")->says[1], "runs once each in uwsgi worker 1 and 2");
}

Test(diff, handlers_at_the_end)
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

Test(diff, an_end_by_a_signal_counts)
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
    with_thread(100, "flask run", "ticker");
    leave(root, 0);
    const char *a = trace_another();
    root = trace_image(200, 1, FT_BIRTH_ROOT, "uwsgi --master");
    ft_ref worker = trace_forked(root, 201);
    leave(worker, status);
    trace_reap(root, 201, status << 8);
    leave(root, 0);
    compare(a);
}

Test(diff, a_worker_that_ends_as_its_master_wants)
{
    ended_with(30);
    cr_expect_not(fact(SECTION_ENDS, "flask / uwsgi master")->counts);
}

Test(diff, a_worker_that_fails)
{
    ended_with(22);
    cr_expect(fact(SECTION_ENDS, "flask / uwsgi master")->counts);
}

Test(diff, an_end_that_nobody_saw_is_no_difference)
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

Test(diff, what_was_not_covered_is_not_missing)
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

Test(diff, what_was_covered_is_missing)
{
    helper(100, true, true);
    const char *a = trace_another();
    helper(200, true, false);
    compare(a);
    cr_expect(fact(SECTION_SIGNALS, "SIGUSR2")->counts);
    cr_expect_eq(d->differences, 1);
}

static const struct shared_finding *lost_thread(void)
{
    for (size_t i = 0; i < d->finding_count; i++) {
        const struct finding *x = d->findings[i].of[0] ? d->findings[i].of[0] : d->findings[i].of[1];
        if (x->rule == RULE_thread_lost) return &d->findings[i];
    }
    return NULL;
}

Test(diff, findings_are_matched_by_their_fingerprint)
{
    server(100, "uwsgi --master", 2);
    const char *a = trace_another();
    server(3000, "uwsgi --master", 3);
    compare(a);
    const struct shared_finding *lost = lost_thread();
    cr_assert(lost);
    cr_expect(lost->of[0] && lost->of[1] && !lost->counts);
}

Test(diff, an_empty_trace)
{
    const char *a = trace_another();
    server(100, "uwsgi --master", 1);
    compare(a);
    cr_expect(d->differences > 0);
    free(written(diff_text)), free(written(diff_json));
}

Test(diff, names_do_not_act_on_the_terminal)
{
    with_thread(100, "prog \033[2J\xff", "\033]0;x\007");
    leave(root, 0);
    const char *a = trace_another();
    server(200, "other\033[31m", 1);
    compare(a);
    char *text[] = {written(diff_text), written(diff_json)};
    for (int i = 0; i < 2; i++) {
        cr_expect_not(strpbrk(text[i], "\033\007"), "%s", text[i]);
        cr_expect_null(strchr(text[i], '\xff'));
        cr_expect(strstr(text[i], i ? "\\u001b" : "\\x1b"), "%s", text[i]);
        free(text[i]);
    }
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

Test(diff, ports_that_the_user_or_the_kernel_chose)
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
Test(diff, a_port_that_only_looks_like_one_of_the_command_line)
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

Test(diff, a_deadlock_is_the_answer)
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

Test(diff, a_c_global_that_was_not_watched)
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

Test(diff, a_c_global_that_only_one_run_writes)
{
    counts_in_c(100, true, 3);
    const char *a = trace_another();
    counts_in_c(200, true, 0);
    compare(a);
    cr_expect(fact(SECTION_GLOBALS, "counter")->counts);
}

/* What a script may look for is always there, as null if it is nothing. */
Test(diff, every_key_of_the_json)
{
    root = trace_image(100, 1, FT_BIRTH_ROOT, "server");
    const char *a = trace_another();
    server(200, "uwsgi --master", 1);
    compare(a);
    static const char *const keys[] = {"schema",      "a",         "b",         "answer",     "fix",
                                       "differences", "parts",     "findings",  "facts",      "file",
                                       "program",     "argv",      "processes", "threads",    "complete",
                                       "lost",        "uncovered", "rule",      "subject",    "fingerprint",
                                       "in",          "counts",    "reason",    "severity_a", "severity_b",
                                       "title_a",     "title_b",   "section",   "same",       "not_seen_in"};
    char *text = written(diff_json), key[64];
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        snprintf(key, sizeof key, "\"%s\":", keys[i]);
        cr_expect(strstr(text, key), "%s", key);
    }
    cr_expect(strstr(text, "\"forktrace-diff/1\""));
    free(text);
}

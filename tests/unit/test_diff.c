/* test_diff.c: two runs side by side: what is compared with what, threads, the answer, what is written. */
#include <cjson/cJSON.h>
#include <netinet/in.h>
#include <signal.h>

#include "two_runs.h"

TestSuite(diff, .init = trace_begin, .fini = end);

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
    flask();
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
    flask();
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
    flask();
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

/* One thread of that name for a moment, one for longer: in each worker there are both. */
Test(diff, a_process_with_two_of_a_kind_is_told_once)
{
    root = trace_image(100, 1, FT_BIRTH_ROOT, "server");
    for (uint32_t pid = 120; pid < 122; pid++) {
        ft_ref worker = trace_forked(root, pid);
        thread = trace_thread_at(worker, pid, pid + 10, 0xabc);
        trace_thread_name(worker, 0xabc, "pool-1");
        trace_thread_end(thread, FT_THREAD_END_returned);
        trace_thread_at(worker, pid, pid + 20, 0xdef);
        trace_thread_name(worker, 0xdef, "pool-2");
        leave(worker, 0);
    }
    leave(root, 0);
    const char *a = trace_another();
    trace_forked(trace_image(200, 1, FT_BIRTH_ROOT, "server"), 220);
    compare(a);
    const char *says = fact(SECTION_THREADS, "pool")->says[0];
    cr_expect(says && !strcmp(says, "runs in server child 1 and 2 (each for a moment)"), "%s", says);
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

/* --- JSON --------------------------------------------------------------------------------------- */

/* The object, or the first of the array, has just these keys, separated by blanks. */
static void has_keys(const cJSON *object, const char *keys)
{
    char found[512] = "";
    const cJSON *of = cJSON_IsArray(object) ? object->child : object, *key;
    cr_assert(cJSON_IsObject(of), "%s", keys);
    cJSON_ArrayForEach(key, of)
    {
        size_t used = strlen(found);
        snprintf(found + used, sizeof found - used, "%s%s", used ? " " : "", key->string);
    }
    cr_expect_str_eq(found, keys);
}

/* What a script may look for is always there, as null if it is nothing: A has nothing to say. */
Test(diff, every_key_of_the_json)
{
    root = trace_image(100, 1, FT_BIRTH_ROOT, "server");
    const char *a = trace_another();
    server(200, "uwsgi --master", 1);
    compare(a);
    char *text = written(diff_json);
    cJSON *all = cJSON_Parse(text);
    has_keys(all, "schema a b answer fix differences parts findings facts");
    cr_expect_str_eq(cJSON_GetObjectItem(all, "schema")->valuestring, "forktrace-diff/1");
    for (const char *run = "a\0b\0"; *run; run += 2)
        has_keys(cJSON_GetObjectItem(all, run),
                 "file program argv processes threads complete lost uncovered");
    has_keys(cJSON_GetObjectItem(all, "parts"), "name a b");
    has_keys(cJSON_GetObjectItem(all, "findings"),
             "rule subject fingerprint in counts not_seen_in reason severity_a severity_b title_a title_b");
    has_keys(cJSON_GetObjectItem(all, "facts"), "section subject same counts a b not_seen_in reason");
    cJSON_Delete(all);
    free(text);
}

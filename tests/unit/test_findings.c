/* test_findings.c: rules on timelines made by hand: a sick one, and its healthy twin. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "find_one.h"

TestSuite(findings, .init = trace_begin, .fini = trace_end);

Test(findings, a_thread_lost_at_a_fork)
{
    forked_with_a_thread(A_WHILE);
    trace_kill(root, FT_KILL_kill, 101, SIGTERM); /* a worker, that works until it is told to end */
    trace_exit(child, FT_EXIT__exit, 0);
    trace_reap(root, 101, 0);
    const struct finding *x = one(NULL, RULE_thread_lost);
    expect_severity(x, SEVERITY_WARNING);
    cr_expect_str_eq(x->subject, "ticker");
    cr_expect_eq(x->processes.count, 1);
    cr_expect_eq(x->processes.list[0], 1);
    cr_expect_eq(x->threads.count, 1);
    cr_expect_eq(x->evidence.count, 2); /* its creation and the fork */
    cr_expect(strstr(x->title, "`ticker`") && strstr(x->title, "prog child 1"), "%s", x->title);
}

Test(findings, a_child_that_does_one_job_can_do_without_the_thread)
{
    forked_with_a_thread(A_WHILE);
    trace_exit(child, FT_EXIT__exit, 0);
    trace_reap(root, 101, 0);
    expect_severity(one(NULL, RULE_thread_lost), SEVERITY_NOTE);
}

/* A Python whose names are not recorded: its thread, and a child that starts one itself: the same or not, who
 * knows. */
static void unnamed_python(bool dark)
{
    root = trace_image(100, 1, FT_BIRTH_ROOT, "server");
    trace_object(root, "/usr/lib/libpython3.11.so.1.0", 0x401000,
                 0x402000); /* trace_thread() starts them there */
    if (dark) trace_note(root, FT_NOTE_LEFT_OUT, FT_LEFT_OUT_PYTHON);
    thread = trace_thread_at(root, 100, 110, 0xabc);
    child = trace_forked(root, 101);
    usleep(A_WHILE);
}

static void its_own(void)
{
    trace_thread_at(child, 101, 120, 0xdef);
    trace_sigaction(root, SIGHUP, 0, 1); /* time goes on */
}

Test(findings, a_thread_of_which_nobody_knows_what_it_runs_is_lost)
{
    unnamed_python(true);
    its_own();
    expect_severity(one((uint32_t[]){100, 101, 0}, RULE_thread_lost), SEVERITY_WARNING);
    cr_expect_null(one((uint32_t[]){100, 101, 0}, RULE_duplicate_thread));
}

Test(findings, one_that_was_looked_for_a_name_and_has_none_is_what_it_runs)
{
    unnamed_python(false);
    its_own();
    cr_expect_null(one((uint32_t[]){100, 101, 0}, RULE_thread_lost));
    cr_expect(one((uint32_t[]){100, 101, 0}, RULE_duplicate_thread));
}

Test(findings, a_job_without_a_thread_of_python_is_not_known_to_be_done)
{
    unnamed_python(true);
    trace_exit(child, FT_EXIT__exit, 0);
    trace_reap(root, 101, 0);
    expect_severity(one((uint32_t[]){100, 0}, RULE_thread_lost), SEVERITY_WARNING);
}

Test(findings, several_children_are_one_finding)
{
    forked_with_a_thread(0);
    trace_forked(root, 102);
    const struct finding *x = one((uint32_t[]){100, 101, 102, 0}, RULE_thread_lost);
    expect_severity(x, SEVERITY_WARNING);
    cr_expect_eq(x->processes.count, 2);
}

Test(findings, nothing_is_lost_by_a_child_that_execs_or_leaves_at_once)
{
    forked_with_a_thread(A_WHILE);
    trace_exec(child, "/bin/true");
    trace_image(101, 100, FT_BIRTH_EXEC, "true");
    ft_ref short_lived = trace_forked(root, 102);
    trace_exit(short_lived, FT_EXIT__exit, 0);
    trace_reap(root, 102, 0);
    cr_expect_null(one((uint32_t[]){100, 101, 0}, RULE_thread_lost));
}

Test(findings, a_thread_that_had_ended_is_not_lost)
{
    root = trace_image(100, 1, FT_BIRTH_ROOT, "prog");
    thread = trace_thread_at(root, 100, 110, 0xabc);
    trace_thread_end(thread, FT_THREAD_END_returned);
    trace_forked(root, 101);
    cr_expect_null(one((uint32_t[]){100, 101, 0}, RULE_thread_lost));
    findings_free(found);
    found = findings_find(trace_timeline((uint32_t[]){100, 101, 0}));
    cr_expect_eq(found->count, 0);
}

/* Baselines compare traces of different versions: FNV-1a of rule and subject, no pid, no address. */
Test(findings, the_fingerprint_is_for_ever)
{
    forked_with_a_thread(0);
    const struct finding *x = one((uint32_t[]){100, 101, 0}, RULE_thread_lost);
    cr_assert(x);
    cr_expect_str_eq(x->fingerprint, "thread-lost-at-fork:026beb943e9fadf5");
}

Test(findings, a_handler_replaced_by_somebody_else)
{
    root = trace_image(100, 1, FT_BIRTH_ROOT, "prog");
    trace_object(root, "/opt/app", 0x10000, 0x20000);
    trace_object(root, "/opt/libserver.so", 0x30000, 0x40000);
    trace_sigaction(root, SIGTERM, 0, 0x10100);
    trace_sigaction(root, SIGTERM, 0x10100, 0x30100);
    const struct finding *x = one((uint32_t[]){100, 0}, RULE_handler_replaced);
    expect_severity(x, SEVERITY_WARNING);
    cr_expect(strstr(x->title, "SIGTERM") && strstr(x->title, "libserver.so"), "%s", x->title);
}

Test(findings, a_handler_replaced_by_its_owner_or_set_aside)
{
    root = trace_image(100, 1, FT_BIRTH_ROOT, "prog");
    trace_object(root, "/opt/app", 0x10000, 0x20000);
    trace_object(root, "/opt/libserver.so", 0x30000, 0x40000);
    trace_sigaction(root, SIGTERM, 0, 0x10100);
    trace_sigaction(root, SIGTERM, 0x10100, 0x10200); /* the same party */
    trace_sigaction(root, SIGTERM, 0x10200, 0);       /* default */
    trace_sigaction(root, SIGTERM, 0, 0x30100);
    trace_sigaction(root, SIGINT, 0, 0x10100);
    trace_sigaction(root, SIGINT, 0x10100, 0x30100); /* for a while */
    trace_sigaction(root, SIGINT, 0x30100, 0x10100);
    cr_expect_null(one((uint32_t[]){100, 0}, RULE_handler_replaced));
}

Test(findings, a_zombie)
{
    root = trace_image(100, 1, FT_BIRTH_ROOT, "prog");
    child = trace_forked(root, 101);
    trace_exit(child, FT_EXIT__exit, 0);
    usleep(A_WHILE);
    trace_exit(root, FT_EXIT_end, 0);
    const struct finding *x = one(NULL, RULE_zombie);
    expect_severity(x, SEVERITY_NOTE);
    cr_expect_str_eq(x->subject, "prog");
}

/* The wait, or an install that ignores SIGCHLD, may be among what was overwritten. */
Test(findings, a_zombie_is_not_known_where_records_are_lost)
{
    root = trace_image(100, 1, FT_BIRTH_ROOT, "prog");
    child = trace_forked(root, 101);
    trace_exit(child, FT_EXIT__exit, 0);
    usleep(A_WHILE);
    trace_exit(root, FT_EXIT_end, 0);
    trace_lost(FT_LOST_OVERWRITTEN);
    cr_expect_null(one(NULL, RULE_zombie));
}

Test(findings, a_child_reaped_late_or_by_the_kernel_is_no_zombie)
{
    root = trace_image(100, 1, FT_BIRTH_ROOT, "prog");
    child = trace_forked(root, 101);
    trace_exit(child, FT_EXIT__exit, 0);
    usleep(A_WHILE);
    trace_reap(root, 101, 0);
    trace_sigaction(root, SIGCHLD, 0, (uint64_t)(uintptr_t)SIG_IGN);
    child = trace_forked(root, 102);
    trace_exit(child, FT_EXIT__exit, 0);
    usleep(A_WHILE);
    trace_exit(root, FT_EXIT_end, 0);
    cr_expect_null(one(NULL, RULE_zombie));
}

Test(findings, an_orphan)
{
    root = trace_image(100, 1, FT_BIRTH_ROOT, "prog");
    child = trace_forked(root, 101);
    trace_exit(root, FT_EXIT_end, 0);
    usleep(1050000);
    trace_exit(child, FT_EXIT__exit, 0);
    expect_severity(one(NULL, RULE_orphan), SEVERITY_NOTE);
}

Test(findings, a_mask_that_came_through_exec)
{
    root = trace_image(100, 1, FT_BIRTH_ROOT, "prog");
    ft_ref spawned = trace_fork(root, FT_FORK_posix_spawn, 101);
    (void)spawned;
    trace_image_masks(101, 100, FT_BIRTH_EXEC, "server", 1ull << (SIGTERM - 1), 0, 0);
    usleep(A_WHILE);
    trace_kill(root, FT_KILL_kill, 101, SIGTERM);
    const struct finding *x = one((uint32_t[]){100, 101, 0}, RULE_mask_inherited);
    expect_severity(x, SEVERITY_WARNING);
    cr_expect(strstr(x->title, "SIGTERM"), "%s", x->title);
}

Test(findings, a_mask_that_stays_is_not_known_where_records_are_lost)
{
    root = trace_image(100, 1, FT_BIRTH_ROOT, "prog");
    trace_fork(root, FT_FORK_posix_spawn, 101);
    trace_image_masks(101, 100, FT_BIRTH_EXEC, "server", 1ull << (SIGTERM - 1), 0, 0);
    usleep(A_WHILE);
    trace_kill(root, FT_KILL_kill, 101, SIGTERM);
    trace_lost(FT_LOST_OVERWRITTEN);
    cr_expect_null(one((uint32_t[]){100, 101, 0}, RULE_mask_inherited));
}

Test(findings, a_mask_the_program_looks_after)
{
    root = trace_image(100, 1, FT_BIRTH_ROOT, "prog");
    trace_fork(root, FT_FORK_posix_spawn, 101);
    ft_ref server = trace_image_masks(101, 100, FT_BIRTH_EXEC, "server", 1ull << (SIGTERM - 1), 0, 0);
    trace_sigmask(server, 1ull << (SIGTERM - 1), 0);
    usleep(A_WHILE);
    trace_kill(root, FT_KILL_kill, 101, SIGTERM);
    cr_expect_null(one((uint32_t[]){100, 101, 0}, RULE_mask_inherited));
}

Test(findings, a_thread_that_is_fork_safe_by_its_name)
{
    root = trace_image(100, 1, FT_BIRTH_ROOT, "prog");
    thread = trace_thread_at(root, 100, 110, 0xabc);
    trace_thread_name(root, 0xabc, "m fork-safe");
    child = trace_forked(root, 101);
    expect_severity(one((uint32_t[]){100, 101, 0}, RULE_thread_lost), SEVERITY_NOTE);
}

Test(findings, rules_have_names_of_their_own)
{
    for (enum rule_id rule = 0; rule < RULE_COUNT; rule++)
        cr_expect_eq(finding_rule(finding_rules[rule].name), rule);
    cr_expect_eq(finding_rule("nonsense"), RULE_COUNT);
}

Test(findings, a_child_that_could_not_be_watched)
{
    root = trace_image(100, 1, FT_BIRTH_ROOT, "prog");
    for (uint32_t pid = 101; pid < 103; pid++) {
        child = trace_forked(root, pid);
        trace_exec(child, "/opt/tool");
        trace_blind(child, 0, "/opt/tool", FT_BLIND_STATIC);
        trace_reap(root, (int)pid, 0);
    }
    trace_exit(root, FT_EXIT__exit, 0);
    const struct finding *x = one(NULL, RULE_unseen_child);
    expect_severity(x, SEVERITY_NOTE);
    cr_expect_str_eq(x->subject, "tool");
    cr_expect_eq(x->processes.count, 2);
    cr_expect(strstr(x->explanation, "static: "), "%s", x->explanation);
}

Test(findings, children_that_were_watched)
{
    root = trace_image(100, 1, FT_BIRTH_ROOT, "prog");
    child = trace_forked(root, 101);
    trace_exec(child, "/opt/tool");
    trace_blind(child, 0, "/opt/tool", FT_BLIND_STATIC); /* and the exec failed */
    trace_exec_failed(child, "/opt/tool", ENOENT);
    trace_exec(child, "/bin/tool");
    child = trace_image(101, 100, FT_BIRTH_EXEC, "/bin/tool");
    trace_exit(child, FT_EXIT__exit, 0);
    trace_reap(root, 101, 0);
    child = trace_forked(root, 102); /* a killed one as well */
    trace_reap(root, 102, SIGKILL);
    trace_exit(root, FT_EXIT__exit, 0);
    cr_expect_null(one(NULL, RULE_unseen_child));
}

/* --- killed from outside ------------------------------------------------------------------------ */

static ft_ref kernels[2];

static void both_see_a_worker(void)
{
    kernels[0] = trace_kernel_task(0, 100, 100, 0, FT_KERNEL_ROOT);
    root = trace_image(100, 1, FT_BIRTH_EXEC, "prog");
    child = trace_fork(root, FT_FORK_fork, 101);
    kernels[1] = trace_kernel_task(kernels[0], 101, 101, 0, FT_KERNEL_BORN);
    trace_child(child, 101);
}

Test(findings, killed_by_a_stranger)
{
    both_see_a_worker();
    trace_kernel_kill(0, kernels[1], 101, 77, SIGKILL);
    trace_kernel_exit(kernels[1], SIGKILL, true);
    trace_reap(root, 101, SIGKILL);
    const struct finding *x = one(NULL, RULE_killed_from_outside);
    expect_severity(x, SEVERITY_WARNING);
    cr_expect(strstr(x->title, "stranger (pid 77)"), "%s", x->title);
}

Test(findings, killed_out_of_memory)
{
    both_see_a_worker();
    trace_kernel_kill(0, kernels[1], 101, 0, SIGKILL);
    trace_kernel_out_of_memory(kernels[1]);
    const struct finding *x = one(NULL, RULE_killed_from_outside);
    expect_severity(x, SEVERITY_ERROR);
    cr_expect(strstr(x->title, "out of memory"), "%s", x->title);
}

Test(findings, killed_by_its_own_parent_is_no_stranger)
{
    both_see_a_worker();
    trace_kill(root, FT_KILL_kill, 101, SIGKILL);
    trace_kernel_kill(kernels[0], kernels[1], 101, 100, SIGKILL);
    trace_kernel_exit(kernels[1], SIGKILL, true);
    cr_expect_null(one(NULL, RULE_killed_from_outside));
}

Test(findings, killed_and_the_library_alone_knows_no_sender)
{
    root = trace_image(100, 1, FT_BIRTH_ROOT, "prog");
    child = trace_forked(root, 101);
    trace_reap(root, 101, SIGKILL);
    expect_severity(one(NULL, RULE_killed_from_outside), SEVERITY_NOTE);
}

Test(findings, killed_with_its_group_by_the_run_is_no_stranger)
{
    root = trace_image(100, 1, FT_BIRTH_ROOT, "prog");
    child = trace_forked(root, 101);
    trace_kill(root, FT_KILL_killpg, 100, SIGKILL);
    trace_reap(root, 101, SIGKILL);
    cr_expect_null(one(NULL, RULE_killed_from_outside));
}

Test(findings, asked_to_end_by_a_stranger)
{
    both_see_a_worker();
    trace_kernel_kill(0, kernels[1], 101, 77, SIGTERM);
    trace_kernel_signal(kernels[1], 0, 77, SIGTERM, 0);
    trace_exit(child, FT_EXIT_exit, 0);
    usleep(1100000);
    trace_kernel_kill(0, kernels[1], 101, 78, SIGKILL);
    trace_kernel_exit(kernels[1], SIGKILL, true);
    const struct finding *x = one(NULL, RULE_exit_blocked);
    expect_severity(x, SEVERITY_ERROR);
    cr_expect(strstr(x->explanation, "stranger (pid 77) sent it SIGTERM"), "%s", x->explanation);
    cr_expect(strstr(x->explanation, "stranger (pid 78) then sent it SIGKILL"), "%s", x->explanation);
}

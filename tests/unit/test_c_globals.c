/*
 * test_c_globals.c: copies of C globals: looks held against writes, long
 * objects, shared memory; and threads that write without a lock.
 */
#include <string.h>
#include <unistd.h>

#include "build_trace.h"
#include "viewer/findings/findings.h"

TestSuite(c_globals, .init = trace_begin, .fini = trace_end);

static ft_ref root, global;

static void begin(uint32_t size, uint32_t element)
{
    root = trace_image(100, 1, FT_BIRTH_ROOT, "server");
    global = trace_c_global(root, "counter", size, element, 1);
    trace_c_site(root, global, 1, 0x4000, 0);
}

static const struct global *named(const struct timeline *t, const char *name)
{
    for (size_t i = 0; i < t->global_count; i++)
        if (!strcmp(t->globals[i].name, name)) return &t->globals[i];
    return NULL;
}

static const struct copy *copy_of(const struct timeline *t, const char *name, process_id process)
{
    const struct global *g = named(t, name);
    cr_assert(g, "there is no %s", name);
    copy_id id = timeline_copy(t, (global_id)(g - t->globals), process);
    cr_assert_neq(id, NONE);
    return &t->copies[id];
}

static size_t changes(const struct timeline *t, process_id process)
{
    size_t count = 0;
    for (size_t i = 0; i < t->event_count; i++)
        count += EVENT_AT(t, i)->type == EVENT_CHANGE && EVENT_AT(t, i)->process == process;
    return count;
}

/* --- looks ------------------------------------------------------------------------------------ */

Test(c_globals, a_look_that_a_write_explains_is_no_change)
{
    begin(8, 0);
    trace_c_write(root, 1, 5, 0);
    trace_c_look(root, FT_C_SAMPLE, global, 0, 5, 0);
    trace_c_write(root, 1, 6, 0);
    trace_c_write(root, 1, 7, 0);
    trace_c_look(root, FT_C_VALUE, global, 0, 7, 0);
    const struct timeline *t = trace_timeline(NULL);
    cr_expect_eq(changes(t, 0), 0);
    cr_expect_eq(copy_of(t, "counter", 0)->last.bits, 7);
    cr_expect_eq(copy_of(t, "counter", 0)->writes, 3);
}

Test(c_globals, a_look_that_no_write_explains_is_one)
{
    begin(8, 0);
    trace_c_write(root, 1, 5, 0);
    trace_c_look(root, FT_C_SAMPLE, global, 0, 5, 0);
    usleep(3000); /* longer than two processors' clocks may differ */
    trace_c_look(root, FT_C_SAMPLE, global, 0, 9, 0);
    const struct timeline *t = trace_timeline(NULL);
    const struct copy *c = copy_of(t, "counter", 0);
    cr_expect_eq(changes(t, 0), 1);
    cr_expect_eq(c->changes, 1);
    cr_expect_eq(c->last.bits, 9);
    cr_expect_gt(c->changed, c->written);
}

/* Two threads write 3, and then it is 4. */
static size_t changes_among_two(unsigned flags)
{
    begin(8, 0);
    ft_ref other = trace_thread_at(root, 100, 102, 0x7000);
    trace_c_site(root, global, 2, 0x4010, flags);
    trace_c_write(root, 2, 3, 0);
    trace_c_write(other, 2, 3, 0);
    usleep(3000);
    trace_c_look(root, FT_C_SAMPLE, global, 0, 4, 0);
    return changes(trace_timeline(NULL), 0);
}

Test(c_globals, values_read_back_may_be_another_threads_and_prove_nothing)
{
    cr_expect_eq(changes_among_two(FT_C_READ_BACK), 0);
}

Test(c_globals, exact_values_do) { cr_expect_eq(changes_among_two(0), 1); }

Test(c_globals, what_changes_unseen_in_a_child_is_the_childs)
{
    begin(8, 0);
    ft_ref child = trace_forked(root, 101);
    usleep(3000);
    trace_c_look(child, FT_C_VALUE, global, 0, 6, 0);
    const struct timeline *t = trace_timeline(NULL);
    const struct copy *its = copy_of(t, "counter", 1);
    cr_expect_eq(its->at_birth.bits, 1);
    cr_expect_eq(its->last.bits, 6);
    cr_expect_eq(its->changes, 1);
    cr_expect_eq(copy_of(t, "counter", 0)->last.bits, 1);
    cr_expect(named(t, "counter")->diverged);
}

/* --- more than 8 bytes ------------------------------------------------------------------------ */

Test(c_globals, a_long_object_that_changes_unseen)
{
    char text[40];
    begin(64, 0);
    ft_ref child = trace_forked(root, 101);
    usleep(30000);
    trace_c_look(child, FT_C_VALUE, global, 0, 1, 0xabc); /* behind its first 8 bytes */
    const struct timeline *t = trace_timeline(NULL);
    cr_expect_eq(changes(t, 1), 1);
    cr_expect(named(t, "counter")->diverged);
    value_format(copy_of(t, "counter", 1)->last, text, sizeof text);
    cr_expect_str_eq(text, "0x0000000000000001..#00000abc");
}

Test(c_globals, a_write_to_any_part_explains_the_whole)
{
    root = trace_image(100, 1, FT_BIRTH_ROOT, "server");
    global = trace_c_global(root, "table", 64, 4, 0);
    trace_c_trap(root, global, 7, 0x4010, 12, 4, FT_C_BY_HARDWARE);
    trace_c_look(root, FT_C_SAMPLE, global, 0, 0, 0xabc);
    const struct timeline *t = trace_timeline(NULL);
    cr_expect_eq(changes(t, 0), 0);
    cr_expect_null(named(t, "table"));
    cr_expect_eq(copy_of(t, "table[3]", 0)->last.bits, 7);
}

/* --- shared memory ---------------------------------------------------------------------------- */

Test(c_globals, of_shared_memory_there_is_one_copy)
{
    begin(8, 0);
    ft_ref before = trace_forked(root, 101);
    ft_ref fork = trace_fork_open(root, FT_FORK_fork);
    trace_c_common(root, global, fork);
    trace_child(fork, 102);
    ft_ref grandchild = trace_forked(fork, 103);
    trace_c_write(fork, 1, 20, 0);
    trace_c_write(grandchild, 1, 30, 0);
    trace_c_write(root, 1, 40, 0);
    trace_c_write(before, 1, 50, 0);
    const struct timeline *t = trace_timeline(NULL);
    const struct global *g = named(t, "counter");
    cr_expect(g->shared);
    cr_expect_eq(g->count, 2);
    cr_expect_eq(copy_of(t, "counter", 0)->writes, 3);
    cr_expect_eq(copy_of(t, "counter", 0)->writer_count, 3);
    cr_expect_eq(copy_of(t, "counter", 3), copy_of(t, "counter", 0));
    cr_expect_eq(copy_of(t, "counter", 1)->writes, 1, "it was forked before");
    cr_expect_eq(copy_of(t, "counter", 1)->last.bits, 50);
}

/* --- writes without a lock -------------------------------------------------------------------- */

static const struct finding *racy(void)
{
    const struct findings *found = findings_find(trace_timeline(NULL));
    for (size_t i = 0; i < found->count; i++)
        if (found->list[i]->rule == RULE_racy_writes) return found->list[i];
    return NULL;
}

/* Two threads add one in turn, through site 1, with these locks held. */
static void in_turn(unsigned times, uint64_t held, uint64_t others)
{
    ft_ref other = trace_thread_at(root, 100, 102, 0x7000);
    for (unsigned i = 0; i < times; i++) trace_c_write(i % 2 ? other : root, 1, 2 + i, i % 2 ? others : held);
}

Test(c_globals, threads_that_write_in_turn_without_a_lock)
{
    begin(8, 0);
    in_turn(12, 0, 0);
    const struct finding *x = racy();
    cr_assert(x);
    cr_expect_eq(x->severity, SEVERITY_NOTE);
    cr_expect_str_eq(x->subject, "counter");
}

/* In whatever order it is asked: of all writes of the page, the locks that the last entry before it tells. */
Test(c_globals, locks_held_at_each_write_of_a_page)
{
    static const uint64_t locks[] = {0, 7, 0, 0, 8, 0, 7, 9, 0, 0}, held[] = {0, 7, 7, 8, 9, 9};
    static const int order[] = {0, 1, 2, 3, 4, 5, 3, 5, 0, 4, 1, 2, 5, 4, 3, 2, 1, 0, 5};
    begin(8, 0);
    trace_c_writes(root, 1, locks, sizeof locks / sizeof *locks);
    struct timeline *t = trace_timeline(NULL);
    size_t count;
    const event_id *writes = timeline_events_of_type(t, EVENT_WRITE, &count);
    cr_assert_eq(count, sizeof held / sizeof *held);
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        uint16_t signs[3];
        cr_expect(timeline_held(t, EVENT_AT(t, writes[order[i]]), signs));
        cr_expect_eq(signs[0], held[order[i]], "write %d holds %u", order[i], signs[0]);
    }
}

Test(c_globals, a_common_lock_is_enough)
{
    begin(8, 0);
    in_turn(12, 0x1234, 0x5678ull << 16 | 0x1234ull << 32);
    cr_expect_null(racy());
}

Test(c_globals, different_locks_are_not)
{
    begin(8, 0);
    in_turn(12, 0x1234, 0x5678);
    cr_expect(racy());
}

Test(c_globals, what_reads_and_writes_in_one_go_needs_none)
{
    begin(8, 0);
    trace_c_site(root, global, 1, 0x4000, FT_C_ATOMIC | FT_C_UP);
    in_turn(12, 0, 0);
    cr_expect_null(racy());
}

Test(c_globals, a_flag_that_is_always_the_same_is_not_reported)
{
    begin(8, 0);
    ft_ref other = trace_thread_at(root, 100, 102, 0x7000);
    for (unsigned i = 0; i < 12; i++) trace_c_write(i % 2 ? other : root, 1, 1, 0);
    cr_expect_null(racy());
}

/* Each adds one to memory; at the end it is not so much higher. */
static void count_up(uint64_t last)
{
    root = trace_image(100, 1, FT_BIRTH_ROOT, "server");
    global = trace_c_global(root, "counter", 8, 0, 1);
    trace_c_watch(root, "counter", FT_C_OUTCOME_watched, 1, 0);
    trace_c_site(root, global, 1, 0x4000, FT_C_UP | FT_C_READ_BACK);
    in_turn(20, 0, 0);
    usleep(3000);
    trace_c_look(root, FT_C_VALUE, global, 0, last, 0);
}

Test(c_globals, lost_updates_are_proven_by_their_number)
{
    count_up(18); /* 1 + 20 - 3; the reads that were too old wrote what the look found */
    const struct finding *x = racy();
    cr_assert(x);
    cr_expect_eq(x->severity, SEVERITY_WARNING);
    cr_expect(strstr(x->explanation, "3 updates"), "%s", x->explanation);
}

Test(c_globals, none_was_lost_if_the_sum_is_right)
{
    count_up(21);
    const struct finding *x = racy();
    cr_assert(x);
    cr_expect_eq(x->severity, SEVERITY_NOTE);
}

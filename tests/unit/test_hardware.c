/*
 * test_hardware.c: writes that the processor told of, and what is said of watches.
 */
#include <errno.h>
#include <string.h>

#include "build_trace.h"
#include "viewer/findings/findings.h"
#include "viewer/watch.h"

TestSuite(hardware, .init = trace_begin, .fini = trace_end);

static event_id write_number(const struct timeline *t, size_t n)
{
    for (event_id i = 0; i < t->event_count; i++)
        if (EVENT_AT(t, i)->type == EVENT_WRITE && !n--) return i;
    return NONE;
}

static void expect(const struct timeline *t, size_t n, const char *name, const char *value,
                   const char *engine, bool exact, uint64_t after)
{
    char text[64];
    bool is_exact;
    event_id i = write_number(t, n);
    cr_assert_neq(i, NONE, "write %zu", n);
    const struct event *e = EVENT_AT(t, i);
    cr_assert_str_eq(t->globals[e->child].name, name);
    value_format(timeline_written(t, e), text, sizeof text);
    cr_assert_str_eq(text, value);
    cr_assert_str_eq(timeline_engine(t, e), engine);
    cr_assert_eq(timeline_store(t, e, &is_exact), after);
    cr_assert_eq(is_exact, exact);
}

Test(hardware, writes_of_two_processes_and_their_engines)
{
    ft_ref root = trace_image(100, 1, FT_BIRTH_ROOT, "server");
    ft_ref global = trace_c_global(root, "counter", 8, 0, 7);
    trace_c_trap(root, global, 8, 0x4010, 0, 8, FT_C_BY_HARDWARE);
    ft_ref child = trace_forked(root, 101);
    trace_c_trap(child, global, 9, 0, 0, 8, FT_C_BY_HARDWARE | FT_C_LATE | FT_C_READ_BACK);
    trace_c_trap(child, global, 10, 0x4010, 0, 8, FT_C_BY_KERNEL);
    trace_c_trap(child, global, 11, 0x4010, 0, 8, FT_C_BY_UPROBE);
    const struct timeline *t = trace_timeline(NULL);
    cr_assert_eq(t->global_count, 1);
    expect(t, 0, "counter", "8", "hardware", true, 0x4010);
    expect(t, 1, "counter", "9", "hardware", false, 0);
    expect(t, 2, "counter", "10", "hardware-ebpf", true, 0x4010);
    expect(t, 3, "counter", "11", "uprobe", true, 0x4010);
    cr_assert_eq(t->copies[timeline_copy(t, 0, 0)].writes, 1);
    cr_assert_eq(t->copies[timeline_copy(t, 0, 1)].writes, 3);
    cr_assert(t->globals[0].diverged);
}

Test(hardware, elements_of_an_array_go_by_their_names)
{
    ft_ref root = trace_image(100, 1, FT_BIRTH_ROOT, "server");
    ft_ref table = trace_c_global(root, "table", 32, 4, 0);
    trace_c_trap(root, table, 5, 0x4010, 12, 4, FT_C_BY_HARDWARE);
    trace_c_trap(root, table, 6, 0x4020, 16, 8, FT_C_BY_HARDWARE);
    trace_c_trap(root, table, 6, 0x4020, 200, 8, FT_C_BY_HARDWARE); /* nonsense: outside of it */
    trace_c_trap(root, 12345, 6, 0x4020, 0, 8, FT_C_BY_HARDWARE);   /* of nothing that is known */
    const struct timeline *t = trace_timeline(NULL);
    expect(t, 0, "table[3]", "5", "hardware", true, 0x4010);
    expect(t, 1, "table+16/8", "6", "hardware", true, 0x4020);
    cr_assert_eq(write_number(t, 2), NONE);
}

Test(hardware, locks_and_racy_writes)
{
    ft_ref root = trace_image(100, 1, FT_BIRTH_ROOT, "server"),
           other = trace_thread_at(root, 100, 101, 0x7f00);
    ft_ref open = trace_c_global(root, "open", 8, 0, 0), locked = trace_c_global(root, "locked", 8, 0, 0);
    ft_ref atomic = trace_c_global(root, "atomic", 8, 0, 0);
    for (uint64_t i = 1; i <= 20; i++) {
        ft_ref by = i % 2 ? root : other;
        trace_c_trap_held(by, open, i, 0x4010, 0, i % 2 ? 0x1111 : 0x2222);
        trace_c_trap_held(by, locked, i, 0x4020, 0, i % 2 ? 0x3333 : 0x33331111);
        trace_c_trap_held(by, atomic, i, 0x4030, FT_C_ATOMIC, 0);
    }
    const struct timeline *t = trace_timeline(NULL);
    uint16_t held[3];
    cr_assert(timeline_held(t, EVENT_AT(t, write_number(t, 4)), held));
    cr_assert_eq(held[0], 0x1111);
    cr_assert_eq(held[1], 0x3333);
    cr_assert_eq(timeline_store_flags(t, EVENT_AT(t, write_number(t, 2))) & FT_C_ATOMIC, FT_C_ATOMIC);
    struct findings *f = findings_find(t);
    cr_assert_eq(f->count, 1, "%zu findings", f->count);
    cr_assert_str_eq(f->list[0]->subject, "open");
    findings_free(f);
}

static void expect_words(const struct timeline *t, const char *watch, const char *words, bool misses)
{
    char text[1400];
    const struct watch_result *w = watch_result(t, watch, strlen(watch));
    cr_assert(w, "%s", watch);
    watch_words(text, sizeof text, w);
    cr_assert(strstr(text, words), "%s is not in: %s", words, text);
    cr_assert_eq(watch_misses(w), misses, "%s", watch);
}

Test(hardware, what_is_said)
{
    ft_ref root = trace_image(100, 1, FT_BIRTH_ROOT, "server");
    trace_c_watch(root, "hw:a", FT_C_OUTCOME_watched, 0, 0);
    trace_c_hardware(root, "hw:a", 1, 1, 0, FT_C_HW_ASKED);
    trace_c_watch(root, "hw:b", FT_C_OUTCOME_watched, 3, 0);
    trace_c_hardware(root, "hw:b", 0, 1, EACCES, FT_C_HW_ASKED);
    trace_c_watch(root, "c", FT_C_OUTCOME_watched, 3, 2);
    trace_c_hardware(root, "c", 1, 1, 0, 0);
    trace_c_watch(root, "d", FT_C_OUTCOME_watched, 3, 2);
    trace_c_hardware(root, "d", 1, 1, 0, 0);
    trace_c_hardware(root, "d", 1, 1, 0, FT_C_HW_ENDED);
    trace_c_watch(root, "e", FT_C_OUTCOME_watched, 3, 2);
    trace_c_hardware(root, "e", 0, 255, 0, 0);
    trace_c_watch(root, "f", FT_C_OUTCOME_watched, 3, 0);
    const struct timeline *t = trace_timeline(NULL);
    expect_words(t, "hw:a", "in server; the processor sees every store", false);
    expect_words(t, "hw:b",
                 "watched by patching instead: 3 stores found, 3 patched; no hardware watch: perf_event_open",
                 true);
    expect_words(t, "c", "taken at 2 places; the processor sees these (1 of its 4 watches)", false);
    expect_words(t, "d", "until 1000 patched stores had hit its watch: -w hw:d keeps it", true);
    expect_words(t, "e", "writes through other pointers are not seen; it is too long", true);
    expect_words(t, "f", "in server: 3 stores found, 3 patched", false);
}

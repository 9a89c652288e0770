/* test_trace_records.c: what is written is what is read: every type, references, strings, slots, time. */
#include "trace.h"

#include <signal.h>
#include <time.h>

TestSuite(trace_records, .init = setup, .fini = teardown);

static const struct {
    uint8_t type, class;
    uint16_t size;
} types[] = {
#define X(number, NAME, name, class) {number, FT_##class, sizeof(struct ft_##name)},
    FT_TYPES(X)
#undef X
};
#define TYPES (sizeof types / sizeof *types)

static uint8_t pattern(unsigned type, unsigned i) { return (uint8_t)(type * 31 + i * 7 + 1); }

Test(trace_records, every_type_comes_back_whole)
{
    ft_ref refs[TYPES] = {0};
    size_t appended = 0;
    create(MIB);
    for (size_t t = 0; t < TYPES; t++) {
        if (types[t].class == FT_SLOTS) continue; /* not appended: see slots */
        appended++;
        uint8_t *record = ft_begin(&w, types[t].type, types[t].size, 77);
        cr_assert(record);
        for (unsigned i = sizeof(struct ft_head); i < types[t].size; i++)
            record[i] = pattern(types[t].type, i);
        refs[t] = ft_ref_of(record);
        if (t % 2)
            ft_publish(record);
        else
            ft_commit(record);
    }
    read_back(path);
    cr_assert_eq(found_count, appended);
    for (size_t t = 0; t < TYPES; t++) {
        if (types[t].class == FT_SLOTS) continue;
        const struct ft_head *record = ft_reader_find(&r, refs[t], types[t].type);
        cr_assert(record, "type %u", types[t].type);
        cr_assert_eq(record->task, 77);
        cr_assert_eq(record->state, t % 2 ? FT_OPEN : FT_DONE);
        cr_assert_null(ft_reader_find(&r, refs[t], types[t].type + 1u));
        uint8_t copy[FT_PAGE_ROOM];
        ft_get(record, copy, types[t].size);
        for (unsigned i = sizeof(struct ft_head); i < types[t].size; i++)
            cr_assert_eq(copy[i], pattern(types[t].type, i), "type %u byte %u", types[t].type, i);
        cr_assert(ft_type_name(types[t].type));
    }
    cr_assert_str_eq(ft_type_name(FT_FORK), "fork");
    cr_assert_null(ft_type_name(200));
}

Test(trace_records, a_reference_into_a_record_is_refused)
{
    create(MIB);
    struct ft_string *s = ft_begin(&w, FT_STRING, 256, 0);
    ft_ref ref = ft_ref_of(s);
    s->length = 230;
    struct ft_head forged = {.size = 16, .type = FT_FORK, .state = FT_DONE};
    for (size_t at = 4; at + sizeof forged <= 228; at += 8) memcpy(s->bytes + at, &forged, sizeof forged);
    ft_commit(s);
    struct ft_head *torn = ft_begin(&w, FT_FORK, sizeof(struct ft_fork), 0);
    ft_ref torn_ref = ft_ref_of(torn);
    read_back(path);
    cr_assert_eq(found_count, 1);
    cr_assert_eq(r.torn, 1);
    cr_assert(ft_reader_find(&r, ref, FT_STRING));
    for (ft_ref inside = ref - 64; inside < ref + 600; inside++)
        cr_assert_eq(ft_reader_find(&r, inside, 0) != NULL, inside == ref);
    cr_assert_null(ft_reader_find(&r, torn_ref, 0));
    cr_assert_null(ft_reader_find(&r, 0, 0));
    cr_assert_null(ft_reader_find(&r, UINT32_MAX, 0));
}

Test(trace_records, shorter_and_longer_records)
{
    create(MIB);
    struct ft_sigaction *s = ft_begin(&w, FT_SIGACTION, offsetof(struct ft_sigaction, mask), 1);
    s->signal = 15;
    ft_commit(s);
    uint8_t *longer = ft_begin(&w, FT_SIGACTION, sizeof(struct ft_sigaction) + 80, 2);
    memset(longer + sizeof(struct ft_head), 0xee, sizeof(struct ft_sigaction) + 80 - sizeof(struct ft_head));
    ft_commit(longer);
    ft_commit(ft_begin(&w, 199, 40, 3)); /* of a later version */
    read_back(path);
    cr_assert_eq(found_count, 3);
    for (size_t i = 0; i < 3; i++) {
        struct ft_sigaction got = FT_GET(sigaction, found[i].record);
        size_t more;
        ft_tail(found[i].record, sizeof got, &more);
        switch (got.head.task) {
        case 1:
            cr_assert_eq(got.signal, 15);
            cr_assert_eq(got.mask | got.py_stack, 0);
            cr_assert_eq(more, 0);
            break;
        case 2:
            cr_assert_eq(got.mask, 0xeeeeeeeeeeeeeeeeu);
            cr_assert_eq(more, 80);
            break;
        default: cr_assert_eq(got.head.type, 199);
        }
    }
}

Test(trace_records, strings)
{
    create(MIB);
    char big[5000], text[16];
    memset(big, 'x', sizeof big);
    ft_ref a = ft_string(&w, "argv\0two\0", 9, 0), empty = ft_string(&w, "", 0, 0);
    ft_ref cut = ft_string(&w, big, sizeof big, 0);
    cr_assert(a && empty && cut);
    cr_assert_eq(ft_string(&w, "argv\0two\0", 9, 0), a, "the same bytes are written once");
    cr_assert_neq(ft_string(&w, "argv\0two", 8, 0), a);
    cr_assert_eq(ft_string(&w, NULL, 4, 0), 0);
    ft_ref many[100];
    for (int i = 0; i < 100; i++) many[i] = ft_string(&w, text, (size_t)sprintf(text, "s%d", i), 0);
    read_back(path);
    size_t length;
    bool was_cut;
    const char *bytes = ft_reader_string(&r, a, &length, &was_cut);
    cr_assert(length == 9 && !was_cut && !memcmp(bytes, "argv\0two\0", 9));
    cr_assert_str_eq(ft_reader_string(&r, 0, &length, &was_cut), "");
    cr_assert(!length && !was_cut);
    ft_reader_string(&r, empty, &length, &was_cut);
    cr_assert(!length && !was_cut);
    bytes = ft_reader_string(&r, cut, &length, &was_cut);
    cr_assert(length > 3900 && length < 4096 && was_cut);
    for (size_t i = 0; i < length; i++) cr_assert_eq(bytes[i], 'x');
    for (int i = 0; i < 100; i++) {
        bytes = ft_reader_string(&r, many[i], &length, NULL);
        cr_assert(length == (size_t)sprintf(text, "s%d", i) && !memcmp(bytes, text, length));
    }
}

Test(trace_records, too_long_is_counted)
{
    create(MIB);
    cr_assert_null(ft_begin(&w, FT_STACK, FT_PAGE, 0));
    cr_assert(ft_begin(&w, FT_STACK, FT_PAGE_ROOM, 0));
    cr_assert_null(ft_begin(&w, FT_STACK, SIZE_MAX - 3, 0));
    read_back(path);
    cr_assert_eq(ft_reader_lost(&r, FT_LOST_TOO_LONG), 2);
    cr_assert_str_eq(ft_lost_name(FT_LOST_TOO_LONG), "too-long");
}

Test(trace_records, slots)
{
    enum { SLOTS = 200 };
    struct ft_wait_slot *slots[SLOTS];
    create(MIB);
    for (uint32_t i = 0; i < SLOTS; i++) {
        cr_assert(slots[i] = ft_slot_new(&w, i));
        slots[i]->address = i * 16;
        ft_slot_set(slots[i], FT_WAIT_SLOT, i, ft_now(&w));
    }
    for (uint32_t i = 0; i < SLOTS; i += 3) ft_slot_clear(slots[i]);
    for (uint32_t i = 1; i < SLOTS; i += 3) ft_slot_free(slots[i]);
    read_back(path);
    size_t waiting = 0;
    for (size_t i = 0; i < found_count; i++) {
        struct ft_wait_slot s = FT_GET(wait_slot, found[i].record);
        cr_assert_eq(s.head.type, FT_WAIT_SLOT);
        cr_assert_eq(s.head.task % 3, 2);
        cr_assert_eq(s.address, s.head.task * 16);
        waiting++;
    }
    cr_assert_eq(waiting, SLOTS / 3);
    uint64_t next = w.header->next;
    for (uint32_t i = 1; i < SLOTS; i += 3)
        cr_assert(slots[i] = ft_slot_new(&w, i), "freed ones are used again");
    cr_assert_eq(w.header->next, next);
}

Test(trace_records, a_slot_is_seen_while_it_is_written_all_the_time)
{
    create(MIB);
    struct ft_py_global *slot = ft_slot_new(&w, 1);
    slot->name = 77;
    ft_slot_set(slot, FT_PY_GLOBAL, 1, ft_now(&w));
    pid_t child = fork();
    if (!child)
        for (;;) __atomic_fetch_add(&slot->writes, 1, __ATOMIC_RELAXED);
    for (int i = 0; i < 200; i++) {
        read_back(path);
        cr_assert_eq(found_count, 1);
        cr_assert_eq(FT_GET(py_global, found[0].record).name, 77);
        ft_reader_close(&r);
    }
    kill(child, SIGKILL);
    reap(child, SIGKILL);
    read_back(path);
    cr_assert(FT_GET(py_global, found[0].record).writes > 0);
}

Test(trace_records, a_live_reader_sees_each_record_once_and_open_ones_finish)
{
    create(4 * MIB);
    struct ft_fork *fork_record = ft_begin(&w, FT_FORK, sizeof *fork_record, 1);
    ft_publish(fork_record);
    struct ft_head *unfinished = ft_begin(&w, FT_SIGMASK, sizeof(struct ft_sigmask), 9);
    struct ft_wait_slot *slot = ft_slot_new(&w, 5);
    read_back(path);
    cr_assert_eq(found_count, 1);
    cr_assert_eq(FT_GET(fork, found[0].record).result, 0);
    for (uint64_t round = 1; round <= 5; round++) {
        size_t before = found_count;
        for (uint64_t i = 0; i < 3000; i++) put_numbered(1, round * 3000 + i);
        ft_slot_set(slot, FT_WAIT_SLOT, 5, ft_now(&w));
        cr_assert_eq(ft_reader_new(&r, collect, NULL), 0);
        cr_assert_eq(found_count - before, 3001);
    }
    fork_record->result = 4711;
    ft_commit(fork_record);
    ft_commit(unfinished);
    size_t before = found_count;
    cr_assert_eq(ft_reader_new(&r, collect, NULL), 0);
    cr_assert_eq(found_count - before, 1, "the one that was unfinished");
    cr_assert_eq(found[before].record->task, 9);
    cr_assert_eq(FT_GET(fork, found[0].record).result, 4711);
    cr_assert_eq(ft_reader_new(&r, collect, NULL), 0);
    cr_assert_eq(found_count - before, 1);
    cr_assert_eq(r.records, found_count);
}

Test(trace_records, time_is_the_kernels)
{
    enum { POINTS = 40 };
    int64_t before[POINTS], after[POINTS], exact = 3000;
    create(MIB);
    for (int i = 0; i < POINTS; i++) {
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        before[i] = t.tv_sec * 1000000000 + t.tv_nsec;
        struct ft_clock *c = ft_begin(&w, FT_CLOCK, sizeof *c, (ft_ref)i);
        clock_gettime(CLOCK_MONOTONIC, &t);
        after[i] = t.tv_sec * 1000000000 + t.tv_nsec;
        c->monotonic =
            i % 10 ? 0 : (uint64_t)before[i]; /* 0 is no pair: three of four points are interpolated */
        /* a pair whose making was interrupted is as wrong as that took */
        if (c->monotonic && after[i] - before[i] > exact) exact = after[i] - before[i];
        ft_commit(c);
        usleep(10000);
    }
    read_back(path);
    cr_assert_eq(found_count, POINTS);
    int64_t last = 0;
    for (size_t i = 0; i < found_count; i++) {
        int64_t ns = ft_reader_ns(&r, found[i].record->time);
        uint32_t n = found[i].record->task;
        cr_assert(ns >= before[n] - exact && ns <= after[n] + exact, "point %u: %ld not in %ld..%ld", n,
                  (long)ns, (long)before[n], (long)after[n]);
        cr_assert(ns >= last);
        last = ns;
    }
    uint64_t first = found[0].record->time, step = (found[POINTS - 1].record->time - first) / 5000;
    last = 0;
    for (uint64_t i = 0; i < 15000; i++) { /* monotone across knots and beyond both ends */
        int64_t ns = ft_reader_ns(&r, first - 5000 * step + i * step);
        cr_assert(ns >= last);
        last = ns;
    }
    cr_assert(ft_reader_ns(&r, 0) >= 0);
    cr_assert(ft_reader_ns(&r, UINT64_MAX) >= last);
}

/* Sizes from a bit to all of them: short lines and long ones, steep and flat. */
static uint64_t some(uint64_t *seed)
{
    *seed ^= *seed << 13, *seed ^= *seed >> 7, *seed ^= *seed << 17;
    return *seed >> *seed % 61;
}

Test(trace_records, a_line_of_the_clock_is_a_division)
{
    uint64_t seed = 88172645463325252u, lines = 0;
    while (lines < 200000) {
        struct ft_line line = {some(&seed), some(&seed) | 1, some(&seed) >> 2, some(&seed), 0};
        uint64_t part;
        if (__builtin_mul_overflow(line.span, line.ns, &part)) continue; /* as ft_reader_line */
        line.inverse = UINT64_MAX / line.span;
        lines++;
        uint64_t ticks[] = {0, 1 % line.span, line.span / 2, some(&seed) % line.span, line.span - 1};
        for (size_t i = 0; i < sizeof ticks / sizeof *ticks; i++) {
            cr_assert(ft_line_has(&line, line.counter + ticks[i]));
            cr_assert_eq(ft_line_ns(&line, line.counter + ticks[i]),
                         (int64_t)(line.monotonic + ticks[i] * line.ns / line.span));
        }
        cr_assert_not(ft_line_has(&line, line.counter + line.span));
    }
}

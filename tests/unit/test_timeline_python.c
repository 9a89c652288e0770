/*
 * test_timeline_python.c: what waits are for, whose port it was, who wrote a
 * watched global, whose handler was replaced.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>

#include "build_trace.h"

static struct ft_writer w;

static void begin(void)
{
    trace_begin();
    cr_assert_eq(ft_writer_join(&w, trace_path()), 0);
}

TestSuite(timeline_python, .init = begin, .fini = trace_end);

static ft_ref text(const char *string) { return ft_string(&w, string, strlen(string), 0); }

static ft_ref done(void *record)
{
    ft_commit(record);
    return ft_ref_of(record);
}

static ft_ref python_stack(const char *function, const char *file, uint32_t line)
{
    struct ft_py_frame frame = {text(function), text(file), line};
    struct ft_py_stack *stack = ft_begin(&w, FT_PY_STACK, sizeof *stack + sizeof frame, 0);
    stack->count = 1;
    memcpy(stack->frame, &frame, sizeof frame);
    return done(stack);
}

static void python_thread(ft_ref create, const char *name)
{
    struct ft_py_thread *record = ft_begin(&w, FT_PY_THREAD, sizeof *record, 0);
    record->thread = create;
    record->name = text(name);
    done(record);
}

static void bind_to(ft_ref by, const char *address, uint16_t port, int error)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
    inet_pton(AF_INET, address, &in.sin_addr);
    struct ft_bind *record = ft_begin(&w, FT_BIND, sizeof *record + sizeof in, by);
    record->fd = 3;
    record->error = error;
    memcpy(record->address, &in, sizeof in);
    done(record);
}

Test(timeline_python, shutdown_waits_for_the_python_threads_alive)
{
    ft_ref root = trace_image(100, 1, FT_BIRTH_ROOT, "python3 app.py");
    python_thread(trace_thread_at(root, 100, 101, 0x7000), "gone");
    ft_ref gone = trace_thread_at(root, 100, 102, 0x7001);
    python_thread(gone, "gone too");
    trace_thread_at(root, 100, 103, 0x7002); /* no thread of Python's */
    trace_thread_end(gone, FT_THREAD_END_returned);
    trace_waiting(root, 0x5000, 0)->origin.py_stack =
        python_stack("_shutdown", "/usr/lib/python3.11/threading.py", 1583);
    struct timeline *t = trace_timeline((uint32_t[]){100, 0});
    const struct event *wait = find(t, EVENT_LOCK_WAIT, 0);
    cr_expect_eq(timeline_awaited(t, wait, NONE), 1);
    cr_expect_eq(timeline_awaited(t, wait, 1), NONE);
    cr_expect_not(timeline_alone(t, wait));
}

Test(timeline_python, a_ghost_is_awaited_where_nobody_is_alive)
{
    ft_ref root = trace_image(100, 1, FT_BIRTH_ROOT, "python3 app.py");
    python_thread(trace_thread_at(root, 100, 101, 0x7000), "ticker");
    python_thread(trace_thread_at(root, 100, 102, 0x7001), "other");
    ft_ref child = trace_forked(root, 110);
    trace_waiting(child, 0x5000, 0)->origin.py_stack =
        python_stack("Thread._wait_for_tstate_lock", "/usr/lib/python3.11/threading.py", 1132);
    struct timeline *t = trace_timeline((uint32_t[]){100, 110, 0});
    const struct event *wait = find(t, EVENT_LOCK_WAIT, 0);
    cr_expect_eq(timeline_awaited(t, wait, NONE), 1);
    cr_expect_eq(timeline_awaited(t, wait, 1), 2);
    cr_expect_eq(timeline_awaited(t, wait, 2), NONE);
    cr_expect(timeline_alone(t, wait));
}

Test(timeline_python, other_waits_are_for_no_thread)
{
    ft_ref root = trace_image(100, 1, FT_BIRTH_ROOT, "python3 app.py");
    python_thread(trace_thread_at(root, 100, 101, 0x7000), "ticker");
    trace_waiting(root, 0x5000, 0)->origin.py_stack = python_stack("_shutdown", "/home/me/mythreading.py", 3);
    struct timeline *t = trace_timeline((uint32_t[]){100, 0});
    cr_expect_eq(timeline_awaited(t, find(t, EVENT_LOCK_WAIT, 0), NONE), NONE);
}

Test(timeline_python, alone_means_all_the_time)
{
    ft_ref root = trace_image(100, 1, FT_BIRTH_ROOT, "prog");
    ft_ref thread = trace_thread_at(root, 100, 101, 0x7000);
    uint64_t during = trace_now();
    trace_thread_end(thread, FT_THREAD_END_returned);
    uint64_t after = trace_now();
    trace_wait(root, during, 0x5000, 0);
    trace_wait(root, after, 0x6000, 0);
    struct timeline *t = trace_timeline((uint32_t[]){100, 0});
    cr_expect_not(timeline_alone(t, find(t, EVENT_LOCK_WAIT, 0)));
    cr_expect(timeline_alone(t, find(t, EVENT_LOCK_WAIT, 1)));
}

Test(timeline_python, whose_port_it_was)
{
    ft_ref root = trace_image(100, 1, FT_BIRTH_ROOT, "prog");
    ft_ref first = trace_forked(root, 110), second = trace_forked(root, 111);
    bind_to(first, "127.0.0.1", 8000, 0);
    bind_to(first, "127.0.0.1", 9000, 0);
    bind_to(first, "127.0.0.2", 8000, 0);
    bind_to(second, "127.0.0.1", 8000, EADDRINUSE);
    bind_to(second, "0.0.0.0", 9000, EADDRINUSE);
    bind_to(second, "127.0.0.1", 7000, EADDRINUSE);
    trace_exit(first, FT_EXIT__exit, 0);
    trace_reap(root, 110, 0);
    bind_to(second, "127.0.0.1", 9000, EADDRINUSE);
    bind_to(root, "127.0.0.1", 7000, 0);
    struct timeline *t = trace_timeline((uint32_t[]){100, 111, 0});
    event_id at = event_number(t, EVENT_BIND, 0);
    cr_expect_eq(timeline_bound_before(t, find(t, EVENT_BIND, 0)), NONE);
    cr_expect_eq(timeline_bound_before(t, find(t, EVENT_BIND, 3)), at);
    cr_expect_eq(timeline_bound_before(t, find(t, EVENT_BIND, 4)), event_number(t, EVENT_BIND, 1));
    cr_expect_eq(timeline_bound_before(t, find(t, EVENT_BIND, 5)), NONE, "not who bound it later");
    cr_expect_eq(timeline_bound_before(t, find(t, EVENT_BIND, 6)), NONE, "its holder is gone");
}

static void write_to(ft_ref by, ft_ref module, ft_ref name, uint64_t value, uint32_t line, uint8_t flags)
{
    struct ft_py_write *record = ft_begin(&w, FT_PY_WRITE, sizeof *record, by);
    record->module = module;
    record->name = name;
    record->kind = FT_PY_KIND_int;
    record->value = value;
    record->line = line;
    record->flags = flags;
    done(record);
}

Test(timeline_python, each_thread_has_its_share_of_the_writes)
{
    ft_ref root = trace_image(100, 1, FT_BIRTH_ROOT, "python3 app.py");
    ft_ref thread = trace_thread_at(root, 100, 101, 0x7000);
    ft_ref module = text("app"), name = text("i");
    struct ft_py_global *slot = ft_slot_new(&w, root);
    slot->module = module, slot->name = name, slot->writes = 4, slot->kind = FT_PY_KIND_int, slot->value = 3;
    slot->writer = thread;
    ft_slot_set(slot, FT_PY_GLOBAL, root, trace_now());
    write_to(root, module, name, 0, 1, 0);
    for (uint64_t i = 1; i < 4; i++) write_to(thread, module, name, i, 10 + (uint32_t)i, 0);
    write_to(root, module, name, 0, 0, FT_PY_TEARDOWN);
    struct timeline *t = trace_timeline((uint32_t[]){100, 0});
    const struct copy *c = &t->copies[timeline_copy(t, 0, 0)];
    cr_assert_eq(c->writer_count, 2);
    cr_expect_eq(c->writers[0].thread, 0);
    cr_expect_eq(c->writers[0].writes, 1);
    cr_expect_eq(c->writers[1].thread, 1);
    cr_expect_eq(c->writers[1].writes, 3);
    cr_expect_eq(c->writers[1].line, 13);
    cr_expect(c->torn_down);
}

static ft_ref site(ft_ref by, ft_ref module, ft_ref name, uint32_t line)
{
    struct ft_py_site *record = ft_begin(&w, FT_PY_SITE, sizeof *record, by);
    record->module = module, record->name = name, record->line = line, record->kind = FT_PY_KIND_int;
    ft_ref ref = ft_ref_of(record);
    done(record);
    return ref;
}

static struct ft_py_writes *page(ft_ref by, ft_ref its_site)
{
    struct ft_py_writes *record = ft_begin(&w, FT_PY_WRITES, sizeof *record, by);
    record->site[0] = its_site;
    ft_publish(record);
    return record;
}

static void enter(struct ft_py_writes *record, unsigned i, uint64_t time, unsigned of, uint64_t value)
{
    record->entry[i] = (struct ft_c_entry){time ? FT_C_STAMP(time, of) : 0, value};
}

Test(timeline_python, writes_of_two_pages_are_in_order_of_time)
{
    ft_ref root = trace_image(100, 1, FT_BIRTH_ROOT, "python3 app.py");
    ft_ref thread = trace_thread_at(root, 100, 101, 0x7000);
    ft_ref module = text("app"), name = text("i");
    struct ft_py_writes *mine = page(root, site(root, module, name, 7)),
                        *other = page(thread, site(thread, module, name, 9));
    uint64_t start = other->head.time + 1600;
    for (unsigned i = 0; i < 100; i++) enter(i & 1 ? other : mine, i / 2, start + 160 * i, 0, i);
    enter(mine, 50, start + 16000, 0, 100);
    enter(mine, 51, start + 16000, 0, 101); /* not later, but after it */
    enter(mine, 52, start + 16160, 3, 102); /* its site is lost */
    enter(other, 60, 0, 0, 103);            /* not written yet */
    struct timeline *t = trace_timeline((uint32_t[]){100, 0});
    uint64_t count = 0;
    for (event_id e = 0; e < t->event_count; e++) {
        struct ft_py_write write;
        if (EVENT_AT(t, e)->type != EVENT_WRITE) continue;
        bool others = count & 1 && count < 100;
        cr_assert(timeline_python_write(t, EVENT_AT(t, e), &write));
        cr_expect_eq(write.value, count);
        cr_expect_eq(write.line, others ? 9 : 7);
        cr_expect_eq(EVENT_AT(t, e)->thread, others);
        cr_expect_eq(timeline_written(t, EVENT_AT(t, e)).bits, count);
        count++;
    }
    cr_expect_eq(count, 102);
}

static struct ft_py_change *changed(ft_ref by, ft_ref module, ft_ref name, uint64_t old, uint64_t value,
                                    uint32_t print)
{
    struct ft_py_change *record = ft_begin(&w, FT_PY_CHANGE, sizeof *record, by);
    record->module = module, record->name = name;
    record->kind = record->old_kind = FT_PY_KIND_list;
    record->old = old, record->value = value;
    record->print = print;
    done(record);
    return record;
}

static void list_bound(ft_ref by, ft_ref module, ft_ref name, uint64_t length)
{
    struct ft_py_global *slot = ft_slot_new(&w, by);
    slot->module = module, slot->name = name, slot->writes = 1;
    slot->kind = FT_PY_KIND_list, slot->value = length, slot->writer = by;
    ft_slot_set(slot, FT_PY_GLOBAL, by, trace_now());
}

static void list_told(ft_ref by, ft_ref fork, ft_ref module, ft_ref name, uint64_t length, uint32_t print)
{
    struct ft_py_value *record = ft_begin(&w, FT_PY_VALUE, sizeof *record, by);
    record->module = module, record->name = name, record->fork = fork;
    record->kind = FT_PY_KIND_list, record->value = length, record->print = print;
    done(record);
}

Test(timeline_python, a_list_that_grew_in_one_process)
{
    ft_ref root = trace_image(100, 1, FT_BIRTH_ROOT, "python3 app.py");
    ft_ref module = text("app"), name = text("jobs");
    list_bound(root, module, name, 0);
    changed(root, module, name, 0, 2, 1); /* before the fork, and told by the child only */
    ft_ref child = trace_forked(root, 110);
    list_told(child, child, module, name, 3, 2);
    changed(root, module, name, 2, 57, 3);
    struct timeline *t = trace_timeline((uint32_t[]){100, 110, 0});
    const struct copy *parent = &t->copies[timeline_copy(t, 0, 0)],
                      *copy = &t->copies[timeline_copy(t, 0, 1)];
    cr_expect(t->globals[0].diverged);
    cr_expect_eq(parent->changes, 2);
    cr_expect_eq(parent->last.bits, 57);
    cr_expect_eq(copy->at_birth.bits, 3);
    cr_expect_eq(copy->last.bits, 3);
    cr_expect_eq(copy->changes, 0);
    cr_expect_eq(timeline_changed_from(t, find(t, EVENT_CHANGE, 1)).bits, 2);
    cr_expect_eq(timeline_written(t, find(t, EVENT_CHANGE, 1)).bits, 57);
}

Test(timeline_python, a_list_that_grew_before_the_fork_is_the_same_after)
{
    ft_ref root = trace_image(100, 1, FT_BIRTH_ROOT, "python3 app.py");
    ft_ref module = text("app"), name = text("jobs");
    list_bound(root, module, name, 0);
    ft_ref child = trace_forked(root, 110);
    list_told(child, child, module, name, 3, 2); /* nobody had looked at the parent's, nor did later */
    struct timeline *t = trace_timeline((uint32_t[]){100, 110, 0});
    cr_expect_not(t->globals[0].diverged);
    cr_expect_eq(t->copies[timeline_copy(t, 0, 0)].last.bits, 3);
}

Test(timeline_python, other_items_in_a_list_as_long)
{
    ft_ref root = trace_image(100, 1, FT_BIRTH_ROOT, "python3 app.py");
    ft_ref module = text("app"), name = text("row");
    list_bound(root, module, name, 2);
    ft_ref child = trace_forked(root, 110);
    list_told(child, child, module, name, 2, 7);
    changed(child, module, name, 2, 2, 8);
    struct timeline *t = trace_timeline((uint32_t[]){100, 110, 0});
    cr_expect(t->globals[0].diverged);
}

Test(timeline_python, containers_nobody_could_read_at_the_fork_do_not_diverge)
{
    ft_ref root = trace_image(100, 1, FT_BIRTH_ROOT, "python3 app.py");
    ft_ref module = text("app"), name = text("jobs");
    list_bound(root, module, name, 0);
    ft_ref child = trace_forked(root, 110);
    trace_note(child, FT_NOTE_PYTHON_UNREAD, NULL);
    changed(root, module, name, 0, 5, 0); /* perhaps before the fork */
    struct timeline *t = trace_timeline((uint32_t[]){100, 110, 0});
    cr_expect_not(t->globals[0].diverged);
    cr_expect_not(t->copies[timeline_copy(t, 0, 1)].last.known);
}

Test(timeline_python, all_that_python_does_not_tell_is_said_and_inherited)
{
    ft_ref root = trace_image(100, 1, FT_BIRTH_ROOT, "python3 app.py");
    trace_note(root, FT_NOTE_PYTHON_WATCHERS, NULL);
    trace_note(root, FT_NOTE_GREENLETS_UNKNOWN, "those of CPython 3.11 only");
    trace_forked(root, 110);
    struct timeline *t = trace_timeline((uint32_t[]){100, 110, 0});
    for (process_id p = 0; p < 2; p++) {
        cr_expect_eq(t->processes[p].coverage, COVERAGE_FULL);
        cr_expect(strstr(t->processes[p].coverage_reason, ft_note_text(FT_NOTE_PYTHON_WATCHERS)));
        cr_expect(strstr(t->processes[p].coverage_reason, "; python: greenlets are used, but "));
        cr_expect(strstr(t->processes[p].coverage_reason, ": those of CPython 3.11 only"));
    }
}

Test(timeline_python, what_a_setting_leaves_out_is_said_where_it_matters)
{
    ft_ref root = trace_image(100, 1, FT_BIRTH_ROOT, "python3 app.py");
    ft_ref child = trace_forked(root, 110);
    trace_note(child, FT_NOTE_LEFT_OUT, FT_LEFT_OUT_PYTHON);
    trace_note(trace_forked(child, 120), FT_NOTE_LEFT_OUT, FT_LEFT_OUT_MEMORY);
    struct timeline *t = trace_timeline((uint32_t[]){100, 110, 120, 0});
    cr_expect_null(t->processes[0].coverage_reason);
    cr_expect(strstr(t->processes[1].coverage_reason, "as a setting asks: " FT_LEFT_OUT_PYTHON));
    cr_expect(strstr(t->processes[2].coverage_reason, FT_LEFT_OUT_PYTHON));
    cr_expect(strstr(t->processes[2].coverage_reason, FT_LEFT_OUT_MEMORY));
    cr_expect_eq(t->processes[0].dark, 0);
    cr_expect(t->processes[2].dark & DARK_PYTHON_NAMES);
    cr_expect_eq(t->processes[2].coverage, COVERAGE_FULL);
}

Test(timeline_python, an_install_knows_what_it_replaced)
{
    ft_ref root = trace_image(100, 1, FT_BIRTH_ROOT, "prog");
    trace_sigaction(root, SIGTERM, 0, 0x1000);
    ft_ref child = trace_forked(root, 110);
    trace_sigaction(child, SIGTERM, 0x1000, 0x2000);
    trace_sigaction(child, SIGTERM, 0x3000, 0); /* something in between was not seen */
    struct timeline *t = trace_timeline((uint32_t[]){100, 110, 0});
    cr_expect_eq(find(t, EVENT_SIGACTION, 0)->child, NONE);
    cr_expect_eq(find(t, EVENT_SIGACTION, 1)->child, event_number(t, EVENT_SIGACTION, 0));
    cr_expect_eq(find(t, EVENT_SIGACTION, 2)->child, NONE);
}

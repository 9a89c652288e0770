/*
 * dump.c: prints a trace record by record, one a line, all fields: for
 * debugging and for tests that want to know what is really in a file.
 *
 *     build/tests/dump FILE [TYPE...]      -f: follow a run that still goes on
 */
#define _GNU_SOURCE
#include "trace/reader.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

static struct ft_reader reader;
static char **wanted;
static int64_t origin = -1;

#define NAME_OF(TABLE, value)                                     \
    ({                                                            \
        static const char *const names_[64] = {TABLE(NAME_OF_X)}; \
        unsigned v_ = (unsigned)(value);                          \
        v_ < 64 && names_[v_] ? names_[v_] : "?";                 \
    })
#define NAME_OF_X(n, name) [n] = #name,

static void print_bytes(const char *bytes, size_t length)
{
    putchar('"');
    for (size_t i = 0; i < length && i < 200; i++) {
        unsigned char c = (unsigned char)bytes[i];
        if (isprint(c) && c != '"' && c != '\\')
            putchar(c);
        else
            printf("\\x%02x", c);
    }
    printf("\"%s", length > 200 ? "..." : "");
}

static void print_string(const char *label, ft_ref ref)
{
    size_t length;
    bool cut;
    const char *bytes = ft_reader_string(&reader, ref, &length, &cut);
    printf(" %s=%x:", label, ref);
    print_bytes(bytes, length);
    if (cut) printf("(cut)");
}

static void print_origin(const struct ft_origin *o)
{
    printf(" site=%" PRIx64 " stack=%x", o->site, o->stack);
    if (o->py_stack) printf(" py_stack=%x", o->py_stack);
}

static void print_definition(const struct ft_head *head)
{
    size_t length;
    if (head->type == FT_STRING) {
        struct ft_string s = FT_GET(string, head);
        const char *bytes = ft_tail(head, offsetof(struct ft_string, bytes), &length);
        printf(" length=%u ", s.length);
        print_bytes(bytes, s.length < length ? s.length : length);
    } else if (head->type == FT_STACK) {
        struct ft_stack s = FT_GET(stack, head);
        const uint64_t *pcs = ft_tail(head, sizeof s, &length);
        printf(" count=%u cut=%u", s.count, s.cut);
        for (size_t i = 0; i < s.count && i < length / 8; i++) printf(" %" PRIx64, pcs[i]);
    } else if (head->type == FT_OBJECT) {
        struct ft_object o = FT_GET(object, head);
        printf(" %" PRIx64 "-%" PRIx64 " bias=%" PRIx64, o.start, o.end, o.bias);
        print_string("path", o.path);
        printf(" build_id=");
        for (size_t i = 0; i < o.build_id_size && i < sizeof o.build_id; i++) printf("%02x", o.build_id[i]);
    } else if (head->type == FT_SITE) {
        struct ft_site s = FT_GET(site, head);
        print_origin(&s.origin);
    } else if (head->type == FT_CLOCK) {
        printf(" monotonic=%" PRIu64, FT_GET(clock, head).monotonic);
    } else {
        struct ft_note n = FT_GET(note, head);
        printf(" what=%u", n.what);
        print_string("text", n.text);
    }
}

static void print_process(const struct ft_head *head)
{
    switch (head->type) {
    case FT_PROCESS: {
        struct ft_process p = FT_GET(process, head);
        printf(" pid=%u ppid=%u tid=%u start_ticks=%" PRIu64 " birth=%u blocked=%" PRIx64 " ignored=%" PRIx64
               " parent_task=%x",
               p.pid, p.ppid, p.tid, p.start_ticks, p.birth, p.blocked, p.ignored, p.parent_task);
        print_string("exe", p.exe);
        print_string("argv", p.argv);
        print_string("cwd", p.cwd);
        break;
    }
    case FT_FORK: {
        struct ft_fork f = FT_GET(fork, head);
        printf(" api=%s result=%d", NAME_OF(FT_FORK_APIS, f.api), f.result);
        print_origin(&f.origin);
        break;
    }
    case FT_CHILD: {
        struct ft_child c = FT_GET(child, head);
        printf(" pid=%u tid=%u", c.pid, c.tid);
        break;
    }
    case FT_EXEC: {
        struct ft_exec e = FT_GET(exec, head);
        print_string("path", e.path);
        print_origin(&e.origin);
        break;
    }
    case FT_EXEC_FAILED: {
        struct ft_exec_failed e = FT_GET(exec_failed, head);
        print_string("path", e.path);
        printf(" error=%d", e.error);
        break;
    }
    case FT_EXIT: {
        struct ft_exit e = FT_GET(exit, head);
        printf(" api=%s status=%d", NAME_OF(FT_EXIT_APIS, e.api), e.status);
        print_origin(&e.origin);
        break;
    }
    case FT_REAP: {
        struct ft_reap r = FT_GET(reap, head);
        printf(" api=%s pid=%d status=%#x site=%" PRIx64, NAME_OF(FT_REAP_APIS, r.api), r.pid,
               (unsigned)r.status, r.site);
        break;
    }
    case FT_SESSION: {
        struct ft_session s = FT_GET(session, head);
        printf(" api=%s result=%d site=%" PRIx64, NAME_OF(FT_SESSION_APIS, s.api), s.result, s.site);
        break;
    }
    case FT_CRED: {
        struct ft_cred c = FT_GET(cred, head);
        printf(" api=%s error=%d ids=%u,%u,%u,%u site=%" PRIx64, NAME_OF(FT_CRED_APIS, c.api), c.error,
               c.ids[0], c.ids[1], c.ids[2], c.ids[3], c.site);
        break;
    }
    }
}

static void print_thread(const struct ft_head *head)
{
    size_t length;
    switch (head->type) {
    case FT_THREAD_CREATE: {
        struct ft_thread_create t = FT_GET(thread_create, head);
        printf(" api=%s start=%" PRIx64 " detached=%u error=%d", NAME_OF(FT_THREAD_APIS, t.api), t.start,
               t.detached, t.error);
        print_origin(&t.origin);
        break;
    }
    case FT_THREAD_START: {
        struct ft_thread_start t = FT_GET(thread_start, head);
        printf(" tid=%u pid=%u pthread=%" PRIx64, t.tid, t.pid, t.pthread);
        break;
    }
    case FT_THREAD_END: {
        struct ft_thread_end t = FT_GET(thread_end, head);
        printf(" how=%s cpu_ns=%" PRIu64, NAME_OF(FT_THREAD_ENDS, t.how), t.cpu_ns);
        break;
    }
    case FT_THREAD_OP: {
        struct ft_thread_op t = FT_GET(thread_op, head);
        printf(" api=%s pthread=%" PRIx64 " error=%d site=%" PRIx64, NAME_OF(FT_THREAD_OPS, t.api), t.pthread,
               t.error, t.site);
        break;
    }
    case FT_THREAD_NAME: {
        struct ft_thread_name t = FT_GET(thread_name, head);
        printf(" pthread=%" PRIx64 " name=", t.pthread);
        print_bytes(t.name, strnlen(t.name, sizeof t.name));
        break;
    }
    case FT_UNSEEN_THREADS: {
        struct ft_unseen_threads u = FT_GET(unseen_threads, head);
        const uint32_t *tids = ft_tail(head, sizeof u, &length);
        printf(" fork=%x count=%u tids=", u.fork, u.count);
        for (size_t i = 0; i < u.count && i < length / 4; i++) printf("%s%u", i ? "," : "", tids[i]);
        break;
    }
    case FT_ATFORK: {
        struct ft_atfork a = FT_GET(atfork, head);
        printf(" phase=%s which=%u handler=%" PRIx64 " ns=%" PRIu64, NAME_OF(FT_ATFORK_PHASES, a.phase),
               a.which, a.handler, a.ns);
        break;
    }
    case FT_HELD: {
        struct ft_held h = FT_GET(held, head);
        printf(" kind=%s address=%" PRIx64 " fork=%x holder=%x", NAME_OF(FT_WAIT_KINDS, h.kind), h.address,
               h.fork, h.holder);
        break;
    }
    }
}

static void print_signal(const struct ft_head *head)
{
    switch (head->type) {
    case FT_SIGACTION: {
        struct ft_sigaction s = FT_GET(sigaction, head);
        printf(" api=%s signal=%u old=%" PRIx64 " new=%" PRIx64 " flags=%x mask=%" PRIx64 " site=%" PRIx64,
               NAME_OF(FT_SIGACTION_APIS, s.api), s.signal, s.old_handler, s.new_handler, s.flags, s.mask,
               s.site);
        if (s.asked) printf(" asked=%s", s.asked == FT_ASKED ? "yes" : "no");
        if (s.py_stack) printf(" py_stack=%x", s.py_stack);
        if (s.py_handler) printf(" py_handler=%x", s.py_handler);
        break;
    }
    case FT_SIGMASK: {
        struct ft_sigmask s = FT_GET(sigmask, head);
        printf(" api=%s how=%u old=%" PRIx64 " new=%" PRIx64 " site=%" PRIx64,
               NAME_OF(FT_SIGMASK_APIS, s.api), s.how, s.old_mask, s.new_mask, s.site);
        break;
    }
    case FT_KILL: {
        struct ft_kill k = FT_GET(kill, head);
        printf(" api=%s signal=%u target=%" PRId64 " error=%d site=%" PRIx64 " stack=%x",
               NAME_OF(FT_KILL_APIS, k.api), k.signal, k.target, k.error, k.site, k.stack);
        break;
    }
    }
}

static void print_wait(const struct ft_head *head)
{
    size_t length;
    switch (head->type) {
    case FT_WAIT: {
        struct ft_wait w = FT_GET(wait, head);
        printf("%s kind=%s waited_ns=%" PRId64 " address=%" PRIx64 " second=%" PRIx64 " owner_tid=%u",
               w.timed == FT_TIMED ? " timed" : "", NAME_OF(FT_WAIT_KINDS, w.kind),
               ft_reader_ns(&reader, head->time) - ft_reader_ns(&reader, w.since), w.address, w.second,
               w.owner_tid);
        print_origin(&w.origin);
        break;
    }
    case FT_WAIT_SLOT: {
        struct ft_wait_slot w = FT_GET(wait_slot, head);
        printf(" kind=%s address=%" PRIx64 " second=%" PRIx64 " owner_tid=%u coalesced=%u",
               NAME_OF(FT_WAIT_KINDS, w.kind), w.address, w.second, w.owner_tid, w.coalesced);
        print_origin(&w.origin);
        break;
    }
    case FT_BIND: {
        struct ft_bind b = FT_GET(bind, head);
        const uint8_t *address = ft_tail(head, sizeof b, &length);
        printf(" fd=%d error=%d address=", b.fd, b.error);
        for (size_t i = 0; i < length; i++) printf("%02x", address[i]);
        print_origin(&b.origin);
        break;
    }
    }
}

static void print_value(unsigned kind, uint64_t value)
{
    printf(" %s", NAME_OF(FT_PY_KINDS, kind));
    if (kind == FT_PY_KIND_float) {
        double number;
        memcpy(&number, &value, sizeof number);
        printf(":%.17g", number);
    } else if (kind == FT_PY_KIND_text || kind == FT_PY_KIND_bytes || kind == FT_PY_KIND_long_int ||
               (kind >= FT_PY_KIND_object && kind <= FT_PY_KIND_module))
        print_string("value", (ft_ref)value);
    else if (kind == FT_PY_KIND_sized) {
        print_string("value", (ft_ref)(value >> 32));
        printf(":%u", (uint32_t)value);
    } else
        printf(":%" PRId64, (int64_t)value);
}

static void print_python(const struct ft_head *head)
{
    size_t length;
    switch (head->type) {
    case FT_PY_FUNCTION: {
        struct ft_py_function f = FT_GET(py_function, head);
        print_string("name", f.name);
        print_string("file", f.file);
        printf(" line=%u", f.line);
        break;
    }
    case FT_PY_STACK: {
        struct ft_py_stack s = FT_GET(py_stack, head);
        const struct ft_py_frame *frames = ft_tail(head, offsetof(struct ft_py_stack, frame), &length);
        printf(" count=%u cut=%u", s.count, s.cut);
        for (size_t i = 0; i < s.count && i < length / sizeof *frames; i++) {
            print_string("in", frames[i].function);
            print_string("file", frames[i].file);
            printf(":%u", frames[i].line);
        }
        break;
    }
    case FT_PY_THREAD: {
        struct ft_py_thread t = FT_GET(py_thread, head);
        printf(" thread=%x function=%x", t.thread, t.function);
        print_string("name", t.name);
        break;
    }
    case FT_PY_GLOBAL: {
        struct ft_py_global g = FT_GET(py_global, head);
        print_string("module", g.module);
        print_string("name", g.name);
        printf(" writes=%" PRIu64 " flags=%x writer=%x line=%u", g.writes, g.flags, g.writer, g.line);
        print_value(g.old_kind, g.old);
        printf(" ->");
        print_value(g.kind, g.value);
        break;
    }
    case FT_PY_VALUE: {
        struct ft_py_value v = FT_GET(py_value, head);
        printf(" fork=%x writes=%" PRIu64, v.fork, v.writes);
        print_string("module", v.module);
        print_string("name", v.name);
        print_value(v.kind, v.value);
        break;
    }
    case FT_PY_THREADS: {
        struct ft_py_threads t = FT_GET(py_threads, head);
        const uint64_t *ident = ft_tail(head, sizeof t, &length);
        printf(" at=%s count=%u", t.when == FT_PY_AT_EXIT ? "exit" : "fork", t.count);
        for (size_t i = 0; i < t.count && i < length / sizeof *ident; i++) printf(" %" PRIx64, ident[i]);
        break;
    }
    case FT_GREENLET: {
        struct ft_greenlet g = FT_GET(greenlet, head);
        print_string("type", g.type);
        print_string("name", g.name);
        printf(" function=%x spawned=%x flags=%x", g.function, g.spawned, g.flags);
        break;
    }
    case FT_GREENLETS: {
        static const char *const when[] = {"?", "fork", "exit", "event"};
        struct ft_greenlets g = FT_GET(greenlets, head);
        const struct ft_greenlet_at *at = ft_tail(head, sizeof g, &length);
        printf(" at=%s fork=%x count=%u others=%u current=%x", when[g.when & 3], g.fork, g.count, g.others,
               g.current);
        for (size_t i = 0; i < g.count && i < length / sizeof *at; i++)
            printf(" %x:%x", at[i].greenlet, at[i].stack);
        break;
    }
    case FT_PY_CHANGE: {
        struct ft_py_change c = FT_GET(py_change, head);
        print_string("module", c.module);
        print_string("name", c.name);
        printf(" rebound=%u", c.rebound);
        print_value(c.old_kind, c.old);
        printf(" ->");
        print_value(c.kind, c.value);
        break;
    }
    case FT_PY_PICTURE: {
        struct ft_py_picture p = FT_GET(py_picture, head);
        printf(" count=%u names=%u longest=%" PRIu64, p.count, p.names, p.longest);
        break;
    }
    case FT_GREENLET_RUN: {
        struct ft_greenlet_run r = FT_GET(greenlet_run, head);
        printf(" ran_ns=%" PRId64 " greenlet=%x stack=%x others=%u",
               ft_reader_ns(&reader, head->time) - ft_reader_ns(&reader, r.since), r.greenlet, r.stack,
               r.others);
        break;
    }
    case FT_GREENLET_SLOT: {
        struct ft_greenlet_slot s = FT_GET(greenlet_slot, head);
        printf(" greenlet=%x function=%x flags=%x switches=%" PRIu64 " ran=%" PRIu64 " longest=%" PRIu64,
               s.greenlet, s.function, s.flags, s.switches, s.ran, s.longest);
        break;
    }
    case FT_PY_SITE: {
        struct ft_py_site p = FT_GET(py_site, head);
        print_string("module", p.module);
        print_string("name", p.name);
        print_string("file", p.file);
        printf(":%u flags=%x held=%x,%x,%x kind=%u", p.line, p.flags, p.held[0], p.held[1], p.held[2],
               p.kind);
        break;
    }
    case FT_PY_WRITES: {
        const struct ft_c_entry *entry = ft_tail(head, offsetof(struct ft_py_writes, entry), &length);
        const struct ft_py_writes *page = (const void *)head;
        for (size_t i = 0; i < length / sizeof *entry; i++)
            if (entry[i].stamp && FT_C_STAMP_SITE(entry[i].stamp) < FT_PY_SITES)
                printf(" %" PRIx64 "@%x=%" PRIx64, FT_C_STAMP_COUNTER(entry[i].stamp),
                       page->site[FT_C_STAMP_SITE(entry[i].stamp)], entry[i].value);
        break;
    }
    case FT_PY_WRITE: {
        struct ft_py_write p = FT_GET(py_write, head);
        print_string("module", p.module);
        print_string("name", p.name);
        print_string("file", p.file);
        printf(":%u flags=%x held=%x,%x,%x", p.line, p.flags, p.held[0], p.held[1], p.held[2]);
        print_value(p.kind, p.value);
        break;
    }
    }
}

static void print_kernel(const struct ft_head *head)
{
    switch (head->type) {
    case FT_KERNEL_TASK: {
        struct ft_kernel_task k = FT_GET(kernel_task, head);
        printf(" pid=%u tid=%u outer=%u/%u ticks=%" PRIu64 " flags=%x exit_signal=%u how=%u", k.pid, k.tid,
               k.outer_pid, k.outer_tid, k.start_ticks, k.flags, k.exit_signal, k.how);
        if (k.call) printf(" call=%x function=%" PRIx64, k.call, k.function), print_origin(&k.origin);
        break;
    }
    case FT_KERNEL_EXEC: {
        struct ft_kernel_exec k = FT_GET(kernel_exec, head);
        print_string("path", k.path);
        print_string("exe", k.exe);
        print_string("argv", k.argv);
        printf(" why=%u", k.why);
        break;
    }
    case FT_KERNEL_EXIT: {
        struct ft_kernel_exit k = FT_GET(kernel_exit, head);
        printf(" status=%x last=%u how=%u cpu=%" PRIu64 " name=%.16s", (unsigned)k.status, k.last, k.how,
               k.cpu_ns, k.name);
        break;
    }
    case FT_KERNEL_KILL: {
        struct ft_kernel_kill k = FT_GET(kernel_kill, head);
        printf(" signal=%u target=%x/%u sender=%u code=%d group=%u result=%u name=%.16s", k.signal, k.target,
               k.target_pid, k.sender_pid, k.code, k.group, k.result, k.name);
        break;
    }
    case FT_KERNEL_SIGNAL: {
        struct ft_kernel_signal k = FT_GET(kernel_signal, head);
        printf(" signal=%u sender=%x/%u code=%d handler=%" PRIx64, k.signal, k.sender, k.sender_pid, k.code,
               k.handler);
        break;
    }
    case FT_BLIND: {
        struct ft_blind b = FT_GET(blind, head);
        printf(" fork=%x why=%s", b.fork, ft_blind_name(b.why));
        print_string("path", b.path);
        break;
    }
    case FT_KERNEL_VIEW: {
        struct ft_kernel_view k = FT_GET(kernel_view, head);
        printf(" what=%u pid=%u lost=%" PRIu64, k.what, k.pid, k.lost);
        break;
    }
    }
}

/* What a rule needs and no view shows. */
static void print_pitfall(const struct ft_head *head)
{
    switch (head->type) {
    case FT_STDIO: {
        struct ft_stdio s = FT_GET(stdio, head);
        printf(" fork=%x fd=%d bytes=%u %s file=%" PRIx64, s.fork, s.fd, s.bytes,
               s.what == FT_STDIO_WRITTEN ? "written" : "pending", s.file);
        print_string("path", s.path);
        break;
    }
    case FT_UNSAFE_CALL: {
        struct ft_unsafe_call u = FT_GET(unsafe_call, head);
        printf(" function=%s", NAME_OF(FT_UNSAFE_CALLS, u.function));
        print_origin(&u.origin);
        break;
    }
    case FT_FD_USE: {
        struct ft_fd_use u = FT_GET(fd_use, head);
        printf(" connection=%u turn=%u fd=%d %s before=%x other=%x inside=%x flags=%x held=%x,%x,%x",
               u.connection, u.turn, u.fd, u.direction == FT_FD_WRITES ? "writes" : "reads", u.before,
               u.other, u.inside, u.flags, u.held[0], u.held[1], u.held[2]);
        print_origin(&u.origin);
        break;
    }
    case FT_NO_CHILD: {
        struct ft_no_child n = FT_GET(no_child, head);
        printf(" api=%s pid=%d", NAME_OF(FT_REAP_APIS, n.api), n.pid);
        print_origin(&n.origin);
        break;
    }
    }
}

static void print_c(const struct ft_head *head)
{
    size_t length;
    switch (head->type) {
    case FT_C_GLOBAL: {
        struct ft_c_global g = FT_GET(c_global, head);
        printf(" %" PRIx64 "/%u element=%u kind=%u flags=%x value=%" PRIx64, g.address, g.size, g.element,
               g.kind, g.flags, g.value);
        print_string("name", g.name);
        print_string("object", g.object);
        if (g.names) print_string("names", g.names);
        break;
    }
    case FT_C_SITES: {
        uint32_t count = FT_GET(c_sites, head).count;
        const struct ft_c_site *site = ft_tail(head, sizeof(struct ft_c_sites), &length);
        for (size_t i = 0; i < count && i < length / sizeof *site; i++)
            printf(" %u:%" PRIx64 ":%x/%u,%x", site[i].id, site[i].pc, site[i].global, site[i].size,
                   site[i].flags);
        break;
    }
    case FT_C_WRITE: {
        struct ft_c_write c = FT_GET(c_write, head);
        printf(" site=%u value=%" PRIx64 " offset=%u held=%" PRIx64, c.site, c.value, c.offset, c.held);
        break;
    }
    case FT_C_WRITES: {
        const struct ft_c_entry *entry = ft_tail(head, offsetof(struct ft_c_writes, entry), &length);
        for (size_t i = 0; i < length / sizeof *entry; i++)
            if (entry[i].stamp)
                printf(" %" PRIx64 "@%u=%" PRIx64, FT_C_STAMP_COUNTER(entry[i].stamp),
                       (unsigned)FT_C_STAMP_SITE(entry[i].stamp), entry[i].value);
        break;
    }
    case FT_C_SAMPLE:
    case FT_C_VALUE: {
        struct ft_c_value v = FT_GET(c_value, head);
        printf(" global=%x fork=%x value=%" PRIx64 " print=%x", v.global, v.fork, v.value, v.print);
        break;
    }
    case FT_C_COMMON: {
        struct ft_c_common c = FT_GET(c_common, head);
        printf(" global=%x fork=%x", c.global, c.fork);
        break;
    }
    case FT_C_TRAP: {
        struct ft_c_trap c = FT_GET(c_trap, head);
        printf(" global=%x value=%" PRIx64 " after=%" PRIx64 " offset=%u/%u flags=%x held=%" PRIx64, c.global,
               c.value, c.after, c.offset, c.size, c.flags, c.held);
        break;
    }
    case FT_C_HARDWARE: {
        struct ft_c_hardware c = FT_GET(c_hardware, head);
        print_string("watch", c.watch);
        printf(" slots=%u/%u error=%d flags=%x", c.slots, c.needed, c.error, c.flags);
        break;
    }
    case FT_C_BLOCK: {
        struct ft_c_block block = FT_GET(c_block, head);
        ft_tail(head, sizeof block, &length);
        printf(" %" PRIx64 " words=%zu", block.address, length / 8);
        break;
    }
    case FT_C_PICTURE: {
        struct ft_c_picture p = FT_GET(c_picture, head);
        const struct ft_c_part *part = ft_tail(head, sizeof p, &length);
        printf(" %" PRIx64 "-%" PRIx64 " fork=%x", p.start, p.end, p.fork);
        for (size_t i = 0; i < p.count && i < length / sizeof *part; i++)
            printf(" %u%s:%x", part[i].at >> 1, part[i].at & FT_C_ALONE ? "!" : "", part[i].block);
        break;
    }
    case FT_C_WATCH: {
        struct ft_c_watch c = FT_GET(c_watch, head);
        print_string("watch", c.watch);
        printf(
            " outcome=%u stores=%u followed=%u patched=%u too_short=%u branched_into=%u unmovable=%u taken=%u"
            " pointers=%u",
            c.outcome, c.stores, c.followed, c.patched, c.too_short, c.branched_into, c.unmovable, c.taken,
            c.pointers);
        print_string("object", c.object);
        print_string("text", c.text);
        break;
    }
    }
}

static int print_record(void *context, const struct ft_head *head, ft_ref ref)
{
    static const char states[] = "?cO ";
    const char *name = ft_type_name(head->type);
    bool show = !*wanted;
    for (char **w = wanted; *w; w++) show |= name && !strcmp(*w, name);
    if (!show) return 0;
    int64_t ns = ft_reader_ns(&reader, head->time);
    printf("%8x task=%-8x %14.3fus %c %-14s %3u", ref, head->task, (double)(ns - origin) / 1000,
           states[head->state & 3], name ? name : "(unknown)", head->size);
    if (head->type < FT_PROCESS)
        print_definition(head);
    else if (head->type < FT_THREAD_CREATE)
        print_process(head);
    else if (head->type < FT_SIGACTION)
        print_thread(head);
    else if (head->type < FT_WAIT)
        print_signal(head);
    else if (head->type < FT_PY_FUNCTION)
        print_wait(head);
    else if (head->type < FT_KERNEL_TASK)
        print_python(head);
    else if (head->type < FT_STDIO)
        print_kernel(head);
    else if (head->type < FT_C_GLOBAL)
        print_pitfall(head);
    else
        print_c(head);
    putchar('\n');
    return 0;
}

int main(int argc, char **argv)
{
    bool follow = argc > 1 && !strcmp(argv[1], "-f");
    argv += follow;
    argc -= follow;
    if (argc < 2) return fprintf(stderr, "usage: dump [-f] FILE [TYPE...]\n"), 2;
    char text[256];
    enum ft_reader_error error = ft_reader_open(&reader, argv[1], true);
    if (error) {
        fprintf(stderr, "dump: %s: %s\n", argv[1], ft_reader_message(error, &reader, text, sizeof text));
        return 2;
    }
    wanted = argv + 2;
    const struct ft_header *h = reader.header;
    origin = ft_reader_ns(&reader, h->counter0);
    printf("# version %u, capacity %" PRIu64 " pages, next page %" PRIu64
           ", clock %s, threshold %u ms, root pid %u,"
           " host %.64s, kernel %.64s, %.16s\n",
           h->version, h->capacity, h->next, h->clock ? "tsc" : "monotonic", h->wait_threshold, h->root_pid,
           h->host, h->kernel, h->arch);
    ft_reader_each(&reader, print_record, NULL);
    while (follow) {
        fflush(stdout);
        usleep(200000);
        ft_reader_new(&reader, print_record, NULL);
    }
    printf("# %" PRIu64 " records, %" PRIu64 " torn, %" PRIu64 " damaged pages, %" PRIu64 " bytes missing\n",
           reader.records, reader.torn, reader.damaged, reader.missing);
    for (unsigned i = 0; i < FT_LOST_ROOM; i++)
        if (ft_reader_lost(&reader, i))
            printf("# lost: %" PRIu64 " %s\n", ft_reader_lost(&reader, i), ft_lost_name(i));
    ft_reader_close(&reader);
    return 0;
}

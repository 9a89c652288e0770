/* follow.c: see follow.h. */
#define _GNU_SOURCE
#include "follow.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "calls.h"
#include "moment.h"
#include "probes.h"
#include "python.h"
#include "forktrace.skel.h"
#include "record.h"
#include "stacks.h"
#include "stores.h"

#define WAITS      1024       /* looked up at once */
#define SCAN_EVERY 100000000u /* ns */
#define ROUNDS     64         /* of looking around: each goes one generation further at least */

static bool talkative;

static int speak(enum libbpf_print_level level, const char *format, va_list arguments)
{
    if (!talkative || level == LIBBPF_DEBUG) return 0;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    return vfprintf(stderr, format, arguments);
#pragma GCC diagnostic pop
}

/* Arguments of a tracepoint in this kernel, without the hidden first one; 0 unknown. */
static unsigned arguments_of(const char *tracepoint)
{
    struct btf *btf = btf__load_vmlinux_btf();
    if (!btf) return 0;
    char name[64];
    snprintf(name, sizeof name, "btf_trace_%s", tracepoint);
    int id = btf__find_by_name_kind(btf, name, BTF_KIND_TYPEDEF);
    const struct btf_type *type = id > 0 ? btf__type_by_id(btf, (unsigned)id) : NULL;
    if (type) type = btf__type_by_id(btf, type->type); /* pointer */
    if (type) type = btf__type_by_id(btf, type->type); /* to function */
    unsigned count = type && btf_is_func_proto(type) ? btf_vlen(type) : 0;
    btf__free(btf);
    return count ? count - 1 : 0;
}

static int on_event(void *context, void *event, size_t size)
{
    write_event(context, event, size);
    return 0;
}

/* A power of two of pages, as the ring buffer asks for. */
static uint32_t ring_room(uint32_t bytes)
{
    uint32_t room = (uint32_t)getpagesize();
    while (room < bytes && room < 1u << 30) room *= 2;
    return room;
}

/* What the probes in a Python have to know. */
static void ask_for(struct forktrace *bpf, const struct python_wishes *python, bool multi, bool sleep)
{
    bpf->rodata->may_sleep = sleep;
    bpf_program__set_autoload(bpf->progs.bound, python->count);
    if (sleep)
        bpf_program__set_flags(bpf->progs.bound, bpf_program__flags(bpf->progs.bound) | BPF_F_SLEEPABLE);
    bpf->rodata->watch_count = python->count;
    bpf->rodata->watch_lengths = python->lengths;
    memcpy((void *)(uintptr_t)bpf->rodata->watches, python->names, sizeof python->names);
    if (!multi) return;
    bpf_program__set_expected_attach_type(bpf->progs.called, (enum bpf_attach_type)UPROBE_MULTI);
    bpf_program__set_expected_attach_type(bpf->progs.bound, (enum bpf_attach_type)UPROBE_MULTI);
}

static void ask_for_stores(struct forktrace *bpf, const char *watch, bool multi)
{
#if defined __x86_64__
    if (multi)
        bpf_program__set_expected_attach_type(bpf->progs.store_done, (enum bpf_attach_type)UPROBE_MULTI);
    bpf_program__set_autoload(bpf->progs.stored, watch);
    bpf_program__set_autoload(bpf->progs.store_done, watch);
#endif
}

static int load(struct follow *f, const struct follow_wishes *wishes, const struct python_wishes *python,
                bool multi)
{
    f->bpf = forktrace__open();
    if (!f->bpf) return -errno;
    uint32_t room = ring_room(wishes->ring);
    f->bpf->rodata->ring_size = room;
    f->bpf->rodata->wait_threshold = wishes->wait_ms * 1000000ull;
    f->bpf->rodata->exit_tells_last = !wishes->like_5_15 && arguments_of("sched_process_exit") >= 2;
    ask_for(f->bpf, python, multi, !wishes->like_5_15 && probes_sleep_here(multi));
    ask_for_stores(f->bpf, wishes->watch, multi);
    int error = bpf_map__set_max_entries(f->bpf->maps.ring, room);
    if (!error) error = forktrace__load(f->bpf);
    if (error) return error;
    LIBBPF_OPTS(bpf_test_run_opts, once);
    error = bpf_prog_test_run_opts(bpf_program__fd(f->bpf->progs.who_am_i), &once);
    return error ? error : forktrace__attach(f->bpf);
}

int follow_open(struct follow *f, struct output *output, const struct follow_wishes *wishes)
{
    *f = (struct follow){.output = output, .wait_ns = wishes->wait_ms * 1000000ull};
    talkative = wishes->verbose;
    libbpf_set_print(speak);
    bool multi = !wishes->like_5_15 && probes_multi_here();
    struct python_wishes python;
    python_wish(&python, wishes->watch);
    int error = load(f, wishes, &python, multi);
    if (!error) {
        f->ring = ring_buffer__new(bpf_map__fd(f->bpf->maps.ring), on_event, output, NULL);
        if (!f->ring) error = -errno;
        output->covered = bpf_map__fd(f->bpf->maps.covered);
        output->probes = f->probes =
            probes_open(f->bpf->progs.called, python.count ? f->bpf->progs.bound : NULL,
                        bpf_map__fd(f->bpf->maps.pythons), multi);
        output->python = f->python =
            wishes->watch ? python_open(&python, bpf_map__fd(f->bpf->maps.py_dicts)) : NULL;
#if defined __x86_64__
        output->stores = f->stores =
            stores_open(wishes->watch, f->bpf->progs.stored, f->bpf->progs.store_done, f->probes,
                        bpf_map__fd(f->bpf->maps.stores));
#endif
    }
    if (error) follow_close(f);
    return error;
}

void follow_close(struct follow *f)
{
    ring_buffer__free(f->ring);
    stores_close(f->stores);
    probes_close(f->probes);
    python_close(f->python);
    stacks_close();
    f->probes = f->output->probes = NULL;
    f->python = f->output->python = NULL;
    f->stores = f->output->stores = NULL;
    forktrace__destroy(f->bpf);
    f->ring = NULL;
    f->bpf = NULL;
}

/* --- the tree --------------------------------------------------------------------------------- */

/* One round over all tasks: how many joined, or -errno. */
static int look_around(struct follow *f)
{
    char rest[256];
    f->bpf->bss->added = 0;
    int fd = bpf_iter_create(bpf_link__fd(f->bpf->links.look_around));
    if (fd < 0) return -errno;
    ssize_t n;
    while ((n = read(fd, rest, sizeof rest)) > 0 || (n < 0 && errno == EAGAIN)) {
    }
    int error = n < 0 ? -errno : 0;
    close(fd);
    return error ? error : (int)f->bpf->bss->added;
}

int follow_root(struct follow *f, uint32_t pid, bool started_for_us)
{
    f->bpf->bss->root = pid;
    f->bpf->bss->root_is_new = started_for_us;
    int first = look_around(f);
    if (first <= 0) return first ? first : -ESRCH;
    for (int round = 0, joined = first; round < ROUNDS && joined > 0; round++)
        if ((joined = look_around(f)) < 0) return joined;
    f->bpf->bss->root = 0; /* its pid may be somebody else's one day */
    return follow_look(f);
}

/* --- looking ---------------------------------------------------------------------------------- */

static uint64_t lost_for(const struct follow *f, uint32_t why)
{
    int cpus = libbpf_num_possible_cpus();
    uint64_t *each = cpus > 0 ? calloc((size_t)cpus, sizeof *each) : NULL, sum = 0;
    if (each &&
        !bpf_map__lookup_elem(f->bpf->maps.lost, &why, sizeof why, each, (size_t)cpus * sizeof *each, 0))
        for (int i = 0; i < cpus; i++) sum += each[i];
    free(each);
    return sum;
}

static void tell_lost(struct follow *f)
{
    static const enum ft_lost reasons[LOST_WHYS] = {[LOST_RING] = FT_LOST_KERNEL,
                                                    [LOST_TREE] = FT_LOST_KERNEL_TREE,
                                                    [LOST_PYTHON] = FT_LOST_KERNEL_PYTHON};
    for (uint32_t why = 0; why < LOST_WHYS; why++) {
        uint64_t now = lost_for(f, why);
        write_lost(f->output, reasons[why], now - f->lost[why]);
        f->lost[why] = now;
    }
}

/* Waits that last, by threads the library is not in: a thread that waits for ever tells of nothing itself. */
static void look_for_waits(struct follow *f)
{
    static uint64_t keys[WAITS];
    static struct system_call calls[WAITS];
    uint64_t now = f->output->now.ns;
    uint32_t at, count, fd = (uint32_t)bpf_map__fd(f->bpf->maps.calls);
    if (now - f->scanned < SCAN_EVERY) return;
    f->scanned = now;
    for (bool first = true, more = true; more; first = false) {
        count = WAITS;
        more = !bpf_map_lookup_batch((int)fd, first ? NULL : &at, &at, keys, calls, &count, NULL);
        if (!more && errno != ENOENT) return;
        for (uint32_t i = 0; i < count; i++)
            if (calls[i].number == SYS_futex && now > calls[i].since && now - calls[i].since >= f->wait_ns)
                calls_waiting(f->output, &calls[i]);
    }
}

int follow_look(struct follow *f)
{
    moment_tick(f->output);
    int done = ring_buffer__consume(f->ring);
    stores_tick(f->stores, f->output);
    tell_lost(f);
    look_for_waits(f);
    return done < 0 ? done : 0;
}

int follow_fd(const struct follow *f) { return ring_buffer__epoll_fd(f->ring); }

/* If events were lost, ends may be among them: then the kernel's own list decides. */
bool follow_over(const struct follow *f)
{
    uint32_t key;
    if (!f->output->began) return false;
    if (!f->output->lost) return !f->output->alive;
    return bpf_map_get_next_key(bpf_map__fd(f->bpf->maps.tree), NULL, &key) < 0;
}

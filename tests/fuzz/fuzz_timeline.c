/*
 * fuzz_timeline.c: any bytes as a trace, all the way to the model every view
 * is drawn from, and its questions asked of each event.
 *
 *     make fuzz FUZZ=timeline          with libFuzzer (clang); FUZZ_SECONDS=60
 *     fuzz_timeline FILE...            without: replays files (replay.c)
 */
#define _GNU_SOURCE
#include "viewer/timeline/timeline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Every other four bytes have a name. */
static bool a_variable(const struct object *o, uint64_t address, unsigned guess, struct timeline_variable *v)
{
    if (address & 4) return false;
    *v = (struct timeline_variable){
        .start = address & ~3ull, .whole = address & ~63ull, .size = 4, .kind = FT_C_KIND_signed};
    snprintf(v->name, sizeof v->name, "v%llx", (unsigned long long)v->start);
    return guess <= 8;
}

static bool no_bytes(const struct object *o, uint64_t address, void *bytes, size_t size) { return false; }

static const struct timeline_files files = {a_variable, no_bytes};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t sink; /* so that what is read is really read */

static bool half_of_them(void *context, uint32_t pid, uint64_t start_ticks) { return pid & 1; }

static void look(const struct timeline *t)
{
    for (size_t i = 0; i < t->event_count; i++) {
        const struct event *e = EVENT_AT(t, i);
        const uint64_t *pcs;
        size_t count = timeline_stack(t, e, &pcs);
        for (size_t k = 0; k < count; k++) {
            const struct object *o = timeline_object(t, e->process, e->ns, pcs[k]);
            sink += o && o->path ? strlen(o->path) : 0;
        }
        sink += strlen(event_type_name(e->type));
        if (e->process != NONE && e->process >= t->process_count) abort();
        if (e->thread != NONE && e->thread >= t->thread_count) abort();
        sink += (uint64_t)timeline_disposition(t, e->process, 1 + (int)(i % 64), e->ns).handler;
        sink += timeline_alone(t, e) + timeline_bound_before(t, e);
        if (e->type == EVENT_SIGACTION && e->child != NONE && e->child >= t->event_count) abort();
        bool exact;
        uint16_t held[3];
        copy_id copy = timeline_copy_written(t, (event_id)i);
        if (copy != NONE && copy >= t->copy_count) abort();
        sink += timeline_written(t, e).bits + timeline_store(t, e, &exact) + timeline_held(t, e, held);
        thread_id awaited = NONE;
        for (int k = 0; k < 8 && (awaited = timeline_awaited(t, e, awaited)) != NONE; k++)
            if (awaited >= t->thread_count) abort();
    }
    for (process_id p = 0; p < t->process_count; p++) {
        const struct process *process = &t->processes[p];
        size_t steps = 0;
        for (thread_id i = timeline_next_thread(t, p, NONE); i != NONE; i = timeline_next_thread(t, p, i))
            if (steps++ > t->thread_count) abort();
        for (size_t i = 0; i < process->ghost_count; i++)
            if (process->ghosts[i].thread >= t->thread_count) abort();
        for (size_t i = 0; i < process->image_count; i++)
            for (size_t k = 0; k < process->images[i].argc; k++) sink += strlen(process->images[i].argv[k]);
        steps = 0;
        for (process_id up = p; up != NONE; up = t->processes[up].parent)
            if (steps++ > t->process_count) abort(); /* nobody is their own ancestor */
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int file = -1;
    static char path[32];
    if (file < 0) {
        file = memfd_create("fuzz", MFD_CLOEXEC);
        snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    }
    if (ftruncate(file, 0) || pwrite(file, data, size, 0) != (ssize_t)size) return 0;
    struct ft_reader r;
    if (ft_reader_open(&r, path, true)) return 0;
    struct timeline *t = timeline_build(&r, half_of_them, NULL, &files);
    if (t) {
        look(t);
        timeline_free(t);
    }
    ft_reader_close(&r);
    return 0;
}

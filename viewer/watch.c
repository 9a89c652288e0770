/*
 * watch.c: was what -w names ever bound, or found in C, and how much of it is seen?
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "text.h"
#include "watch.h"

struct part {
    const char *text;
    size_t length;
};

static bool equal(struct part part, const char *text)
{
    return strlen(text) == part.length && !memcmp(text, part.text, part.length);
}

/* "py:pkg.app.i": the name is what follows the last dot. */
static bool split(const char *item, size_t length, struct part *module, struct part *name)
{
    if (length < 3 || memcmp(item, "py:", 3)) return false;
    const char *dot = memrchr(item + 3, '.', length - 3);
    if (!dot) return false;
    *module = (struct part){item + 3, (size_t)(dot - item) - 3};
    *name = (struct part){dot + 1, (size_t)(item + length - dot) - 1};
    return true;
}

static bool module_listed(const char *list, const char *module_text)
{
    struct part module, name;
    for (const char *at = list; *at; at += strcspn(at, ";"), at += *at == ';')
        if (split(at, strcspn(at, ";"), &module, &name) && equal(module, module_text)) return true;
    return false;
}

bool watch_bound(const struct timeline *t, const char *list, const char *item, size_t length)
{
    struct part module, name;
    if (!split(item, length, &module, &name)) return true; /* nothing that can be judged here */
    for (size_t i = 0; i < t->global_count; i++) {
        const struct global *g = &t->globals[i];
        if (!g->watched || (!equal(name, "*") && !equal(name, g->name))) continue;
        if (equal(module, g->module) || !module_listed(list, g->module)) return true;
    }
    return false;
}

/* --- C ------------------------------------------------------------------------------------------ */

static bool was_found(const struct watch_result *w)
{
    return w->outcome == FT_C_OUTCOME_watched || w->outcome == FT_C_OUTCOME_no_store ||
           w->outcome == FT_C_OUTCOME_compared;
}

/* The processor sees what patched stores do not. */
static bool by_hardware(const struct watch_result *w)
{
    return w->hardware.slots && !(w->hardware.flags & FT_C_HW_ENDED);
}

bool watch_misses(const struct watch_result *w)
{
    if (by_hardware(w)) return false;
    if (w->hardware.flags & FT_C_HW_ASKED) return true;
    return w->counts.patched < w->counts.stores || w->counts.taken || w->counts.pointers || !w->counts.stores;
}

const struct watch_result *watch_result(const struct timeline *t, const char *item, size_t length)
{
    const struct watch_result *best = NULL;
    for (size_t i = 0; i < t->watch_count; i++) {
        const struct watch_result *w = &t->watches[i];
        if (!w->watch || strlen(w->watch) != length || memcmp(w->watch, item, length)) continue;
        /* a shell that starts the program says "unknown"; what it may say more counts least */
        bool better = !best || (was_found(w) && !was_found(best)) ||
                      (was_found(w) == was_found(best) &&
                       (best->outcome == FT_C_OUTCOME_unknown || best->outcome == FT_C_OUTCOME_not_loaded));
        if (better) best = w;
    }
    return best;
}

static size_t add(char *buffer, size_t size, size_t used, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
static size_t add(char *buffer, size_t size, size_t used, const char *format, ...)
{
    va_list list;
    if (used >= size) return used;
    va_start(list, format);
    int n = vsnprintf(buffer + used, size - used, format, list);
    va_end(list);
    return n < 0 ? used : used + (size_t)n;
}

/* Why there is no hardware watch, and what helps; NULL: no error. */
static const char *why_not(const struct ft_c_hardware *h)
{
    if (h->flags & FT_C_HW_GO) return "the Go runtime is in the program and takes SIGTRAP for itself";
    switch (h->error) {
    case 0: return NULL;
    case EPERM:
    case EACCES:
        return "perf_event_open is not allowed (kernel.perf_event_paranoid is above 2, or a container "
               "forbids it): "
               "sysctl kernel.perf_event_paranoid=2 as root, or let the container's seccomp filter pass it";
    case ENOSYS:
        return "it takes Linux 5.18 with perf events: record --ebpf sees the processor's watches on older "
               "ones";
    case EINVAL: return "this kernel's perf events send no signals: record --ebpf does without them";
    case ENOENT:
    case ENODEV:
    case EOPNOTSUPP: return "this (virtual) machine has no breakpoints: run it on another";
    case ENOSPC: return "others have taken them all: end gdb, perf or bpftrace that watch this process";
    default: return strerror(h->error);
    }
}

static size_t hardware_words(char *buffer, size_t size, size_t n, const struct watch_result *w)
{
    const struct ft_c_hardware *h = &w->hardware;
    const char *why = why_not(h);
    bool asked = h->flags & FT_C_HW_ASKED;
    if (by_hardware(w))
        return add(buffer, size, n, "; the processor sees %s (%u of its 4 watches)",
                   asked ? "every store, though not what the kernel writes, as read() does" : "these",
                   h->slots);
    if (h->flags & FT_C_HW_ENDED)
        return add(buffer, size, n,
                   "; the processor saw these until 1000 patched stores had hit its watch: -w hw:%s keeps it",
                   w->watch);
    if (why) return add(buffer, size, n, "; no hardware watch: %s", why);
    if (h->needed == 255)
        return add(buffer, size, n, "; it is too long for the processor's 4 watches of 8 bytes");
    if (h->needed)
        return add(buffer, size, n, "; it would take %u of the processor's 4 watches, which are not left",
                   h->needed);
    return n;
}

/* Of a process the library is not in. */
static const char *kernel_words(char *buffer, size_t size, const char *object, const struct watch_result *w)
{
    const struct ft_c_watch *c = &w->counts;
    size_t n = add(buffer, size, 0, "in %s, by forktrace-ebpf, but for its first moments: ", object);
    if (w->hardware.slots) {
        add(buffer, size, n, "every store by the process itself (%u of the processor's 4 watches)",
            w->hardware.slots);
        return buffer;
    }
    if (w->hardware.flags & FT_C_HW_NO_PROBES)
        n = add(buffer, size, n, "not watched: probes are put into static programs only");
    else
        n = add(buffer, size, n,
                "%u store%s found, %u with a probe behind; writes through pointers are not seen", c->stores,
                c->stores == 1 ? "" : "s", c->patched);
    hardware_words(buffer, size, n, w);
    return buffer;
}

const char *watch_words(char *buffer, size_t size, const struct watch_result *w)
{
    const struct ft_c_watch *c = &w->counts;
    char text[1024], object[256];
    const char *slash = w->object ? strrchr(w->object, '/') : NULL, *base = slash ? slash + 1 : w->object;
    text_escape(text, sizeof text, w->text ? w->text : "", w->text ? strlen(w->text) : 0);
    text_escape(object, sizeof object, base ? base : "?", base ? strlen(base) : 1);
    size_t n = 0;
    buffer[0] = 0;
    if (!was_found(w)) {
        static const char *const texts[] = {
#define X(number, name, words) [number] = words,
            FT_C_OUTCOMES(X)
#undef X
        };
        const char *why =
            w->outcome < sizeof texts / sizeof *texts && texts[w->outcome] ? texts[w->outcome] : "?";
        add(buffer, size, 0, "%s%s%s", why, *text && strcmp(text, why) ? "; " : "",
            strcmp(text, why) ? text : "");
        return buffer;
    }
    if (w->hardware.flags & FT_C_HW_KERNEL) return kernel_words(buffer, size, object, w);
    bool hardware = by_hardware(w), asked = w->hardware.flags & FT_C_HW_ASKED;
    n = add(buffer, size, n, "in %s", object);
    if (w->outcome == FT_C_OUTCOME_compared) {
        add(buffer, size, n, ": its stores are found on x86-64 only; its value is compared at every event");
        return buffer;
    }
    if (hardware && asked) {
        hardware_words(buffer, size, n, w);
        return buffer;
    }
    n = add(buffer, size, n, ": %s%u store%s found, %u patched", asked ? "watched by patching instead: " : "",
            c->stores, c->stores == 1 ? "" : "s", c->patched);
    if (c->too_short) n = add(buffer, size, n, ", %u too short for a jump", c->too_short);
    if (c->branched_into) n = add(buffer, size, n, ", %u with a branch into them", c->branched_into);
    if (c->unmovable) n = add(buffer, size, n, ", %u of a kind that is not patched", c->unmovable);
    if (c->taken || c->pointers)
        n = add(buffer, size, n,
                hardware ? "; its address is taken at %u place%s"
                         : "; its address is taken at %u place%s: writes through other pointers are not seen",
                c->taken + c->pointers, c->taken + c->pointers == 1 ? "" : "s");
    n = hardware_words(buffer, size, n, w);
    if (!c->stores && !hardware)
        add(buffer, size, n,
            "; its value is looked at at every event, and when a process forks, executes or ends");
    return buffer;
}

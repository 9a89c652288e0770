/*
 * greenlet_seen.c: see greenlet_seen.h. What is asked of a greenlet are C
 * getters of its type, and its frames.
 */
#include "preload/python/greenlet_seen.h"

#include <string.h>

#include "preload/python/attributes.h"
#include "preload/python/frames.h"
#include "preload/python/greenlet_list.h"

/* A greenlet as it is now, and by what it is known again: an address may be used again. */
struct seen {
    const void *object, *dict, *spawned, *code;
    ft_ref ref;
    bool hub;
};

static struct seen seen[2][GREENLETS] SPARSE; /* by the last picture, by this one */
static unsigned seen_count, last, next_count;

/* One that has ended has no code any more, one that has not begun had none. */
static bool is_same(const struct seen *s, const struct seen *now, bool ended)
{
    return s->object == now->object && s->dict == now->dict && s->spawned == now->spawned &&
           (s->code == now->code || !s->code || ended) && !ft_stale(&ft, s->ref);
}

/* Most are where they were in the lists, one after another. */
static const struct seen *known(const struct seen *now, bool ended)
{
    static unsigned next;
    for (unsigned n = 0; n < seen_count; n++, next++) {
        if (next >= seen_count) next = 0;
        if (is_same(&seen[last][next], now, ended)) return &seen[last][next++];
    }
    return NULL;
}

/* gevent's has not begun when it is switched to first: it has no frame then. */
static bool is_hub(const void *greenlet)
{
    const char *type = py_read(py_read(greenlet, OB_TYPE), TYPE_NAME);
    return !strcmp(type, "Hub") || !strcmp(type, "gevent.hub.Hub");
}

/* gevent's Greenlet._run, as given to spawn(): the callable of one that has not started too. */
static const void *run_of(const void *greenlet) { return py_own_item(greenlet, "_run"); }

static ft_ref describe(const void *greenlet, const void *first, const void *spawned, ft_ref function)
{
    struct frames frames = frames_of(first);
    const char *type = py_read(py_read(greenlet, OB_TYPE), TYPE_NAME);
    const void *callable = run_of(greenlet), *thread = callable ? py_bootstrapped(callable) : NULL;
    ft_ref name = 0;
    if (!thread) thread = frames.thread;
    if (thread) name = py_thread_name(thread, &callable);
    if (!function && callable) function = py_function(callable);
    if (!function) function = py_code(frames.own ? frames.own : frames.outermost);
    ft_ref type_name = ft_string(&ft, type, strnlen(type, 128), self.task);
    ft_ref stack = spawned ? frames_spawned(spawned) : 0;
    struct ft_greenlet *record = ft_begin(&ft, FT_GREENLET, sizeof *record, self.task);
    if (!record) return 0;
    record->type = type_name;
    record->name = name;
    record->function = function;
    record->spawned = stack;
    record->flags = frames.hub ? FT_GREENLET_HUB : 0;
    ft_ref ref = ft_ref_of(record);
    ft_commit(record);
    return ref;
}

ft_ref greenlet_what(const void *greenlet, const void *first, uint32_t *flags)
{
    *flags = greenlet_root(greenlet) == greenlet ? FT_GREENLET_THREAD : 0;
    if (*flags) return 0;
    struct frames frames = frames_of(first);
    const void *callable = run_of(greenlet), *thread = callable ? py_bootstrapped(callable) : NULL;
    if (frames.hub || is_hub(greenlet)) *flags = FT_GREENLET_HUB;
    if (!thread) thread = frames.thread;
    if (thread) py_thread_name(thread, &callable);
    ft_ref function = callable ? py_function(callable) : 0;
    return function ? function : py_code(frames.own ? frames.own : frames.outermost);
}

ft_ref greenlet_name(const void *greenlet, ft_ref function, ft_ref *stack)
{
    const void *object = py_attribute(greenlet, "gr_frame"),
               *first = object ? py_read(object, FRAME_FRAME) : NULL;
    struct seen now = {.object = greenlet,
                       .dict = py_own_dict(greenlet),
                       .spawned = py_attribute(greenlet, "spawning_stack"),
                       .code = frames_outermost(first)};
    const struct seen *before = known(&now, !first);
    *stack = first ? py_stack(first) : 0;
    if (before) return before->ref;
    now.ref = describe(greenlet, first, now.spawned, function);
    if (now.ref && seen_count < GREENLETS) seen[last][seen_count++] = now;
    return now.ref;
}

/* --- all of them, one by one ---------------------------------------------------------------- */

void seen_begin(void) { next_count = 0; }

ft_ref seen_look(const void *greenlet, const void *current, const void *state, ft_ref *stack)
{
    const void *object = py_attribute(greenlet, "gr_frame"); /* None: it runs now, or has not started */
    const void *first = greenlet == current ? py_frame(state) : object ? py_read(object, FRAME_FRAME) : NULL;
    struct seen *now = &seen[!last][next_count];
    now->object = greenlet;
    now->dict = py_own_dict(greenlet);
    now->spawned = py_attribute(greenlet, "spawning_stack");
    now->code = frames_outermost(first);
    if (!first && !run_of(greenlet)) return 0;
    const struct seen *before = known(now, false);
    now->hub = before ? before->hub : is_hub(greenlet) || frames_of(first).hub;
    now->ref = before ? before->ref : describe(greenlet, first, now->spawned, 0);
    *stack = first ? py_stack(first) : 0;
    if (now->ref) next_count++;
    return now->ref;
}

void seen_end(void)
{
    last = !last;
    seen_count = next_count;
}

uint32_t seen_begun(ft_ref but)
{
    uint32_t count = 0;
    for (unsigned i = 0; i < seen_count; i++)
        count += seen[last][i].ref != but && seen[last][i].code && !seen[last][i].hub;
    return count;
}

/*
 * tasks.c: from the reference at the head of a record to the thread that wrote it.
 */
#include "build.h"

uint32_t task_index(struct build *b, ft_ref ref)
{
    struct recent *recent = &b->recent[(ref ^ ref >> 9) % RECENT]; /* pages are 2^9 references long */
    if (recent->ref == ref && ref) return recent->index;
    recent->ref = ref;
    uint32_t *known = map_get(&b->by_task, ref, 0);
    if (known) return recent->index = *known;
    b->tasks = build_grow(b, b->tasks, b->task_count, sizeof *b->tasks);
    b->tasks[b->task_count] = (struct task){.ref = ref, .thread = NONE, .last = INT64_MIN};
    build_map_put(b, &b->by_task, ref, 0, (uint32_t)b->task_count);
    return recent->index = (uint32_t)b->task_count++;
}

struct task *task_find(struct build *b, ft_ref ref)
{
    uint32_t *known = map_get(&b->by_task, ref, 0);
    return known ? &b->tasks[*known] : NULL;
}

void task_is(struct build *b, ft_ref ref, thread_id thread, unsigned image)
{
    uint32_t index = task_index(b, ref); /* may move b->tasks: first */
    struct task *task = &b->tasks[index];
    task->thread = thread;
    task->image = image > UINT16_MAX ? UINT16_MAX : (uint16_t)image;
}

/*
 * In a flight recorder the birth of a task may be overwritten while its
 * records live on: it gets a process of its own, with all that is known.
 */
static void lost_birth(struct build *b, struct task *task, const struct item *it)
{
    int64_t ns = it->ns;
    struct birth birth = {.creator = NONE, .fork = NONE, .origin = ORIGIN_UNKNOWN, .ns = ns};
    ft_ref ref = task->ref;
    process_id p = process_add(b, &birth);
    b->t->processes[p].birth_lost = true;
    b->t->threads[b->t->processes[p].main].birth_lost = true;
    b->processes[p].spoke = true;
    task_is(b, ref, b->t->processes[p].main, 0);
}

struct task *task_of(struct build *b, const struct item *it)
{
    if (b->tasks[it->task].thread == NONE) lost_birth(b, &b->tasks[it->task], it);
    return &b->tasks[it->task];
}

process_id process_of(struct build *b, const struct item *it)
{
    thread_id thread = task_of(b, it)->thread; /* may move b->t->threads: first */
    return b->t->threads[thread].process;
}

struct process_more *more_of(struct build *b, const struct item *it)
{
    process_id p = process_of(b, it); /* may move b->processes: first */
    return &b->processes[p];
}

thread_id timeline_task(const struct timeline *t, ft_ref task)
{
    struct task *found = task ? task_find(build_of(t), task) : NULL;
    return found ? found->thread : NONE;
}

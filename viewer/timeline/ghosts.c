/*
 * ghosts.c: the threads a fork leaves behind.
 */
#include "build.h"

/*
 * A process with many threads that forks often makes threads x forks of them;
 * no real run comes near this, a forged file must not fill the memory.
 */
#define GHOSTS_A_RECORD 64
#define GHOSTS_ALWAYS   1000000
#define BELIEFS         500000000

static void add(struct build *b, process_id child, thread_id thread, event_id fork)
{
    struct process *p = &b->t->processes[child];
    if (b->ghost_count >= GHOSTS_ALWAYS + order_count(b) * GHOSTS_A_RECORD) {
        b->left_out++;
        return;
    }
    p->ghosts = build_grow(b, p->ghosts, p->ghost_count, sizeof *p->ghosts);
    p->ghosts[p->ghost_count++] = (struct ghost){.thread = thread, .fork = fork};
    b->ghost_count++;
}

void ghosts_at_fork(struct build *b, process_id child, thread_id forker, event_id fork)
{
    process_id parent = b->t->threads[forker].process;
    for (thread_id t = b->processes[parent].alive; t != NONE; t = b->threads[t].alive_next)
        if (t != forker && !b->threads[t].listed) add(b, child, t, fork);
    struct process *p = &b->t->processes[child];
    for (size_t i = 0, k = p->ghost_count; i + 1 < k; i++) { /* the living are listed youngest first */
        struct ghost swapped = p->ghosts[i];
        p->ghosts[i] = p->ghosts[--k];
        p->ghosts[k] = swapped;
    }
}

/*
 * The kernel has more tasks than the library knows: the fork lists all of them.
 * Struck out are those that have, or will have, started before our eyes (a
 * thread created a moment ago has a tid nobody has told us yet).
 */
void ghosts_unseen(struct build *b, const struct item *it)
{
    struct ft_unseen_threads record = FT_GET(unseen_threads, it->record);
    process_id parent = process_of(b, it);
    struct task *forked = task_find(b, record.fork);
    process_id child = forked && forked->thread != NONE ? b->t->threads[forked->thread].process : NONE;
    size_t length;
    const uint32_t *tids = ft_tail(it->record, sizeof record, &length);
    size_t count = length / sizeof *tids < record.count ? length / sizeof *tids : record.count;
    for (size_t i = 0; i < count; i++) {
        thread_id t = thread_by_tid(b, parent, tids[i]);
        if (t == NONE && map_get(&b->starts, b->t->processes[parent].pid, tids[i])) continue;
        if (t != NONE && !b->threads[t].listed) continue;
        if (t == NONE) {
            t = thread_add(b, parent, NONE, tids[i], it->ns);
            b->threads[t].listed = true;
            b->t->threads[t].birth_lost = true;
        }
        if (child != NONE) add(b, child, t, b->t->processes[child].fork);
    }
}

/* threading._active of a process, by pthread_t: a child's ghosts have those of their parent's threads. */
void ghosts_believed(struct build *b, const struct item *it)
{
    struct ft_py_threads record = FT_GET(py_threads, it->record);
    process_id process = process_of(b, it);
    if (process == NONE) return;
    size_t length;
    const uint64_t *idents = ft_tail(it->record, sizeof record, &length);
    size_t count = length / sizeof *idents < record.count ? length / sizeof *idents : record.count;
    struct process *p = &b->t->processes[process];
    if (b->beliefs + p->ghost_count * count > BELIEFS) return; /* forged */
    b->beliefs += p->ghost_count * count;
    for (size_t i = 0; i < p->ghost_count; i++) {
        struct ghost *ghost = &p->ghosts[i];
        uint64_t pthread = b->threads[ghost->thread].pthread;
        if (!pthread) continue;
        ghost->python = BELIEF_DEAD;
        for (size_t k = 0; k < count && ghost->python == BELIEF_DEAD; k++)
            if (idents[k] == pthread) ghost->python = BELIEF_ALIVE;
        ghost->at_exit = record.when == FT_PY_AT_EXIT;
    }
}

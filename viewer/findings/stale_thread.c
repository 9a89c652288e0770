/*
 * stale_thread.c: stale-thread-object: Python lists a thread as alive in a
 * process in which it does not exist. os.fork() tells Python; a fork by C code
 * (uWSGI's) does not. Nothing is said where Python's list is not known.
 */
#include "find.h"

void find_stale_thread(struct findings *f)
{
    const struct timeline *t = f->timeline;
    char name[NAMES_TEXT];
    for (process_id p = 0; p < t->process_count; p++) {
        const struct process *process = &t->processes[p];
        for (size_t i = 0; lives_on(t, p) && i < process->ghost_count; i++) {
            const struct ghost *ghost = &process->ghosts[i];
            bool stale = ghost->python == BELIEF_ALIVE && ghost->thread < t->thread_count;
            if (!stale || t->threads[ghost->thread].is_main || is_internal_thread(t, ghost->thread)) continue;
            struct finding *x = finding_of(f, RULE_stale_thread, word_thread(name, t, ghost->thread));
            if (is_fork_safe(t, ghost->thread)) x->severity = SEVERITY_NOTE; /* all of this name are */
            finding_process(f, x, p);
            finding_thread(f, x, ghost->thread);
            finding_event(f, x, t->threads[ghost->thread].create);
            finding_event(f, x, ghost->fork);
        }
    }
}

void tell_stale_thread(const struct timeline *t, struct finding *x, struct say *title, struct say *why)
{
    char name[NAMES_TEXT], place[NAMES_TEXT];
    if (!x->threads.count) return;
    const struct thread *th = &t->threads[x->threads.list[0]];
    bool many = x->threads.count > 1;
    say(title, "Python lists ");
    say_threads(title, t, &x->threads);
    say(title, " as alive in ");
    say_processes(title, t, x->processes.list, x->processes.count);
    say(title, ", where %s not exist.", many ? "they do" : "it does");
    say(why, "threading.enumerate() and is_alive() there tell what was true in %s",
        word_process(name, t, th->process));
    if (*word_place(place, t, th->create))
        say(why, ", where %s started at %s", many ? "the first was" : "it was", place);
    say(why, ": the fork was made by C code that did not tell Python. A test for is_alive() does not help, "
             "and join() waits for ever.");
}

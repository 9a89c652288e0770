/*
 * names.c: the words for the model's enums, as JSON spells them.
 */
#include <string.h>

#include "timeline.h"

#define NAME(table, value) ((size_t)(value) < sizeof(table) / sizeof *(table) ? (table)[value] : "unknown")

const char *event_type_name(unsigned type)
{
    static const char *const names[] = {
#define X(id, name, mark) name,
        EVENT_TYPES(X)
#undef X
    };
    return NAME(names, type);
}

const char *origin_name(enum origin origin)
{
    static const char *const names[] = {[ORIGIN_ROOT] = "root",   [ORIGIN_FORK] = "fork",
                                        [ORIGIN_VFORK] = "vfork", [ORIGIN_POSIX_SPAWN] = "posix_spawn",
                                        [ORIGIN_CLONE] = "clone", [ORIGIN_SYSTEM] = "system",
                                        [ORIGIN_POPEN] = "popen", [ORIGIN_UNKNOWN] = "unknown"};
    return NAME(names, origin);
}

const char *process_end_name(enum process_end how)
{
    static const char *const names[] = {
        [END_RUNNING] = "running", [END_EXIT] = "exit", [END_SIGNAL] = "signal", [END_VANISHED] = "vanished"};
    return NAME(names, how);
}

/* uWSGI's workers end with these when the master tells them to (uwsgi.h: RELOAD, QUIET, END, BRUTAL_RELOAD,
 * GO_CHEAP; the same since 1.9). */
static bool uwsgi_says_so(const struct process *p)
{
    bool worker = p->role && !strncmp(p->role, "uwsgi ", 6);
    return worker && (p->status == 17 || (p->status >= 29 && p->status <= 31) || p->status == 15);
}

bool process_ended_badly(const struct process *p)
{
    return p->how == END_SIGNAL || p->how == END_VANISHED ||
           (p->how == END_EXIT && p->status > 0 && !uwsgi_says_so(p));
}

const char *thread_end_name(enum thread_end how)
{
    static const char *const names[] = {
        [THREAD_RUNNING] = "running", [THREAD_RETURNED] = "returned",
        [THREAD_EXITED] = "exited",   [THREAD_CANCELLED] = "cancelled",
        [THREAD_EXEC] = "exec",       [THREAD_PROCESS_ENDED] = "process-ended"};
    return NAME(names, how);
}

/*
 * session.c: sessions and process groups: who a terminal's signals reach.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <unistd.h>

#include "self.h"

static void record_session(enum ft_session_api api, uint64_t site, int result)
{
    int saved = errno;
    ft_ref task = me();
    struct ft_session *record = task ? ft_begin(&ft, FT_SESSION, sizeof *record, task) : NULL;
    if (record) {
        record->site = site;
        record->api = api;
        record->result = result == -1 ? -saved : result;
        ft_commit(record);
    }
    errno = saved;
}

HOOK(pid_t, setsid, (void))
{
    pid_t session = REAL(setsid)();
    record_session(FT_SESSION_setsid, SITE(), session);
    return session;
}

HOOK(int, setpgid, (pid_t pid, pid_t group))
{
    int result = REAL(setpgid)(pid, group);
    record_session(FT_SESSION_setpgid, SITE(), result);
    return result;
}

HOOK(int, setpgrp, (void))
{
    int result = REAL(setpgrp)();
    record_session(FT_SESSION_setpgrp, SITE(), result);
    return result;
}

EXPORT int __setpgid(pid_t pid, pid_t group)
    __attribute__((alias("setpgid"), nothrow, leaf)); /* glibc exports it too */

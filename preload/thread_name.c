/*
 * thread_name.c: the names threads are given, by pthread_setname_np and by
 * prctl(PR_SET_NAME), which names the caller. (prctl's other option of interest
 * is seccomp.c's.)
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdarg.h>
#include <string.h>
#include <sys/prctl.h>

#include "preload/seccomp.h"
#include "preload/self.h"

static void named(pthread_t thread, const char *name)
{
    ft_ref task = me();
    struct ft_thread_name *record = task ? ft_begin(&ft, FT_THREAD_NAME, sizeof *record, task) : NULL;
    if (!record) return;
    record->pthread = (uint64_t)thread;
    strncpy(record->name, name, sizeof record->name - 1); /* the kernel cuts there too */
    ft_commit(record);
}

HOOK(int, pthread_setname_np, (pthread_t thread, const char *name))
{
    int error = REAL(pthread_setname_np)(thread, name);
    if (!error) named(thread, name);
    return error;
}

/* Always four longs, given or not: so does glibc's own (sysdeps/unix/sysv/linux/prctl.c). */
HOOK(int, prctl, (int option, ...))
{
    unsigned long argument[4];
    va_list list;
    va_start(list, option);
    for (int i = 0; i < 4; i++) argument[i] = va_arg(list, unsigned long);
    va_end(list);
    if (option == PR_SET_SECCOMP) return seccomp_prctl(REAL(prctl), argument[0], argument[1], argument + 2);
    int result = REAL(prctl)(option, argument[0], argument[1], argument[2], argument[3]);
    if (option == PR_SET_NAME && !result) named(pthread_self(), (const char *)argument[0]);
    return result;
}

/*
 * env.h: how the recording goes on in a new image: its environment must load
 * the library and name the trace, whatever the program did to it.
 *
 * In the environment of a new image
 *   LD_PRELOAD       is the program's own, with our library in it exactly once
 *                    (of several entries the last counts, as for ld.so)
 *   FORKTRACE_RUN    is the path of this run's trace
 *   other FORKTRACE_ entries this image was started with are there again,
 *                    unless the program gave its own
 * Nothing is touched when the program says FORKTRACE_DISABLE=1, and the
 * library is left out where the new image could not open it or is not made for
 * it: ld.so would complain on its stderr, and musl's would end the program.
 */
#ifndef ENV_H
#define ENV_H

#include <alloca.h>
#include <stddef.h>

#include "trace/format.h"

/*
 * Bytes env_carry needs to change this environment; 0: it is fine as it is, or not ours to touch. *why: what
 * is known to keep the library out of the new image; if 0, it is set when the environment or the library's
 * path does.
 */
size_t env_room(char *const envp[], enum ft_blind_why *why);

/* The changed environment, built in `room`. Its strings are envp's and room's: it lives no longer than they.
 */
char **env_carry(char *const envp[], void *room, enum ft_blind_why why);

/*
 * As one expression, on the caller's stack (an exec may happen in a vfork
 * child or a signal handler: no malloc). Keeps errno.
 */
#define ENV_CARRY(envp, why)                                                                    \
    __extension__({                                                                             \
        char *const *env_given = (envp);                                                        \
        size_t env_bytes = env_room(env_given, (why));                                          \
        env_bytes ? (char *const *)env_carry(env_given, alloca(env_bytes), *(why)) : env_given; \
    })

/*
 * Make `environ` itself carry us, for libc functions that start programs with it. Not async-signal-safe.
 * What keeps the library out of them all the same; 0: nothing.
 */
enum ft_blind_why env_install(void);

#endif

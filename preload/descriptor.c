/*
 * descriptor.c: the calls that are for descriptors of all kinds: reading,
 * writing, copying and closing them, and epoll instances. What is not a
 * connection costs a load and a jump.
 *
 * Descriptors are numbers that are used again: what is forgotten is forgotten
 * before the real close, for another thread may have the number right after.
 * A close inside libc (fclose) is not seen; connect and accept, which begin a
 * new connection, are.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/uio.h>
#include <unistd.h>

#include "connection.h"
#include "watch/hardware.h"

#define USE(direction, result, name, parameters, arguments)                     \
    HOOK(result, name, parameters)                                              \
    {                                                                           \
        struct connection *c = connection_enter(fd, FT_FD_##direction, SITE()); \
        if (likely(!c)) return REAL(name) arguments;                            \
        result done = REAL(name) arguments;                                     \
        connection_leave(c, FT_FD_##direction);                                 \
        return done;                                                            \
    }

USE(READS, ssize_t, read, (int fd, void *buffer, size_t size), (fd, buffer, size))
USE(READS, ssize_t, __read_chk, (int fd, void *buffer, size_t size, size_t room), (fd, buffer, size, room))
USE(READS, ssize_t, readv, (int fd, const struct iovec *pieces, int count), (fd, pieces, count))
USE(WRITES, ssize_t, write, (int fd, const void *buffer, size_t size), (fd, buffer, size))
USE(WRITES, ssize_t, writev, (int fd, const struct iovec *pieces, int count), (fd, pieces, count))

/* --- epoll -------------------------------------------------------------------------------------- */

HOOK(int, epoll_create, (int size))
{
    int fd = REAL(epoll_create)(size);
    connection_begin(fd, FT_FD_EPOLL);
    return fd;
}

HOOK(int, epoll_create1, (int flags))
{
    int fd = REAL(epoll_create1)(flags);
    connection_begin(fd, FT_FD_EPOLL);
    return fd;
}

HOOK(int, epoll_ctl, (int fd, int operation, int target, struct epoll_event *event))
{
    struct connection *c = connection_enter(fd, FT_FD_WRITES, SITE());
    if (operation == EPOLL_CTL_ADD) connection_polled(target);
    int result = REAL(epoll_ctl)(fd, operation, target, event);
    if (c) connection_leave(c, FT_FD_WRITES);
    return result;
}

USE(READS, int, epoll_wait, (int fd, struct epoll_event *events, int room, int timeout),
    (fd, events, room, timeout))
USE(READS, int, epoll_pwait,
    (int fd, struct epoll_event *events, int room, int timeout, const sigset_t *mask),
    (fd, events, room, timeout, mask))

/* --- numbers ------------------------------------------------------------------------------------ */

HOOK(int, close, (int fd))
{
    if (hardware_keeps(fd)) return errno = EBADF, -1;
    connection_forget(fd);
    return REAL(close)(fd);
}

static int around(unsigned first, unsigned last, int flags);

HOOK(int, close_range, (unsigned first, unsigned last, int flags))
{
    if (!(flags & CLOSE_RANGE_CLOEXEC)) connection_forget_range(first, last);
    return around(first, last, flags);
}

/* close_range, but for descriptors of ours: for the program they are none. Without a kernel for it: ENOSYS.
 */
static int around(unsigned first, unsigned last, int flags)
{
    unsigned from = first;
    for (unsigned fd = first; hardware_fd_count && first <= last && fd <= last && fd < 1u << 16; fd++) {
        if (!hardware_keeps((int)fd)) continue;
        if (fd > from && REAL(close_range)(from, fd - 1, flags)) return -1;
        from = fd + 1;
    }
    return from > last && first <= last ? 0 : REAL(close_range)(from, last, flags);
}

HOOK(void, closefrom, (int first))
{
    connection_forget_range(first > 0 ? (unsigned)first : 0, ~0u);
    if (hardware_fd_count)
        around(first > 0 ? (unsigned)first : 0, ~0u, 0);
    else
        REAL(closefrom)(first);
}

HOOK(int, dup, (int old))
{
    int fd = REAL(dup)(old);
    if (fd >= 0) connection_copy(old, fd);
    return fd;
}

HOOK(int, dup2, (int old, int fd))
{
    if (hardware_keeps(fd)) hardware_give_way(fd);
    int result = REAL(dup2)(old, fd);
    if (result >= 0) connection_copy(old, fd);
    return result;
}

HOOK(int, dup3, (int old, int fd, int flags))
{
    if (hardware_keeps(fd)) hardware_give_way(fd);
    int result = REAL(dup3)(old, fd, flags);
    if (result >= 0) connection_copy(old, fd);
    return result;
}

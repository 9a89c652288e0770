/*
 * socket.c: connections begin here, and are read and written by the calls that
 * are for sockets only.
 *
 * CPython, libpq, hiredis and the MySQL client use send and recv; TLS libraries
 * read and write (descriptor.c).
 *
 * Without _GNU_SOURCE: with it <sys/socket.h> declares some of these with unions.
 */
#include <errno.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>

#include "connection.h"
#include "trace/syscall.h"

/* --- they begin --------------------------------------------------------------------------------- */

/* Nothing to follow yet; what had the number before was closed out of our sight. */
HOOK(int, socket, (int domain, int type, int protocol))
{
    int fd = REAL(socket)(domain, type, protocol);
    connection_forget(fd);
    return fd;
}

static bool is_stream(int fd)
{
    int type = 0;
    uint32_t length = sizeof type;
    return !ft_syscall(SYS_getsockopt, fd, SOL_SOCKET, SO_TYPE, &type, &length) && type == SOCK_STREAM;
}

/* Before the call: another thread may use it as soon as it is connected. Asked again when it goes on later.
 */
HOOK(int, connect, (int fd, const struct sockaddr *address, socklen_t length))
{
    bool known = (unsigned)fd < CONNECTION_FDS && connection_of_fd[fd];
    if (connections && fd >= 0 && !known && is_stream(fd)) connection_begin(fd, FT_FD_CONNECTED);
    return REAL(connect)(fd, address, length);
}

HOOK(int, accept, (int listener, struct sockaddr *address, socklen_t *length))
{
    int fd = REAL(accept)(listener, address, length);
    connection_begin(fd, FT_FD_ACCEPTED);
    return fd;
}

HOOK(int, accept4, (int listener, struct sockaddr *address, socklen_t *length, int flags))
{
    int fd = REAL(accept4)(listener, address, length, flags);
    connection_begin(fd, FT_FD_ACCEPTED);
    return fd;
}

/* --- they are used ------------------------------------------------------------------------------ */

#define USE(direction, result, name, parameters, arguments)                     \
    HOOK(result, name, parameters)                                              \
    {                                                                           \
        struct connection *c = connection_enter(fd, FT_FD_##direction, SITE()); \
        if (!c) return REAL(name) arguments;                                    \
        result done = REAL(name) arguments;                                     \
        connection_leave(c, FT_FD_##direction);                                 \
        return done;                                                            \
    }

USE(READS, ssize_t, recv, (int fd, void *buffer, size_t size, int flags), (fd, buffer, size, flags))
USE(READS, ssize_t, __recv_chk, (int fd, void *buffer, size_t size, size_t room, int flags),
    (fd, buffer, size, room, flags))
USE(READS, ssize_t, recvfrom,
    (int fd, void *buffer, size_t size, int flags, struct sockaddr *from, socklen_t *length),
    (fd, buffer, size, flags, from, length))
USE(READS, ssize_t, __recvfrom_chk,
    (int fd, void *buffer, size_t size, size_t room, int flags, struct sockaddr *from, socklen_t *length),
    (fd, buffer, size, room, flags, from, length))
USE(READS, ssize_t, recvmsg, (int fd, struct msghdr *message, int flags), (fd, message, flags))
USE(WRITES, ssize_t, send, (int fd, const void *buffer, size_t size, int flags), (fd, buffer, size, flags))
USE(WRITES, ssize_t, sendto,
    (int fd, const void *buffer, size_t size, int flags, const struct sockaddr *to, socklen_t length),
    (fd, buffer, size, flags, to, length))
USE(WRITES, ssize_t, sendmsg, (int fd, const struct msghdr *message, int flags), (fd, message, flags))

/*
 * bind.c: who took which address and port, or could not.
 *
 * Without _GNU_SOURCE: with it <sys/socket.h> declares bind with a union.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "origin.h"

#define ADDRESS_MAX 112 /* a sockaddr_un has 110 bytes */

/*
 * The kernel has copied the address from there, so we can: it looks at the fd
 * first, and at no address that is too long.
 */
static size_t readable_size(socklen_t length, int error)
{
    bool unread = error == EBADF || error == ENOTSOCK || error == EFAULT;
    if (unread || length > sizeof(struct sockaddr_storage)) return 0;
    return length < ADDRESS_MAX ? length : ADDRESS_MAX;
}

HOOK(int, bind, (int fd, const struct sockaddr *address, socklen_t length))
{
    int result = REAL(bind)(fd, address, length);
    int saved = errno;
    ft_ref task = me();
    if (task) {
        struct ft_origin origin = origin_full(SITE());
        size_t size = readable_size(length, result ? saved : 0);
        struct ft_bind *record = ft_begin(&ft, FT_BIND, sizeof *record + size, task);
        if (record) {
            record->origin = origin;
            record->fd = fd;
            record->error = result ? saved : 0;
            memcpy(record->address, address, size);
            ft_commit(record);
        }
    }
    errno = saved;
    return result;
}

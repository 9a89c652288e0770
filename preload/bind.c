/*
 * bind.c: who took which address and port, or could not.
 *
 * Without _GNU_SOURCE: with it <sys/socket.h> declares bind with a union.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "origin.h"
#include "readable.h"

#define ADDRESS_MAX 112 /* a sockaddr_un has 110 bytes */

/* How much of the address to keep; it may be a bad pointer, that is why bind failed. */
static size_t kept(const void *address, socklen_t length)
{
    size_t size = length < ADDRESS_MAX ? length : ADDRESS_MAX;
    if (length > sizeof(struct sockaddr_storage)) return 0; /* the kernel does not look either */
    if (!size || !readable(address) || !readable((const char *)address + size - 1)) return 0;
    return size; /* not longer than a page: both ends will do */
}

HOOK(int, bind, (int fd, const struct sockaddr *address, socklen_t length))
{
    int result = REAL(bind)(fd, address, length);
    int saved = errno;
    ft_ref task = me();
    if (task) {
        struct ft_origin origin = origin_full(SITE());
        size_t size = kept(address, length);
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

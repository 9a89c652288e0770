/*
 * sockaddr.c: the address a program bound, from the bytes it passed.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/un.h>

#include "text.h"

static void unix_address(const void *bytes, size_t length, char *address, size_t room)
{
    const char *path = (const char *)bytes + offsetof(struct sockaddr_un, sun_path);
    size_t size = length - offsetof(struct sockaddr_un, sun_path);
    if (size && !path[0])
        text_escape(address, room, path, size); /* abstract: its NULs belong to it */
    else
        text_escape(address, room, path, strnlen(path, size));
}

void text_sockaddr(const void *bytes, size_t length, char *address, size_t room, int *port)
{
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
        char bytes[128];
    } a;
    char text[INET6_ADDRSTRLEN];
    *port = -1;
    memset(&a, 0, sizeof a);
    if (length) memcpy(&a, bytes, length < sizeof a ? length : sizeof a);
    if (length < sizeof a.any.sa_family) {
        snprintf(address, room, "?");
    } else if (a.any.sa_family == AF_INET && length >= offsetof(struct sockaddr_in, sin_zero)) {
        *port = ntohs(a.in.sin_port);
        snprintf(address, room, "%s", inet_ntop(AF_INET, &a.in.sin_addr, text, sizeof text));
    } else if (a.any.sa_family == AF_INET6 && length >= offsetof(struct sockaddr_in6, sin6_scope_id)) {
        *port = ntohs(a.in6.sin6_port);
        snprintf(address, room, "%s", inet_ntop(AF_INET6, &a.in6.sin6_addr, text, sizeof text));
    } else if (a.any.sa_family == AF_UNIX) {
        unix_address(bytes, length, address, room);
    } else {
        snprintf(address, room, "address family %d", a.any.sa_family);
    }
}

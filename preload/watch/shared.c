/*
 * shared.c: see shared.h. The kernel is asked about one address (PROCMAP_QUERY,
 * Linux 6.11: 1 us); an older one for the list of all mappings.
 */
#include "preload/watch/shared.h"

#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include "trace/syscall.h"

/* linux/fs.h of 6.11, which Debian 12 does not have. */
struct query {
    uint64_t size, flags, address;
    uint64_t start, end, vma_flags, page_size, offset, inode;
    uint32_t major, minor, name_size, build_id_size;
    uint64_t name, build_id;
};
#define QUERY        _IOWR('f', 17, struct query)
#define QUERY_SHARED 8
_Static_assert(sizeof(struct query) == 104, "as the kernel has it");

void shared_begin(struct shared_look *look)
{
    *look =
        (struct shared_look){.fd = ft_syscall(SYS_openat, AT_FDCWD, "/proc/self/maps", O_RDONLY | O_CLOEXEC)};
}

void shared_end(struct shared_look *look)
{
    if (look->fd >= 0) ft_syscall(SYS_close, (int)look->fd);
}

/* --- the list: "7f1c2000-7f1c3000 rw-s ...\n" -------------------------------------------------- */

/* A line so far; what follows the permissions is skipped. */
struct line {
    enum { START, END, PERMISSIONS, REST } at;
    unsigned letter;
    uint64_t start, end;
    bool shared;
};

/* One more character. True: the line says of which mapping it is and what it is like. */
static bool put(struct line *l, char c)
{
    unsigned digit = c <= '9' ? (unsigned)(c - '0') : (unsigned)(c - 'a') + 10;
    switch (l->at) {
    case START:
        if (c == '-')
            l->at = END;
        else
            l->start = l->start << 4 | digit;
        return false;
    case END:
        if (c == ' ')
            l->at = PERMISSIONS;
        else
            l->end = l->end << 4 | digit;
        return false;
    case PERMISSIONS:
        if (++l->letter < 4) return false;
        l->shared = c == 's';
        l->at = REST;
        return true;
    default:
        if (c == '\n') *l = (struct line){0};
        return false;
    }
}

static void read_list(struct shared_look *look, uint64_t address)
{
    char bytes[1024];
    struct line line = {0};
    long length;
    if (ft_syscall(SYS_lseek, (int)look->fd, 0L, 0)) return;
    while ((length = ft_syscall(SYS_read, (int)look->fd, bytes, sizeof bytes)) > 0)
        for (long i = 0; i < length; i++) {
            if (!put(&line, bytes[i]) || address < line.start || address >= line.end) continue;
            look->start = line.start, look->end = line.end, look->shared = line.shared;
            return;
        }
}

bool shared_at(struct shared_look *look, uint64_t address)
{
    if (look->fd < 0) return false;
    if (address < look->start || address >= look->end) {
        struct query query = {.size = sizeof query, .address = address};
        *look = (struct shared_look){.fd = look->fd, .start = address, .end = address + 1};
        if (!ft_syscall(SYS_ioctl, (int)look->fd, QUERY, &query)) {
            look->start = query.start, look->end = query.end;
            look->shared = query.vma_flags & QUERY_SHARED;
        } else
            read_list(look, address);
    }
    return look->shared;
}

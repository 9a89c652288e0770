/*
 * connection.c: the slow half: a connection begins, or changes its user.
 */
#define _GNU_SOURCE
#include "connection.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "held.h"
#include "origin.h"
#include "trace/syscall.h"

#define TOLD_ALL 64 /* turns of a connection, one by one; of more each that doubles the number */

struct connection *connections;
uint32_t connection_of_fd[CONNECTION_FDS] SPARSE;
static uint32_t descriptors; /* the highest that ever was a connection, + 1 */
static uint32_t *last_id;    /* two of them, even and odd: in the shared memory, too */

size_t connection_room(void) { return (CONNECTED + ACCEPTED + 1) * sizeof *connections; }

void connection_init(void *memory)
{
    connections = memory;
    last_id = &connections[CONNECTED + ACCEPTED].id;
}

void connection_begin(int fd, uint32_t flags)
{
    if (!connections || self.vforked || fd < 0 || !ft_writer_on(&ft)) return;
    if (fd >= CONNECTION_FDS) {
        self_note(FT_NOTE_MANY_DESCRIPTORS, NULL);
        return;
    }
    bool accepted = flags & FT_FD_ACCEPTED;
    uint32_t id = 2 * (1 + __atomic_fetch_add(&last_id[accepted], 1, __ATOMIC_RELAXED)) + accepted;
    struct connection *c = connection_at(id);
    *c = (struct connection){.id = id, .flags = flags};
    connection_of_fd[fd] = id;
    if ((unsigned)fd >= descriptors) descriptors = (unsigned)fd + 1;
}

void connection_polled(int fd)
{
    if ((unsigned)fd >= CONNECTION_FDS || !connection_of_fd[fd]) return;
    struct connection *c = connection_at(connection_of_fd[fd]);
    if (c->id == connection_of_fd[fd] && !(c->flags & FT_FD_POLLED)) c->flags |= FT_FD_POLLED;
}

void connection_forget_range(unsigned first, unsigned last)
{
    for (unsigned fd = first; fd < descriptors && fd <= last; fd++) connection_forget((int)fd);
}

void connection_copy(int from, int to)
{
    if ((unsigned)to >= CONNECTION_FDS || self.vforked) return;
    uint32_t id = (unsigned)from < CONNECTION_FDS ? connection_of_fd[from] : 0;
    if (connection_of_fd[to] == id) return;
    connection_of_fd[to] = id;
    if ((unsigned)to >= descriptors) descriptors = (unsigned)to + 1;
}

/* Where it leads: who was connected to, or, if we were, the address that is ours: the other's differs each
 * time. */
static size_t address_of(int fd, uint32_t flags, void *buffer, uint32_t room)
{
    uint32_t length = room;
    long number = flags & FT_FD_ACCEPTED ? SYS_getsockname : SYS_getpeername;
    if (flags & FT_FD_EPOLL || ft_syscall(number, fd, buffer, &length)) return 0;
    return length < room ? length : room;
}

/* Another one reads or writes now. */
static void record_turn(struct connection *c, int fd, enum ft_fd_direction direction, ft_ref task,
                        uint64_t site)
{
    uint32_t turn = ++c->turns[direction];
    if (turn > TOLD_ALL && turn & (turn - 1)) return;
    char address[112];
    size_t length = turn == 1 ? address_of(fd, c->flags, address, sizeof address) : 0;
    struct ft_origin origin = origin_full(site);
    struct ft_fd_use *record = ft_begin(&ft, FT_FD_USE, sizeof *record + length, task);
    if (!record) return;
    record->origin = origin;
    record->connection = c->id;
    record->turn = turn;
    record->before = c->user[direction];
    record->other = c->user[!direction];
    record->inside = c->inside[direction];
    record->fd = fd;
    record->direction = direction;
    record->flags = (uint8_t)c->flags;
    held_signs(record->held);
    memcpy(record->address, address, length);
    ft_commit(record);
}

/* It may be its first user, a new one, or nobody who is recorded. */
struct connection *connection_enter_slowly(int fd, enum ft_fd_direction direction, uint64_t site)
{
    ft_ref task = self.vforked ? 0 : me();
    struct connection *c = connection_at(connection_of_fd[fd]);
    if (!task) return NULL;
    if (c->id != connection_of_fd[fd]) { /* its entry serves another */
        connection_of_fd[fd] = 0;
        return NULL;
    }
    /* which thread of a process waits for events does not matter */
    bool same = c->flags & FT_FD_EPOLL && c->pid[direction] && c->pid[direction] == self.pid;
    if (c->user[direction] && c->user[direction] != task && !same) record_turn(c, fd, direction, task, site);
    c->user[direction] = task;
    c->pid[direction] = self.pid;
    c->inside[direction] = task;
    return c;
}

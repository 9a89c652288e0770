/*
 * connection.h: who uses a connection: the last reader and the last writer of
 * each connected stream socket and epoll instance, and a record when that
 * becomes somebody else.
 *
 * Followed is what the program connected, accepted or created before our eyes.
 * Not followed: listening sockets (a prefork server's workers accept from one:
 * that is how it is meant), datagram sockets (each message is whole), socket
 * pairs (made to be shared), what came through an exec (stdout may be a stream
 * socket to the journal, and everybody writes to it), what came in a message.
 *
 * Which descriptor is which connection each process knows for itself, in
 * private memory a fork copies; the connection's own words are in memory that
 * all processes forked from one image share, so that each of them sees the
 * other's turn.
 *
 * All of it keeps errno, is async-signal-safe and takes no lock. Two threads
 * that change a connection's words at once may lose one of two records.
 */
#ifndef CONNECTION_H
#define CONNECTION_H

#include "self.h"

#define CONNECTION_FDS 8192

struct connection {
    uint32_t id;        /* which one this is now: entries are used again */
    uint32_t flags;     /* FT_FD_* */
    uint32_t user[2];   /* by direction: who was the last */
    uint32_t pid[2];    /* his process, 0 unknown */
    uint32_t inside[2]; /* who is in such a call now */
    uint32_t turns[2];  /* changes of the user */
    uint32_t pad[6];
};
static_assert(sizeof(struct connection) == 64, "a cache line each: two users of two do not meet");

extern struct connection *connections;            /* NULL: nothing is followed */
extern uint32_t connection_of_fd[CONNECTION_FDS]; /* its id, 0: not followed */

#define CONNECTED 1024 /* entries for what was connected or created: these live long */
#define ACCEPTED  3072 /* and for what was accepted: these come and go */

static inline struct connection *connection_at(uint32_t id)
{
    return &connections[id & 1 ? CONNECTED + id / 2 % ACCEPTED : id / 2 % CONNECTED];
}

/* The descriptor is a new connection. */
void connection_begin(int fd, uint32_t flags);
/* It is polled for: events, not threads, decide who reads and writes next. */
void connection_polled(int fd);

/* It is closed, or becomes something else. Not in a vfork child: its descriptors are its own, our memory is
 * not. */
static inline void connection_forget(int fd)
{
    if ((unsigned)fd < CONNECTION_FDS && unlikely(connection_of_fd[fd]) && !self.vforked)
        connection_of_fd[fd] = 0;
}
void connection_forget_range(unsigned first, unsigned last);
void connection_copy(int from, int to);

struct connection *connection_enter_slowly(int fd, enum ft_fd_direction direction, uint64_t site);

/*
 * Before a call that reads or writes: NULL if the descriptor is not followed,
 * else to be given to connection_leave after the call.
 */
static inline struct connection *connection_enter(int fd, enum ft_fd_direction direction, uint64_t site)
{
    if ((unsigned)fd >= CONNECTION_FDS || likely(!connection_of_fd[fd])) return NULL;
    struct connection *c = connection_at(connection_of_fd[fd]);
    if (unlikely(c->id != connection_of_fd[fd] || c->user[direction] != self.task))
        return connection_enter_slowly(fd, direction, site);
    c->inside[direction] = self.task;
    return c;
}

static inline void connection_leave(struct connection *c, enum ft_fd_direction direction)
{
    if (c->inside[direction] == self.task) c->inside[direction] = 0;
}

/* Constructor only: in memory that all processes forked from this image share, zeroed. */
size_t connection_room(void);
void connection_init(void *memory);

#endif

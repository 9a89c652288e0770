/*
 * socket.h: records of sockets: bound, and who uses a connection. Part of
 * ../format.h, which includes it.
 */
#ifndef FT_FORMAT_SOCKET_H
#define FT_FORMAT_SOCKET_H

enum ft_fd_direction { FT_FD_READS, FT_FD_WRITES };
enum { FT_FD_CONNECTED = 1, FT_FD_ACCEPTED = 2, FT_FD_EPOLL = 4, FT_FD_POLLED = 8 };

/* Somebody else reads (or writes) a connection than before: told one by one at first, then when their number
 * has doubled. */
struct ft_fd_use { /* before the call */
    struct ft_head head;
    struct ft_origin origin;
    uint32_t connection; /* the same number: the same one, in all processes forked from one image */
    uint32_t turn;       /* how many times that changed, this one included */
    ft_ref before;       /* task: who read (wrote) it before */
    ft_ref other;        /* who wrote (read) it last; 0 nobody */
    ft_ref inside;       /* who was in the middle of such a call; 0 nobody */
    int32_t fd;
    uint16_t held[3]; /* signs of locks held (held_signs) */
    uint8_t direction, flags;
    uint8_t address[]; /* at the first turn: struct sockaddr, who was connected to, or our own if accepted */
};

struct ft_bind {
    struct ft_head head;
    struct ft_origin origin;
    int32_t fd;
    int32_t error;     /* errno */
    uint8_t address[]; /* struct sockaddr as given, at most 112 bytes */
};

#endif

/*
 * wait.h: records of waiting: for a lock, a thread, a child. Part of
 * ../format.h, which includes it.
 */
#ifndef FT_FORMAT_WAIT_H
#define FT_FORMAT_WAIT_H

/* clang-format off */
#define FT_WAIT_KINDS(X)                                                                            \
    X(1, mutex) X(2, rwlock_read) X(3, rwlock_write) X(4, spin) X(5, sem) X(6, cond) X(7, join)     \
    X(8, child) X(9, gil) X(10, futex)
#define FT_X_WAIT(n, name) FT_WAIT_##name = n,
enum ft_wait_kind { FT_WAIT_KINDS(FT_X_WAIT) };
/* clang-format on */

/* Has it a time limit? An older writer did not say. */
enum ft_timed { FT_TIMED_UNKNOWN, FT_UNTIMED, FT_TIMED };

/*
 * Appended when a wait ended that lasted at least the threshold. Timed waits in
 * a row on the same thing are one wait; it is told at a time-out, not knowing
 * whether it goes on, and again each time it has doubled, and at its end: of
 * those with the same task and `since` the last counts, or the slot.
 */
struct ft_wait {
    struct ft_head head; /* time: its end */
    struct ft_origin origin;
    uint64_t since;
    uint64_t address;
    uint64_t second; /* cond: its mutex; child: pid waited for */
    uint32_t owner_tid;
    uint16_t kind;
    uint16_t timed; /* enum ft_timed */
};

struct ft_wait_slot {    /* now waiting; head.state 0: not waiting. Same tail as ft_wait */
    struct ft_head head; /* time: since when */
    struct ft_origin origin;
    uint64_t address;
    uint64_t second;
    uint32_t owner_tid;
    uint16_t kind;
    uint16_t timed;
    uint32_t coalesced; /* timed waits in a row on the same thing */
    uint32_t pad2;
};
static_assert(sizeof(struct ft_wait_slot) == FT_SLOT_SIZE, "slot");

#endif

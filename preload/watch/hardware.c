/*
 * hardware.c: see hardware.h: taking breakpoints and keeping their descriptors;
 * what a hit means is hit.c's. A perf event for each place: the kernel gives it to
 * every thread and child made from then on (inherit), takes it away at an exec,
 * and sends SIGTRAP to the thread that stored, before its next instruction.
 *
 * The events live as long as their descriptors, of which every process of the
 * family has copies: high numbers, out of the way of the program's own.
 */
#define _GNU_SOURCE
#include "preload/watch/slots.h"

unsigned hardware_fd_count;

#if defined __x86_64__

#include <errno.h>
#include <fcntl.h>
#include <linux/hw_breakpoint.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>

#include "preload/thread.h"
#include "preload/watch/trap.h"
#include "trace/syscall.h"

#define FDS  128 /* slots times the threads that were there */
#define HIGH 900 /* descriptors from here on */

/* struct perf_event_attr of Linux 5.13 and later; the headers may be older. */
struct attributes {
    uint32_t type, size;
    uint64_t config, period, sample_type, read_format, flags;
    uint32_t wakeup, kind;
    uint64_t address, length, branches, registers;
    uint32_t stack;
    int32_t clock;
    uint64_t registers_int;
    uint32_t watermark;
    uint16_t max_stack, reserved;
    uint32_t aux, reserved2;
    uint64_t data;
};
_Static_assert(sizeof(struct attributes) == 128, "PERF_ATTR_SIZE_VER7");
#define INHERIT        (1ull << 1)
#define EXCLUDE_KERNEL (1ull << 5)
#define EXCLUDE_HV     (1ull << 6)
#define REMOVE_ON_EXEC (1ull << 36)
#define SIGNALLED      (1ull << 37)

struct slot hardware_slots[HARDWARE_SLOTS];
unsigned hardware_slot_count;
static uint64_t held;

static struct {
    int fd;
    uint8_t slot;
} fds[FDS];

/* --- events ------------------------------------------------------------------------------------- */

static int open_event(const void *address, unsigned length, uint64_t data, uint32_t tid)
{
    struct attributes a = {.type = PERF_TYPE_BREAKPOINT,
                           .size = sizeof a,
                           .period = 1,
                           .flags = INHERIT | EXCLUDE_KERNEL | EXCLUDE_HV | REMOVE_ON_EXEC | SIGNALLED,
                           .kind = HW_BREAKPOINT_W,
                           .address = (uintptr_t)address,
                           .length = length,
                           .data = data};
    return (int)ft_syscall(SYS_perf_event_open, &a, tid, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

/* Not before 5.18: a blocked SIGTRAP was forced, and ended the process. */
static bool kernel_fits(void)
{
    struct utsname name;
    if (uname(&name)) return false;
    char *dot;
    unsigned long major = strtoul(name.release, &dot, 10);
    return major > 5 || (major == 5 && *dot == '.' && strtoul(dot + 1, NULL, 10) >= 18);
}

unsigned hardware_free(bool try, int *error)
{
    static uint64_t nobody[HARDWARE_SLOTS];
    int fd[HARDWARE_SLOTS];
    unsigned count = 0;
    *error = kernel_fits() ? 0 : ENOSYS;
    if (!try || *error) return *error ? 0 : HARDWARE_SLOTS - hardware_slot_count;
    while (!*error && count < HARDWARE_SLOTS) {
        fd[count] = open_event(&nobody[count], 8, 0, 0);
        if (fd[count] < 0) {
            if (!count) *error = -fd[count];
            break;
        }
        count++;
    }
    for (unsigned i = 0; i < count; i++) ft_syscall(SYS_close, fd[i]);
    return count;
}

static int move_high(int fd)
{
    struct rlimit limit;
    long at = HIGH;
    if (!getrlimit(RLIMIT_NOFILE, &limit) && limit.rlim_cur < HIGH + FDS)
        at = limit.rlim_cur > 2 * FDS ? (long)limit.rlim_cur - FDS : 0;
    int high = (int)ft_syscall(SYS_fcntl, fd, F_DUPFD_CLOEXEC, at);
    if (high < 0) return fd;
    ft_syscall(SYS_close, fd);
    return high;
}

/* For one thread and those it will create; 0 or errno. */
static int watch_in(unsigned slot, uint32_t tid)
{
    const struct plan_slot *p = &hardware_slots[slot].plan;
    if (hardware_fd_count == FDS) return EMFILE;
    int fd = open_event((const void *)(uintptr_t)p->at, p->length, (uintptr_t)&hardware_slots[slot], tid);
    if (fd < 0) return -fd;
    fds[hardware_fd_count].slot = (uint8_t)slot;
    fds[hardware_fd_count].fd = move_high(fd);
    hardware_fd_count++;
    return 0;
}

/* What was there when they were asked for; what they create meanwhile inherits. */
static int watch_in_all(unsigned slot)
{
    struct entry {
        uint64_t inode, offset;
        uint16_t size;
        uint8_t type;
        char name[];
    };
    _Alignas(8) char buffer[2048];
    int first = watch_in(slot, 0);
    if (first || thread_known() < 2) return first;
    uint32_t own = (uint32_t)ft_syscall(SYS_gettid);
    int list = (int)ft_syscall(SYS_openat, AT_FDCWD, "/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (long n; list >= 0 && (n = ft_syscall(SYS_getdents64, list, buffer, sizeof buffer)) > 0;)
        for (long at = 0; at < n; at += ((const struct entry *)(const void *)(buffer + at))->size) {
            const char *name = ((const struct entry *)(const void *)(buffer + at))->name;
            uint32_t tid = (uint32_t)strtoul(name, NULL, 10);
            if (tid && tid != own) watch_in(slot, tid);
        }
    if (list >= 0) ft_syscall(SYS_close, list);
    return 0;
}

void hardware_end(unsigned slot)
{
    for (unsigned i = 0; i < hardware_fd_count; i++)
        if (fds[i].slot == slot) ft_syscall(SYS_ioctl, fds[i].fd, PERF_EVENT_IOC_DISABLE, 0);
}

/* --- descriptors -------------------------------------------------------------------------------- */

bool hardware_fd(int fd)
{
    for (unsigned i = 0; i < hardware_fd_count; i++)
        if (fds[i].fd == fd) return true;
    return false;
}

void hardware_give_way(int fd)
{
    int saved = errno;
    for (unsigned i = 0; i < hardware_fd_count; i++) {
        if (fds[i].fd != fd) continue;
        int other = (int)ft_syscall(SYS_fcntl, fd, F_DUPFD_CLOEXEC, (long)fd + 1);
        if (other < 0) other = (int)ft_syscall(SYS_fcntl, fd, F_DUPFD_CLOEXEC, 3L);
        if (other >= 0) fds[i].fd = other;
    }
    errno = saved;
}

HOT void hardware_check(void)
{
    uint64_t id;
    for (unsigned i = 0; i < hardware_fd_count; i++)
        if (ft_syscall(SYS_ioctl, fds[i].fd, PERF_EVENT_IOC_ID, &id) < 0) {
            self_note(FT_NOTE_WATCH_CLOSED, NULL);
            return;
        }
}

/* --- what is to be watched ---------------------------------------------------------------------- */

uint64_t hardware_held(void) { return held; }

static void tell(const struct plan_watch *w, const char *text, unsigned taken, int error)
{
    ft_ref watch = ft_string(&ft, text, strlen(text), self.task);
    struct ft_c_hardware *r = ft_begin(&ft, FT_C_HARDWARE, sizeof *r, self.task);
    if (!r) return;
    r->watch = watch;
    r->error = error;
    r->slots = (uint8_t)taken;
    r->needed = w->needed;
    r->flags = (uint8_t)((w->asked ? FT_C_HW_ASKED : 0) | w->refused);
    ft_commit(r);
}

void hardware_forget(bool (*is_loaded)(uint64_t address))
{
    for (unsigned i = 0; i < hardware_slot_count; i++)
        hardware_slots[i].gone |= !is_loaded(hardware_slots[i].plan.at);
    held = 0;
    for (unsigned i = 0; i < hardware_slot_count; i++)
        if (!hardware_slots[i].gone) held |= hardware_slots[i].number;
}

/* It has been there before, and still has its events. */
static struct slot *slot_of(const struct plan_slot *p)
{
    for (unsigned i = 0; i < hardware_slot_count; i++) {
        struct slot *s = &hardware_slots[i];
        if (s->gone && s->plan.at == p->at && s->plan.length == p->length) return s;
    }
    return NULL;
}

static int watch_slot(const struct plan_slot *p, const struct plan_watch *w, const char *text,
                      const ft_ref *globals)
{
    const struct slot new = {.plan = *p,
                             .global = globals[p->global],
                             .watch = ft_string(&ft, text, strlen(text), self.task),
                             .automatic = !w->asked,
                             .number = 1ull << w->number,
                             .seen = slot_value(p->value_at, p->value_size)};
    struct slot *again = slot_of(p);
    if (again) {
        *again = new;
        return 0;
    }
    if (hardware_slot_count == HARDWARE_SLOTS || !trap_take()) return ENOSPC;
    hardware_slots[hardware_slot_count] = new;
    hardware_slot_count++; /* before there is a hit */
    int error = watch_in_all(hardware_slot_count - 1);
    if (error) hardware_slot_count--;
    return error;
}

void hardware_watch(const struct plan_answer *plan, const ft_ref *globals, uint32_t *shared, int error)
{
    const char *bytes = (const char *)plan;
    const struct plan_watch *w = (const void *)(bytes + plan->watches);
    const struct plan_slot *p = (const void *)(bytes + plan->slots);
    hardware_in_vain = shared;
    for (uint32_t i = 0; i < plan->watch_count; i++) {
        unsigned taken = 0;
        int failed = w[i].slots || w[i].refused ? 0 : error;
        for (uint32_t k = 0; k < plan->slot_count && !failed; k++) {
            if (p[k].watch != i) continue;
            failed = watch_slot(&p[k], &w[i], bytes + w[i].watch, globals);
            taken += !failed;
        }
        if (taken) held |= 1ull << w[i].number;
        if (w[i].needed) tell(&w[i], bytes + w[i].watch, taken, failed);
    }
}

#else

unsigned hardware_free(bool try, int *error)
{
    *error = 0;
    return 0;
}
void hardware_watch(const struct plan_answer *plan, const ft_ref *globals, uint32_t *shared, int error) {}
uint64_t hardware_held(void) { return 0; }
void hardware_check(void) {}
void hardware_forget(bool (*is_loaded)(uint64_t address)) {}
bool hardware_fd(int fd) { return false; }
void hardware_give_way(int fd) {}

#endif

/*
 * breakpoints.c: watches of the processor on the memory of another process: see
 * watching.h. Each is a perf event that runs the BPF program `stored`.
 */
#define _GNU_SOURCE
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <linux/hw_breakpoint.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "watching.h"

#if defined __x86_64__

#define REMOVE_ON_EXEC (1ull << 36) /* Linux 5.13; the headers here may be older */

static int open_event(uint32_t tid, uint64_t address, unsigned length)
{
    struct perf_event_attr a = {.type = PERF_TYPE_BREAKPOINT,
                                .size = sizeof a,
                                .sample_period = 1,
                                .inherit = 1,
                                .exclude_hv = 1,
                                .bp_type = HW_BREAKPOINT_W,
                                .bp_addr = address,
                                .bp_len = length};
    uint64_t *flags = (void *)((char *)&a + 40);
    *flags |= REMOVE_ON_EXEC;
    int fd = (int)syscall(SYS_perf_event_open, &a, (pid_t)tid, -1, -1, PERF_FLAG_FD_CLOEXEC);
    if (fd < 0 &&
        (errno == EACCES || errno == EPERM)) { /* the kernel's own stores, as in read(2), take more rights */
        a.exclude_kernel = 1;
        fd = (int)syscall(SYS_perf_event_open, &a, (pid_t)tid, -1, -1, PERF_FLAG_FD_CLOEXEC);
    }
    return fd < 0 ? -errno : fd;
}

/* 0 or -errno. */
static int watch_thread(struct stores *s, struct watched_image *image, uint32_t tid, uint64_t address,
                        unsigned length)
{
    if (image->fd_count == FDS) return -EMFILE;
    int fd = open_event(tid, address, length);
    if (fd < 0) return fd;
    if (ioctl(fd, PERF_EVENT_IOC_SET_BPF, bpf_program__fd(s->stored))) {
        int error = errno;
        close(fd);
        return -error;
    }
    image->fds[image->fd_count++] = fd;
    return 0;
}

static int watch_process(struct stores *s, struct watched_image *image, uint32_t pid, uint64_t address,
                         unsigned length)
{
    char path[64];
    int error = -ESRCH;
    bool some = false;
    snprintf(path, sizeof path, "/proc/%u/task", pid);
    DIR *tasks = opendir(path);
    for (const struct dirent *entry; tasks && (entry = readdir(tasks));) {
        uint32_t tid = (uint32_t)strtoul(entry->d_name, NULL, 10);
        int result = tid ? watch_thread(s, image, tid, address, length) : -ESRCH;
        some |= !result;
        if (tid) error = result;
    }
    if (tasks) closedir(tasks);
    return some ? 0 : error;
}

void breakpoints_close(struct watched_image *image)
{
    for (unsigned i = 0; i < image->fd_count; i++) close(image->fds[i]);
    image->fd_count = 0;
}

unsigned breakpoints_put(struct looking *l, const struct watch *w, uint64_t address, int *error)
{
    struct watched_image *image = l->image;
    uint64_t size = w->where.size;
    bool one = watch_slots(address, size, 2) == 1;
    unsigned taken = 0;
    *error = 0;
    for (uint64_t done = 0; done < size;) {
        unsigned length = watch_slot(address + done, size - done);
        struct watch_type type = w->type;
        char name[sizeof w->name];
        snprintf(name, sizeof name, "%s", w->name);
        if (!one) watch_piece(w, done, length, name, sizeof name, &type), type.size = length;
        *error = -watch_process(l->stores, image, l->pid, address + done, length);
        if (*error) break;
        image->places[image->place_count++] = (struct place){
            address + done, stores_describe(l, name, w, &type, address + done), 0, (uint8_t)length};
        taken++;
        done += length;
    }
    return taken;
}

#endif

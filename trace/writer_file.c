/*
 * writer_file.c: the file itself: made, joined, left, handed to another user;
 * and the clock it is kept by.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>

#include "writer_inside.h"

void ftw_clock_pair(uint32_t clock, uint64_t *count, uint64_t *ns)
{
    *count = *ns = monotonic(CLOCK_MONOTONIC);
    if (clock == FT_CLOCK_MONOTONIC) return;
    uint64_t best = UINT64_MAX;
    for (int i = 0; i < 3 && best > 1000; i++) {
        uint64_t before = ft_counter(), now = monotonic(CLOCK_MONOTONIC), took = ft_counter() - before;
        if (took >= best) continue;
        best = took;
        *count = before + took / 2;
        *ns = now;
    }
}

void ft_clock_pair(const struct ft_writer *w, uint64_t *count, uint64_t *ns)
{
    ftw_clock_pair(w->clock, count, ns);
}

/* The counter is used only where the kernel itself trusts it across CPUs. */
static uint32_t best_clock(void)
{
#if defined __x86_64__ || defined __aarch64__
    /* "tsc" to an aarch64 program: it is emulated, and its counter made of this machine's clock */
    static const char *const trusted[] = {"tsc\n", "arch_sys_counter\n"};
    char name[32] = "";
    long fd = sys(SYS_openat, AT_FDCWD, "/sys/devices/system/clocksource/clocksource0/current_clocksource",
                  O_RDONLY | O_CLOEXEC);
    if (fd < 0) return FT_CLOCK_MONOTONIC;
    long n = sys(SYS_read, (int)fd, name, sizeof name - 1);
    sys(SYS_close, (int)fd);
    for (unsigned i = 0; i < sizeof trusted / sizeof *trusted && n > 0; i++)
        if (!strcmp(name, trusted[i])) return FT_CLOCK_TSC;
#endif
    return FT_CLOCK_MONOTONIC;
}

/*
 * The header and the first window. Under ulimit -v the addresses are the
 * program's: 1 MiB (or the header alone) and few later mappings, used in turn.
 */
static int map_window(struct ft_writer *w, int fd, uint64_t capacity)
{
    struct rlimit limit;
    bool limited = !sys(SYS_prlimit64, 0, RLIMIT_AS, NULL, &limit) && limit.rlim_cur != RLIM_INFINITY;
    uint64_t pages = limited ? FT_RUN_MAX : FT_WINDOW_PAGES;
    if (pages > 1 + capacity) pages = 1 + capacity;
    uint64_t unit = getauxval(AT_PAGESZ);
    w->unit = unit > FT_PAGE ? (uint32_t)unit : FT_PAGE;
    w->map_room = limited ? FT_MAPS_LIMITED : FT_MAPS;
    for (;; pages = pages > FT_RUN_MAX ? FT_RUN_MAX : 1) {
        long r = sys(SYS_mmap, NULL, pages * FT_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)0);
        if (!failed(r)) {
            ftw_no_readahead((void *)r, pages * FT_PAGE);
            w->window_pages = (uint32_t)pages;
            w->capacity = capacity;
            w->file = (struct ft_header *)r;
            store(&w->header, w->file);
            return 0;
        }
        if (pages == 1) return (int)r;
    }
}

static void fill_header(struct ft_header *h, uint64_t capacity, uint32_t clock, uint32_t wait_threshold_ms)
{
    struct utsname name;
    memset(h, 0, sizeof *h);
    memcpy(h->magic, FT_MAGIC, 8);
    h->version = FT_VERSION;
    h->min_reader = FT_MIN_READER;
    h->endian = FT_ENDIAN;
    h->page_size = FT_PAGE;
    h->header_size = FT_PAGE;
    h->capacity = capacity;
    h->clock = clock;
    h->wait_threshold = wait_threshold_ms;
    h->next = 1;
    h->root_pid = (uint32_t)sys(SYS_getpid);
    sys(SYS_getrandom, h->run_id, sizeof h->run_id, GRND_NONBLOCK);
    if (!sys(SYS_uname, &name)) {
        snprintf(h->host, sizeof h->host, "%.63s", name.nodename);
        snprintf(h->kernel, sizeof h->kernel, "%.63s", name.release);
        snprintf(h->arch, sizeof h->arch, "%.15s", name.machine);
    }
    long fd = sys(SYS_openat, AT_FDCWD, "/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    char text[37] = "";
    if (fd >= 0) {
        if (sys(SYS_read, (int)fd, text, 36) == 36)
            for (int i = 0, n = 0; i < 36 && n < 32; i++)
                if (text[i] != '-') {
                    int digit = text[i] <= '9' ? text[i] - '0' : (text[i] | 32) - 'a' + 10;
                    h->boot_id[n / 2] = (uint8_t)(h->boot_id[n / 2] << 4 | (digit & 15));
                    n++;
                }
        sys(SYS_close, (int)fd);
    }
    h->realtime0 = monotonic(CLOCK_REALTIME);
    ftw_clock_pair(clock, &h->counter0, &h->monotonic0);
}

int ft_writer_create(struct ft_writer *w, const char *path, uint64_t max_bytes, uint32_t wait_threshold_ms)
{
    struct rlimit limit;
    if (strlen(path) >= sizeof w->path) return -ENAMETOOLONG;
    if (!sys(SYS_prlimit64, 0, RLIMIT_FSIZE, NULL, &limit) && limit.rlim_cur < max_bytes)
        max_bytes = limit.rlim_cur;                     /* beyond it: SIGXFSZ */
    if (max_bytes > 1ull << 34) max_bytes = 1ull << 34; /* a reference reaches 32 GiB */
    if (max_bytes < 8 * FT_PAGE) return -EFBIG;
    long fd =
        sys(SYS_openat, AT_FDCWD, path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY, 0600);
    if (fd < 0) return (int)fd;
    uint64_t capacity = max_bytes / FT_PAGE - 1;
    struct ft_header header;
    strcpy(w->path, path);
    w->clock = best_clock();
    fill_header(&header, capacity, w->clock, wait_threshold_ms);
    long r = sys(SYS_ftruncate, (int)fd, (off_t)((1 + capacity) * FT_PAGE));
    if (!r) r = sys(SYS_pwrite64, (int)fd, &header, sizeof header, (off_t)0);
    if (r == (long)sizeof header) {
        static const char one;
        /* the whole header page on disk now: stores to it must never fault */
        r = sys(SYS_pwrite64, (int)fd, &one, (size_t)1, (off_t)(FT_PAGE - 1));
        r = r == 1 ? map_window(w, (int)fd, capacity) : r < 0 ? r : -ENOSPC;
    } else if (r >= 0)
        r = -ENOSPC;
    sys(SYS_close, (int)fd);
    if (!r && !ftw_next_run(w, 0)) {
        ft_writer_stop(w);
        r = -ENOSPC;
    }
    if (r) sys(SYS_unlinkat, AT_FDCWD, path, 0);
    return (int)r;
}

int ft_writer_join(struct ft_writer *w, const char *path)
{
    struct ft_header header;
    if (strlen(path) >= sizeof w->path) return -ENAMETOOLONG;
    strcpy(w->path, path);
    int fd = ftw_open_file(w);
    if (fd < 0) return fd == -ESTALE ? -EPROTO : fd;
    struct stat status;
    long r = sys(SYS_pread64, fd, &header, sizeof header, (off_t)0) == (long)sizeof header ? 0 : -EPROTO;
    if (!r && (header.version != FT_VERSION || header.endian != FT_ENDIAN || header.page_size != FT_PAGE ||
               header.capacity < 7 || header.capacity > (1ull << 34) / FT_PAGE))
        r = -EPROTO;
    if (!r && (fstat(fd, &status) || (uint64_t)status.st_size < (1 + header.capacity) * FT_PAGE)) r = -EPROTO;
    if (!r) {
        w->clock = header.clock;
        r = map_window(w, fd, header.capacity);
    }
    sys(SYS_close, fd);
    if (r) return (int)r;
    uint64_t run = ftw_shared_run(w, 0);
    if (run) {
        store(&w->run, run);
        ftw_release_map(w, run_base(run));
    }
    return 0;
}

void ft_writer_stop(struct ft_writer *w) { store(&w->header, NULL); }

void ft_writer_resume(struct ft_writer *w) { store(&w->header, w->file); }

int ft_writer_chown(struct ft_writer *w, unsigned uid, unsigned gid)
{
    if (!ft_writer_on(w)) return -EBADF;
    int fd = ftw_open_file(w);
    if (fd < 0) return fd;
    long r = sys(SYS_fchown, fd, uid, gid);
    sys(SYS_close, fd);
    return (int)r;
}

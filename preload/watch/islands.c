/*
 * islands.c: stepping stones for stores shorter than a jump. The last bytes of
 * such a jump are those of the instruction that follows, so only a stretch of
 * addresses can be reached: 256 bytes of them from an instruction of 2 bytes,
 * 64 KiB from 3, 16 MiB from 4, anywhere within 2 GiB. If there is nothing yet,
 * a page is mapped there, with a jump to where it should have led.
 *
 * Each page costs a fork its mapping, so pages are shared and few.
 */
#include "preload/watch/patch.h"

#if defined __x86_64__

#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "trace/format.h"
#include "trace/syscall.h"

#define PAGES  48
#define ISLAND 16           /* jmp *0(%rip), and the address behind it */
#define LOOKS  32           /* for a place for a page */
#define HEAP   (1ull << 30) /* left to the heap to grow in */

static struct {
    uintptr_t base;
    uint64_t object; /* for whose code; gone with it */
    uint64_t used[FT_PAGE / ISLAND / 64];
} page[PAGES];
static uint32_t count, closed; /* the first `closed` are executable already */

struct stretch {
    uint64_t low, high;
};

/* Of a jump at `at`, of whose 5 bytes all but the first `length` are given. */
static struct stretch reach(const uint8_t *at, const uint8_t bytes[5], unsigned length)
{
    unsigned free = 8 * (length - 1); /* bits of the distance that can be chosen */
    uint32_t rest;
    memcpy(&rest, bytes + 1, 4);
    int64_t distance = (int32_t)(rest & ~((1u << free) - 1));
    uint64_t low = (uint64_t)((int64_t)(uintptr_t)at + 5 + distance);
    return (struct stretch){low, low + (1ull << free)};
}

static uint8_t *take(uint32_t i, struct stretch s)
{
    for (unsigned n = 0; n < FT_PAGE / ISLAND; n++) {
        uint64_t where = page[i].base + n * ISLAND;
        if (where < s.low || where >= s.high || page[i].used[n / 64] >> n % 64 & 1) continue;
        page[i].used[n / 64] |= 1ull << n % 64;
        return (uint8_t *)(uintptr_t)where;
    }
    return NULL;
}

/* Where the heap may want to grow. */
static bool heap(uint64_t address)
{
    uint64_t end = (uint64_t)ft_syscall(SYS_brk, 0L);
    return address - (end - HEAP / 8) < HEAP + HEAP / 8;
}

static bool map_page(struct stretch s, uint64_t object)
{
    uint64_t first = s.low & ~(uint64_t)(FT_PAGE - 1), pages = (s.high - first + FT_PAGE - 1) / FT_PAGE;
    uint64_t step = pages / LOOKS ? pages / LOOKS : 1;
    if (count == PAGES || s.high > 1ull << 47) return false;
    for (uint64_t n = 0; n < pages; n += step) {
        uint64_t where = first + n * FT_PAGE;
        if (where < 1u << 20 || heap(where)) continue;
        long r = ft_syscall(SYS_mmap, where, (size_t)FT_PAGE, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0L);
        if (r == (long)where) {
            page[count].base = where;
            page[count].object = object;
            memset(page[count++].used, 0, sizeof page->used);
            return true;
        }
        if (r > 0 || r < -4095) ft_syscall(SYS_munmap, r, (size_t)FT_PAGE); /* before Linux 4.17: a hint */
    }
    return false;
}

bool island_at(uintptr_t address)
{
    for (uint32_t i = 0; i < count; i++)
        if (address - page[i].base < FT_PAGE) return true;
    return false;
}

const uint8_t *island_make(uint64_t object, const uint8_t *at, const uint8_t bytes[5], unsigned length,
                           const uint8_t *to)
{
    struct stretch s = reach(at, bytes, length);
    uint8_t *island = NULL;
    for (uint32_t i = closed; i < count && !island; i++)
        if (page[i].object == object) island = take(i, s);
    if (!island && map_page(s, object)) island = take(count - 1, s);
    if (!island) return NULL;
    static const uint8_t jump[] = {0xff, 0x25, 0, 0, 0, 0};
    memcpy(island, jump, sizeof jump);
    memcpy(island + sizeof jump, &to, sizeof to);
    return island;
}

/* None is half made: what is loaded is done with. */
void islands_forget(bool (*is_loaded)(uint64_t address))
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++)
        if (is_loaded(page[i].object))
            page[kept++] = page[i];
        else
            ft_syscall(SYS_munmap, page[i].base, (size_t)FT_PAGE);
    count = closed = kept;
}

bool islands_close(void)
{
    bool done = true;
    for (; closed < count; closed++)
        done &= !ft_syscall(SYS_mprotect, page[closed].base, (size_t)FT_PAGE, PROT_READ | PROT_EXEC);
    return done;
}

#else
void islands_forget(bool (*is_loaded)(uint64_t address)) {}
#endif

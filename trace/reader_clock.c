/*
 * reader_clock.c: from the counter of the records to CLOCK_MONOTONIC, by the
 * clock pairs that are spread over the file.
 *
 * A pair is two clocks read one after the other; a writer that was interrupted
 * between them wrote a bad one. The kernel slews CLOCK_MONOTONIC by at most 500
 * ppm, so pairs are thinned to the best one per interval, and one that bends
 * the line by more than SLEW is dropped.
 */
#include "reader_private.h"

#include "counter.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define INTERVAL  100000000.0 /* ns between knots, at least */
#define KNOTS_MAX 4096.0
#define SLEW      0.001
#define JITTER    2000.0     /* ns: two clocks are never read at quite the same time */
#define SPAN_MIN  1000000ull /* ns: pairs closer than this say nothing about the rate */
#define FAR       (1ull << 62)

bool ft_clock_add(struct ft_reading *in, uint64_t counter, uint64_t monotonic)
{
    if (in->header.clock == FT_CLOCK_MONOTONIC || !monotonic || monotonic >= FAR) return true;
    if (in->pair_count == in->pair_room) {
        size_t room = in->pair_room ? in->pair_room * 2 : 64;
        struct ft_pair *grown = realloc(in->pairs, room * sizeof *grown);
        if (!grown) return false;
        in->pairs = grown;
        in->pair_room = room;
    }
    in->pairs[in->pair_count++] = (struct ft_pair){counter, monotonic};
    return true;
}

static int by_counter(const void *a, const void *b)
{
    const struct ft_pair *x = a, *y = b;
    return x->counter != y->counter ? (x->counter > y->counter) - (x->counter < y->counter)
                                    : (x->monotonic > y->monotonic) - (x->monotonic < y->monotonic);
}

/* How late the second clock of a pair was read, compared with a line through `base`. */
static double delay(const struct ft_pair *base, const struct ft_pair *pair, double rate)
{
    return ((double)pair->monotonic - (double)base->monotonic) -
           ((double)pair->counter - (double)base->counter) * rate;
}

static double slope_between(const struct ft_pair *a, const struct ft_pair *b)
{
    return ((double)b->monotonic - (double)a->monotonic) / ((double)(b->counter - a->counter));
}

/* Where the clocks of this very machine are the trace's: its own word on the rate. */
static double rate_of_this_machine(const struct ft_reading *in)
{
    char text[37] = "";
    uint8_t id[16] = {0};
    /* not of a program that an emulator ran here: its counter is another */
    if (strncmp(in->header.arch, FT_COUNTER_ARCH, sizeof in->header.arch) || !*FT_COUNTER_ARCH) return 0;
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 0;
    ssize_t length = read(fd, text, 36);
    close(fd);
    for (int i = 0, n = 0; i < (int)length && n < 32; i++) {
        if (text[i] == '-') continue;
        int digit = text[i] <= '9' ? text[i] - '0' : (text[i] | 32) - 'a' + 10;
        id[n / 2] = (uint8_t)(id[n / 2] << 4 | (digit & 15));
        n++;
    }
    if (memcmp(id, in->header.boot_id, sizeof id) || !in->header.monotonic0) return 0;
    struct timespec t;
    uint64_t counter = ft_counter();
    clock_gettime(CLOCK_MONOTONIC, &t);
    struct ft_pair then = {in->header.counter0, in->header.monotonic0};
    struct ft_pair now = {counter, (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec};
    if (now.counter <= then.counter || now.monotonic < then.monotonic + SPAN_MIN) return 0;
    return slope_between(&then, &now);
}

static void choose_rate(struct ft_reading *in)
{
    const struct ft_pair *a = &in->pairs[0], *b = &in->pairs[in->pair_count - 1];
    bool line = b->counter > a->counter && b->monotonic > a->monotonic;
    double rate = 0;
    if (line && b->monotonic - a->monotonic >= SPAN_MIN) rate = slope_between(a, b);
    if (rate <= 0) rate = rate_of_this_machine(in);
    if (rate <= 0 && line) rate = slope_between(a, b);
    in->rate = rate > 1e-3 && rate < 1e3 ? rate : 1; /* 1 MHz .. 1 THz */
}

/* The least delayed pair of each interval becomes a knot, unless it bends the line too much. */
static void choose_knots(struct ft_reading *in)
{
    const struct ft_pair *base = &in->pairs[0];
    double span = ((double)in->pairs[in->pair_count - 1].counter - (double)base->counter) * in->rate;
    double interval = span / KNOTS_MAX > INTERVAL ? span / KNOTS_MAX : INTERVAL;
    in->knot_count = 0;
    for (size_t i = 0; i < in->pair_count;) {
        double end = ((double)in->pairs[i].counter - (double)base->counter) * in->rate + interval;
        const struct ft_pair *best = &in->pairs[i];
        for (i++; i < in->pair_count; i++) {
            if (((double)in->pairs[i].counter - (double)base->counter) * in->rate >= end) break;
            if (delay(base, &in->pairs[i], in->rate) < delay(base, best, in->rate)) best = &in->pairs[i];
        }
        bool good = true;
        while (in->knot_count) {
            const struct ft_line *knot = &in->knots[in->knot_count - 1];
            const struct ft_pair *before = &(struct ft_pair){knot->counter, knot->monotonic};
            double bend = delay(before, best, in->rate);
            double allowed = ((double)best->counter - (double)before->counter) * in->rate * SLEW + JITTER;
            good = bend <= allowed && best->counter > before->counter && best->monotonic > before->monotonic;
            if (good || bend > 0 || in->knot_count == 1) break; /* this one came late: drop it */
            if (bend >= -allowed) break;
            in->knot_count--; /* the one before came late */
        }
        if (good)
            in->knots[in->knot_count++] =
                (struct ft_line){.counter = best->counter, .monotonic = best->monotonic};
    }
}

/* A line from each knot to the next; the last one has none. */
static void draw_lines(struct ft_reading *in)
{
    for (size_t i = 0; i + 1 < in->knot_count; i++) {
        struct ft_line *l = &in->knots[i];
        l->span = l[1].counter - l->counter; /* not 0: choose_knots */
        l->ns = l[1].monotonic - l->monotonic;
        l->inverse = UINT64_MAX / l->span;
    }
}

bool ft_clock_build(struct ft_reading *in)
{
    if (in->header.clock == FT_CLOCK_MONOTONIC || in->pairs_known == in->pair_count) return true;
    if (!in->pair_count) return true;
    struct ft_line *knots = realloc(in->knots, in->pair_count * sizeof *knots);
    if (!knots) return false;
    in->knots = knots;
    qsort(in->pairs, in->pair_count, sizeof *in->pairs, by_counter);
    choose_rate(in);
    choose_knots(in);
    draw_lines(in);
    in->pairs_known = in->pair_count;
    return true;
}

static int64_t clamp(double ns) { return ns < 0 ? 0 : ns > (double)FAR ? (int64_t)FAR : (int64_t)ns; }

/* The last knot that is not after the counter, which is between the first and the last. */
static const struct ft_line *knot_before(struct ft_reading *in, uint64_t counter)
{
    size_t low = 0, high = in->knot_count - 1;                   /* knots[low] <= counter < knots[high] */
    size_t at = __atomic_load_n(&in->knot_at, __ATOMIC_RELAXED); /* several threads may ask */
    if (at < high && ft_line_has(&in->knots[at], counter)) return &in->knots[at]; /* as before, mostly */
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (in->knots[middle].counter <= counter)
            low = middle;
        else
            high = middle;
    }
    __atomic_store_n(&in->knot_at, low, __ATOMIC_RELAXED);
    return &in->knots[low];
}

static bool is_short(const struct ft_line *line) /* knots are close, mostly */
{
    uint64_t product;
    return !__builtin_mul_overflow(line->span, line->ns, &product);
}

bool ft_reader_line(const struct ft_reader *r, uint64_t counter, struct ft_line *line)
{
    struct ft_reading *in = r->private;
    if (in->header.clock == FT_CLOCK_MONOTONIC || in->knot_count < 2) return false;
    if (counter < in->knots->counter || counter >= in->knots[in->knot_count - 1].counter) return false;
    const struct ft_line *found = knot_before(in, counter);
    if (!is_short(found)) return false;
    *line = *found;
    return true;
}

int64_t ft_reader_ns(const struct ft_reader *r, uint64_t counter)
{
    struct ft_reading *in = r->private;
    if (in->header.clock == FT_CLOCK_MONOTONIC) return counter < FAR ? (int64_t)counter : (int64_t)FAR;
    if (!in->knot_count) return clamp((double)counter);
    const struct ft_line *first = in->knots, *last = in->knots + in->knot_count - 1;
    if (counter <= first->counter) {
        double before = (double)(first->counter - counter) * in->rate;
        return before >= (double)first->monotonic ? 0 : (int64_t)(first->monotonic - (uint64_t)before);
    }
    if (counter >= last->counter) {
        double after = (double)(counter - last->counter) * in->rate;
        return after >= (double)FAR ? (int64_t)FAR : (int64_t)(last->monotonic + (uint64_t)after);
    }
    const struct ft_line *line = knot_before(in, counter);
    if (is_short(line)) return ft_line_ns(line, counter);
    unsigned __int128 part = (unsigned __int128)(counter - line->counter) * line->ns;
    return (int64_t)(line->monotonic + (uint64_t)(part / line->span));
}

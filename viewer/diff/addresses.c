/*
 * addresses.c: who bound which address. Ports that stand on the command line are
 * the user's choice, those of the kernel and random names nobody's.
 */
#include <ctype.h>
#include <string.h>

#include "diff.h"

/* From here on the kernel gives ports to who asks for any (/proc/sys/net/ipv4/ip_local_port_range). */
#define KERNELS_OWN 32768

static bool is_number_in(const char *text, const char *digits)
{
    size_t length = strlen(digits);
    for (const char *at = text; (at = strstr(at, digits)); at += length) {
        bool alone = (at == text || !isdigit((unsigned char)at[-1])) && !isdigit((unsigned char)at[length]);
        if (alone) return true;
    }
    return false;
}

static bool is_on_command_line(const struct timeline *t, process_id p, int port)
{
    char digits[16];
    snprintf(digits, sizeof digits, "%d", port);
    for (size_t guard = 0; p != NONE && guard <= t->process_count; guard++, p = t->processes[p].parent)
        for (size_t i = 0; i < t->processes[p].image_count; i++)
            for (size_t a = 1; a < t->processes[p].images[i].argc; a++)
                if (is_number_in(t->processes[p].images[i].argv[a], digits)) return true;
    return false;
}

/* "/tmp/pymp-8x_2f9a0/listener-q1w2e3r4" -> "/tmp/pymp-*" + "/listener-*": what mkstemp and pids made. */
static void without_chance(char *out, size_t room, const char *path)
{
    size_t used = 0;
    while (*path && used + 2 < room) {
        size_t n = strspn(path, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"),
               digits = 0;
        for (size_t i = 0; i < n; i++) digits += isdigit((unsigned char)path[i]) != 0;
        bool after_dash = used && strchr("-.#", out[used - 1]),
             chance = n && ((after_dash && n >= 6) || digits >= 3);
        if (chance) out[used++] = '*';
        if (!chance) {
            size_t take = n ? n : 1;
            if (take > room - used - 1) take = room - used - 1;
            memcpy(out + used, path, take);
            used += take;
        }
        path += n ? n : 1;
    }
    out[used] = 0;
}

static void one(struct diff *d, int run, event_id i)
{
    const struct timeline *t = d->runs[run].t;
    struct event e = timeline_event(t, i);
    if (!e.record) return;
    struct ft_bind r = FT_GET(bind, e.record);
    char address[160], subject[NAMES_TEXT], state[96], error[TEXT_SHORT], detail[32] = "";
    size_t length;
    int port;
    const void *bytes = ft_tail(e.record, sizeof r, &length);
    text_sockaddr(bytes, length, address, sizeof address, &port);
    if (!*address) return; /* unnamed: the kernel chooses */
    const char *host = strchr(address, ':') ? "[%s]:%s" : "%s:%s";
    char number[40];
    snprintf(number, sizeof number, "%d", port);
    if (port >= KERNELS_OWN) snprintf(number, sizeof number, "a port of the kernel's range");
    if (port > 0 && is_on_command_line(t, e.process, port)) {
        snprintf(number, sizeof number, "the port of its command line");
    }
    if (!isdigit((unsigned char)number[0])) snprintf(detail, sizeof detail, "%d", port);
    if (port >= 0)
        snprintf(subject, sizeof subject, host, address, number);
    else
        without_chance(subject, sizeof subject, address);
    snprintf(state, sizeof state, "bound");
    if (r.error) snprintf(state, sizeof state, "asked for in vain (%s)", text_error(error, r.error));
    mention_detail(mention(&d->mentions[run], SECTION_ADDRESSES, e.process, subject, state), detail);
}

void mention_addresses(struct diff *d, int run)
{
    size_t count;
    const event_id *binds = timeline_events_of_type(d->runs[run].t, EVENT_BIND, &count);
    for (size_t i = 0; i < count; i++) one(d, run, binds[i]);
}

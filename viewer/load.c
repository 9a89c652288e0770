/*
 * load.c: opening traces; asking /proc who still runs.
 */
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "load.h"
#include "names.h"
#include "text.h"

static void hex_without_dashes(const char *text, uint8_t bytes[16])
{
    memset(bytes, 0, 16);
    for (int n = 0; *text && n < 32; text++) {
        const char *digits = "0123456789abcdef", *digit = strchr(digits, *text);
        if (!digit) continue;
        bytes[n / 2] = (uint8_t)(bytes[n / 2] << 4 | (digit - digits));
        n++;
    }
}

static bool this_boot(const struct ft_header *header)
{
    char text[64] = "";
    uint8_t now[16];
    FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");
    if (!f) return false;
    bool read = fgets(text, sizeof text, f) != NULL;
    fclose(f);
    hex_without_dashes(text, now);
    return read && !memcmp(now, header->boot_id, sizeof now);
}

/* State and start time: fields 3 and 22; the second is a name that may hold anything, ")" too. */
static bool read_stat(uint32_t pid, char *state, uint64_t *start_ticks)
{
    char path[32], line[1024];
    snprintf(path, sizeof path, "/proc/%u/stat", pid);
    FILE *f = fopen(path, "re");
    if (!f) return false;
    size_t length = fread(line, 1, sizeof line - 1, f);
    fclose(f);
    line[length] = 0;
    const char *at = strrchr(line, ')');
    unsigned long long ticks;
    if (!at ||
        sscanf(at + 1, " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
               state, &ticks) != 2)
        return false;
    *start_ticks = ticks;
    return true;
}

bool load_alive(void *context, uint32_t pid, uint64_t start_ticks)
{
    const struct ft_reader *r = context;
    static const struct ft_header *asked;
    static bool ours;
    char state;
    uint64_t ticks;
    if (asked != r->header) ours = this_boot(r->header), asked = r->header;
    if (!ours || !read_stat(pid, &state, &ticks)) return false;
    return state != 'Z' && state != 'X' && (!start_ticks || ticks == start_ticks);
}

int load(struct loaded *l, const char *path, bool partial)
{
    *l = (struct loaded){.path = path};
    ft_reader_in_place();
    enum ft_reader_error error = ft_reader_open(&l->reader, path, partial);
    if (error) {
        char buffer[512];
        return command_error(path, "%s", ft_reader_message(error, &l->reader, buffer, sizeof buffer));
    }
    l->timeline = timeline_build(&l->reader, load_alive, &l->reader, &names_files);
    if (l->timeline) return 0;
    ft_reader_close(&l->reader);
    return command_error(path, "not enough memory for this trace: use a machine with more, or record less");
}

void unload(struct loaded *l)
{
    timeline_free(l->timeline);
    ft_reader_close(&l->reader);
}

/*
 * jumps.c: where code may jump to: by tables and pointers, for the functions
 * that are looked at; by direct branches, from all of an object's code.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "search.h"

/* --- through registers and memory --------------------------------------------------------------- */

/*
 * An address in the middle of a function, to jump to, is made by the function
 * itself (lea), or lies in data as it is, or as its distance from a table whose
 * address the function makes: there is no other way to come by one.
 */

/* A table of distances from itself: as long as they lead to code. */
#define TABLE_MAX 4096

static bool data_at(struct search *s, uint64_t address, const uint8_t **bytes, uint64_t *left)
{
    GElf_Shdr header;
    for (Elf_Scn *section = NULL; (section = elf_nextscn(s->symbols->file.elf, section));) {
        if (!gelf_getshdr(section, &header) || header.sh_type != SHT_PROGBITS ||
            (header.sh_flags & (SHF_ALLOC | SHF_EXECINSTR)) != SHF_ALLOC ||
            address - header.sh_addr >= header.sh_size)
            continue;
        Elf_Data *data = elf_getdata(section, NULL);
        if (!data || !data->d_buf || address - header.sh_addr >= data->d_size) return false;
        *bytes = (const uint8_t *)data->d_buf + (address - header.sh_addr);
        *left = data->d_size - (address - header.sh_addr);
        return true;
    }
    return false;
}

static bool in_code(const struct search *s, uint64_t address)
{
    return address - s->code_start < s->code_end - s->code_start;
}

/* Is it one? Its targets in the function are marked. */
static bool table(struct search *s, struct code *code, size_t count, uint64_t address)
{
    const uint8_t *bytes;
    uint64_t left, end = code[count - 1].address + code[count - 1].length;
    bool any = false;
    if (address % 4 || !data_at(s, address, &bytes, &left)) return false;
    for (size_t i = 0; i < TABLE_MAX && 4 * (i + 1) <= left; i++) {
        int32_t distance;
        memcpy(&distance, bytes + 4 * i, sizeof distance);
        uint64_t to = address + (uint64_t)(int64_t)distance;
        bool here = to - code[0].address < end - code[0].address;
        if (!here && !in_code(s, to)) break;
        if (here) flow_target(code, count, to);
        any |= here;
    }
    return any;
}

static void add_word(struct search *s, uint64_t word)
{
    if (!in_code(s, word)) return;
    if (s->word_count == s->word_room) {
        size_t room = s->word_room ? 2 * s->word_room : 1024;
        uint64_t *words = realloc(s->words, room * sizeof *words);
        if (!words) return;
        s->words = words;
        s->word_room = room;
    }
    s->words[s->word_count++] = word;
}

static void words_of(struct search *s, const uint8_t *bytes, uint64_t start, size_t size)
{
    for (size_t at = -start % 8; at + 8 <= size; at += 8) {
        uint64_t word;
        memcpy(&word, bytes + at, sizeof word);
        if (word) add_word(s, word);
    }
}

static void relocated_words(struct search *s)
{
    GElf_Shdr header;
    for (Elf_Scn *section = NULL; (section = elf_nextscn(s->symbols->file.elf, section));) {
        Elf_Data *data;
        if (!gelf_getshdr(section, &header) || header.sh_type != SHT_RELA || !header.sh_entsize ||
            !(data = elf_getdata(section, NULL)))
            continue;
        size_t count = data->d_size / header.sh_entsize;
        GElf_Rela r;
        for (size_t i = 0; i < count && i <= INT32_MAX && gelf_getrela(data, (int)i, &r); i++)
            if (GELF_R_TYPE(r.r_info) == R_X86_64_RELATIVE) add_word(s, (uint64_t)r.r_addend);
    }
}

static int by_value(const void *x, const void *y)
{
    const uint64_t *a = x, *b = y;
    return (*a > *b) - (*a < *b);
}

static void pointers(struct search *s, struct code *code, size_t count)
{
    if (!s->words_read) {
        s->words_read = true;
        relocated_words(s);
        each_section(s, false, words_of);
        if (s->word_count) qsort(s->words, s->word_count, sizeof *s->words, by_value);
    }
    uint64_t end = code[count - 1].address + code[count - 1].length;
    size_t low = 0, high = s->word_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (s->words[middle] < code[0].address)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < s->word_count && s->words[low] < end; low++) flow_target(code, count, s->words[low]);
}

/* Has this jump's register been computed, not just loaded? */
static bool computed(const struct flow *flow, size_t at)
{
    for (size_t i = at; i-- && at - i < 16;)
        if (flow[i].kills & flow[at].through) return !flow[i].loads;
    return true;
}

bool jumps_targets(struct search *s, struct code *code, const struct flow *flow, size_t count)
{
    size_t by_table = 0, tables = 0;
    uint64_t last = 0;
    for (size_t i = 0; i < count; i++) {
        by_table += flow[i].indirect && flow[i].through && computed(flow, i);
        if (!flow[i].constant) continue;
        flow_target(code, count, flow[i].constant);
        if (flow[i].constant != last) tables += table(s, code, count, flow[i].constant);
        last = flow[i].constant;
    }
    pointers(s, code, count);
    return by_table <= tables; /* else a table's address comes from where this was split off */
}

/* --- branches ------------------------------------------------------------------------------- */

struct branches {
    struct search search; /* first: each_section hands it out */
    const uint64_t *addresses;
    size_t count;
    bool *hit;
};

static void search_branches(struct search *s, const uint8_t *bytes, uint64_t start, size_t size)
{
    struct branches *b = (struct branches *)s;
    uint64_t low = b->addresses[0], span = b->addresses[b->count - 1] - low;
    for (size_t at = 0; at + 5 <= size; at++) {
        bool jump = bytes[at] == 0xe9 || ((bytes[at] & 0xf0) == 0x80 && at && bytes[at - 1] == 0x0f);
        if (!jump) continue;
        int32_t distance;
        memcpy(&distance, bytes + at + 1, 4);
        uint64_t to = start + at + 5 + (uint64_t)(int64_t)distance;
        if (to - low > span) continue;
        size_t low_i = 0, high_i = b->count;
        while (low_i < high_i) {
            size_t middle = (low_i + high_i) / 2;
            if (b->addresses[middle] < to)
                low_i = middle + 1;
            else
                high_i = middle;
        }
        if (low_i < b->count && b->addresses[low_i] == to) b->hit[low_i] = true;
    }
}

void stores_branches(struct symbols *s, const uint64_t *addresses, size_t count, bool *hit)
{
    struct branches b = {.search = {.symbols = s}, .addresses = addresses, .count = count, .hit = hit};
    if (count) each_section(&b.search, true, search_branches);
}

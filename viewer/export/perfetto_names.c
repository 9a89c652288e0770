/* perfetto_names.c: texts that come again have a number; see perfetto.h. */
#include <stdlib.h>
#include <string.h>

#include "perfetto.h"

enum { KNOWN = 8192, LONGEST = 400 }; /* longer texts hardly come again: they stand where they are */

struct interned {
    uint64_t last; /* number given out */
    struct {
        uint64_t hash, number; /* 0: seen once */
        char *text;
    } slots[KNOWN];
};

static uint64_t hash_of(const char *text)
{
    uint64_t hash = 14695981039346656037ull; /* FNV-1a */
    for (; *text; text++) hash = (hash ^ (unsigned char)*text) * 1099511628211ull;
    return hash | 1; /* 0: a slot nobody used */
}

/* Its number; 0: it has none yet, or memory ran out. */
static uint64_t number_of(struct interning *kind, struct wire *fresh, const char *text)
{
    struct interned *known = kind->known;
    uint64_t hash = hash_of(text);
    if (!known) kind->known = known = calloc(1, sizeof *known);
    if (!known) return 0;
    size_t at = (hash >> 20) % KNOWN;
    bool again = known->slots[at].hash == hash;
    char *had = known->slots[at].text;
    if (again && had && !strcmp(had, text)) return known->slots[at].number;
    free(had);
    known->slots[at].text = NULL;
    known->slots[at].hash = hash;
    if (!again && kind->plain) return 0;
    if (!(known->slots[at].text = strdup(text))) return 0;
    size_t entry = wire_open(fresh, kind->index);
    wire_uint(fresh, PF_InternedString_iid, known->slots[at].number = ++known->last);
    wire_string(fresh, PF_InternedString_text, text);
    wire_close(fresh, entry);
    return known->last;
}

void interned_put(struct interning *kind, struct wire *message, struct wire *fresh, const char *text)
{
    bool tried = !kind->plain || strlen(text) <= LONGEST;
    uint64_t number = tried ? number_of(kind, fresh, text) : 0;
    if (number)
        wire_uint(message, kind->numbered, number);
    else if (kind->plain)
        wire_string(message, kind->plain, text);
    else
        message->failed = true;
}

void interned_free(struct interning *kind)
{
    for (size_t i = 0; kind->known && i < KNOWN; i++) free(kind->known->slots[i].text);
    free(kind->known);
    kind->known = NULL;
}

/*
 * mentions.c: what a run has to say, one line of text after the other.
 */
#include <stdlib.h>
#include <string.h>

#include "diff.h"

struct mention *mention(struct mentions *m, enum section section, process_id p, const char *subject,
                        const char *state)
{
    static struct mention nowhere;
    nowhere = (struct mention){0};
    if (m->count == m->room) {
        size_t room = m->room ? 2 * m->room : 64;
        struct mention *list = realloc(m->list, room * sizeof *list);
        if (!list) return m->failed = true, &nowhere;
        m->list = list, m->room = room;
    }
    struct mention *x = &m->list[m->count++];
    *x = (struct mention){
        .section = section, .subject = strdup(subject), .state = strdup(state), .process = p, .counts = true};
    if (!x->subject || !x->state) m->failed = true;
    return x;
}

void mention_detail(struct mention *m, const char *detail)
{
    if (!m->subject) return; /* nowhere */
    free(m->detail);
    m->detail = strdup(detail);
}

static int by_id(const void *a, const void *b)
{
    process_id x = *(const process_id *)a, y = *(const process_id *)b;
    return x < y ? -1 : x > y;
}

size_t mention_once(process_id *list, size_t count)
{
    size_t left = 0;
    if (count) qsort(list, count, sizeof *list, by_id);
    for (size_t i = 0; i < count; i++)
        if (!left || list[left - 1] != list[i]) list[left++] = list[i];
    return left;
}

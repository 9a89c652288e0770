/*
 * writer_pictures.c: pictures of the program's C memory have a share of the
 * file and no more, over all processes of a run; and who has one to be compared
 * with. Both are in the header, for they belong to no process.
 */
#include "writer_inside.h"

#define SHARE 16 /* of the file */

bool ft_picture_room(struct ft_writer *w, uint64_t bytes)
{
    struct ft_header *header = w->header;
    if (!header) return false;
    /* added at once: to read it first would cost a fork child a page fault more */
    uint64_t before = __atomic_fetch_add(&header->picture_bytes, bytes, __ATOMIC_RELAXED);
    if (before <= w->capacity * (FT_PAGE / SHARE)) return true;
    __atomic_fetch_sub(&header->picture_bytes, bytes, __ATOMIC_RELAXED);
    return false;
}

static uint64_t *word_of(struct ft_header *header, uint32_t pid)
{
    return &header->pictured[pid / 64 % (sizeof header->pictured / sizeof *header->pictured)];
}

void ft_picture_left(struct ft_writer *w, uint32_t parent)
{
    if (w->header) __atomic_fetch_or(word_of(w->header, parent), 1ull << parent % 64, __ATOMIC_RELAXED);
}

bool ft_picture_expected(const struct ft_writer *w, uint32_t pid)
{
    return w->header && load(word_of(w->header, pid)) >> pid % 64 & 1;
}

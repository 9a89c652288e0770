/*
 * memory.c: the memory of a timeline: arrays that double, and an arena for
 * what never changes. Running out ends the building.
 */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "build.h"

struct block {
    struct block *older;
    size_t used, size;
    _Alignas(16) char bytes[];
};

#define LARGE ((size_t)8 << 20)
#define PAGE  ((uintptr_t)4096)

/*
 * Page faults are much of the time it takes to fill a large array. The kernel may say no. It is all of the
 * mapping that glibc made for it, to the page: mremap, by which realloc grows it without copying, fails on
 * part of one.
 */
static void use_large_pages(void *array, size_t bytes)
{
    uintptr_t start = (uintptr_t)array & -PAGE, end = ((uintptr_t)array + bytes + PAGE - 1) & -PAGE;
    madvise((void *)start, end - start, MADV_HUGEPAGE);
}

void *build_grow(struct build *b, void *array, size_t count, size_t size)
{
    if (count & (count - 1)) return array; /* full only at powers of two */
    size_t room = count ? count * 2 : 1;
    array = reallocarray(array, room, size);
    if (!array) longjmp(b->no_memory, 1);
    if (room * size >= LARGE) use_large_pages(array, room * size);
    return array;
}

void *build_map(struct build *b, void *old, size_t had, size_t bytes)
{
    void *map =
        old ? mremap(old, had, bytes, MREMAP_MAYMOVE)
            : mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (map == MAP_FAILED) longjmp(b->no_memory, 1);
    if (bytes >= LARGE) madvise(map, bytes, MADV_HUGEPAGE); /* it may say no */
    return map;
}

void *build_alloc(struct build *b, size_t size)
{
    struct block *block = b->arena;
    size = (size + 15) & ~(size_t)15;
    if (!block || block->size - block->used < size) {
        size_t room = size > 65536 - sizeof *block ? size : 65536 - sizeof *block;
        block = malloc(sizeof *block + room);
        if (!block) longjmp(b->no_memory, 1);
        *block = (struct block){.older = b->arena, .size = room};
        b->arena = block;
    }
    void *at = block->bytes + block->used;
    block->used += size;
    return memset(at, 0, size);
}

void build_map_put(struct build *b, struct map *m, uint64_t x, uint64_t y, uint32_t value)
{
    if (!map_put(m, x, y, value)) longjmp(b->no_memory, 1);
}

char *build_text(struct build *b, const char *bytes, size_t length)
{
    char *text = build_alloc(b, length + 1);
    memcpy(text, bytes, length);
    return text;
}

char *build_string(struct build *b, ft_ref ref)
{
    size_t length;
    bool cut;
    if (!ref || !ft_reader_find(b->t->reader, ref, FT_STRING)) return NULL;
    const char *bytes = ft_reader_string(b->t->reader, ref, &length, &cut);
    return build_text(b, bytes, length);
}

static char *copy(const struct build *b, ft_ref ref)
{
    size_t length;
    bool cut;
    if (!ft_reader_find(b->t->reader, ref, FT_STRING)) return NULL;
    const char *bytes = ft_reader_string(b->t->reader, ref, &length, &cut);
    return strndup(bytes, length);
}

const char *build_string_once(struct build *b, ft_ref ref)
{
    uint32_t *known = map_get(&b->strings, ref, 0);
    if (known) return b->texts[*known];
    char **texts = reallocarray(b->texts, b->text_count + 1, sizeof *texts);
    if (!texts) return NULL;
    b->texts = texts;
    char *text = copy(b, ref);
    if (!map_put(&b->strings, ref, 0, (uint32_t)b->text_count)) {
        free(text);
        return NULL;
    }
    return b->texts[b->text_count++] = text;
}

char *build_format(struct build *b, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return build_text(b, text, strlen(text));
}

static void free_models(struct build *b)
{
    struct timeline *t = b->t;
    for (size_t i = 0; i < t->process_count; i++) {
        free(t->processes[i].images);
        free(t->processes[i].ghosts);
        free(t->processes[i].dispositions);
    }
    free(t->processes);
    free(t->threads);
    free(t);
}

void build_free(struct build *b)
{
    order_free(b); /* it lies in the arena */
    for (struct block *block = b->arena, *older; block; block = older) {
        older = block->older;
        free(block);
    }
    free(b->tasks), free(b->hiddens), free(b->blinds);
    for (size_t i = 0; i < b->text_count; i++) free(b->texts[i]);
    free(b->texts), map_free(&b->strings), map_free(&b->starts), map_free(&b->early_names);
    map_free(&b->early_blind), map_free(&b->by_greenlet), map_free(&b->early_runs);
    free(b->processes), free(b->threads), free(b->objects), indexes_free(b);
    map_free(&b->by_task), map_free(&b->by_pid), map_free(&b->by_tid);
    map_free(&b->by_pthread), map_free(&b->by_site);
    globals_free(b);
    free(b->sent), map_free(&b->by_sent), map_free(&b->by_lock);
    free(b->bound), events_free(b);
    free_models(b);
    free(b);
}

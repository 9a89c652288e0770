/*
 * answer.c: the lists an answer is made of, and the answer as the library reads
 * it (plan.h).
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "finder.h"

void list_append(struct list *list, const void *items, size_t count)
{
    if (list->count + count > list->room) {
        while (list->count + count > list->room) list->room = list->room ? list->room * 2 : 64;
        list->items = realloc(list->items, list->room * list->each);
        if (!list->items) exit(1);
    }
    if (count) memcpy((char *)list->items + list->count * list->each, items, count * list->each);
    list->count += count;
}

void list_free(struct list *list)
{
    free(list->items);
    list->items = NULL;
    list->count = list->room = 0;
}

uint32_t answer_text(struct answer *a, const char *bytes, size_t length)
{
    uint32_t at = (uint32_t)a->text.count;
    list_append(&a->text, bytes, length);
    list_add(&a->text, "");
    return at;
}

static FILE *out;

static uint32_t put_list(const struct list *list)
{
    while (ftell(out) % 8) fputc(0, out);
    uint32_t at = (uint32_t)ftell(out);
    if (list->count) fwrite(list->items, list->each, list->count, out);
    return at;
}

/* Offsets of text become offsets into the whole. */
static void move_text(struct answer *a, uint32_t by)
{
    struct plan_watch *w = a->watches.items;
    for (size_t i = 0; i < a->watches.count; i++) {
        w[i].watch += by;
        if (w[i].text) w[i].text += by;
        if (w[i].object) w[i].object += by;
    }
    struct plan_global *g = a->globals.items;
    for (size_t i = 0; i < a->globals.count; i++) {
        g[i].name += by;
        if (g[i].object) g[i].object += by;
        if (g[i].names) g[i].names += by;
    }
    struct plan_code *c = a->codes.items;
    for (size_t i = 0; i < a->codes.count; i++) c[i].code += by;
}

bool answer_write(struct answer *a)
{
    struct plan_answer head = {.magic = PLAN_ANSWER};
    char *bytes;
    size_t size;
    if (!(out = open_memstream(&bytes, &size))) return false;
    fwrite(&head, sizeof head, 1, out);
    move_text(a, put_list(&a->text));
#define LIST(name, names) head.names = put_list(&a->names), head.name##_count = (uint32_t)a->names.count
    LIST(watch, watches);
    LIST(global, globals);
    LIST(site, sites);
    LIST(code, codes);
    LIST(patch, patches);
    LIST(fix, fixes);
    LIST(slot, slots);
    if (fclose(out)) return false;
    head.size = (uint32_t)size;
    memcpy(bytes, &head, sizeof head);
    bool written = !ftruncate(PLAN_FD, 0) && pwrite(PLAN_FD, bytes, size, 0) == (ssize_t)size;
    free(bytes);
    struct list *lists[] = {&a->watches, &a->globals, &a->sites, &a->codes,
                            &a->patches, &a->fixes,   &a->slots, &a->text};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) list_free(lists[i]);
    return written;
}

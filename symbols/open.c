/*
 * open.c: finding and opening ELF files, and the cache of those that are open.
 *
 * Files are read, not mapped (ELF_C_READ): one that is replaced in place while
 * we look must not end us with SIGBUS.
 */
#define _GNU_SOURCE
#include "private.h"
#include "spoken.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct symbols *cache;

size_t elf_build_id(Elf *elf, const uint8_t **id)
{
    const void *bytes = NULL;
    ssize_t size = dwelf_elf_gnu_build_id(elf, &bytes);
    *id = bytes;
    return size > 0 ? (size_t)size : 0;
}

static Elf_Cmd how = ELF_C_READ;

void symbols_map_files(void) { how = ELF_C_READ_MMAP; }

bool elf_file_open(struct elf_file *file, const char *path, const uint8_t *build_id, size_t size)
{
    *file = (struct elf_file){.fd = -1};
    if (elf_version(EV_CURRENT) == EV_NONE || path[0] != '/') return false;
    struct stat status;
    file->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (file->fd < 0) return false;
    GElf_Ehdr header;
    const uint8_t *found;
    if (!fstat(file->fd, &status) && S_ISREG(status.st_mode) && status.st_size > 0 &&
        (file->elf = elf_begin(file->fd, how, NULL)) && elf_kind(file->elf) == ELF_K_ELF &&
        gelf_getehdr(file->elf, &header) && (header.e_type == ET_DYN || header.e_type == ET_EXEC) &&
        (!size || (elf_build_id(file->elf, &found) == size && !memcmp(found, build_id, size))))
        return true;
    elf_file_close(file);
    return false;
}

void elf_file_close(struct elf_file *file)
{
    if (file->elf) elf_end(file->elf);
    if (file->fd >= 0) close(file->fd);
    *file = (struct elf_file){.fd = -1};
}

/* Debian's and Fedora's place for what strip took away. */
static void open_debug(struct symbols *s)
{
    const uint8_t *id;
    size_t size = elf_build_id(s->file.elf, &id);
    char path[160];
    s->debug.fd = -1;
    if (size < 2 || size > 64) return;
    int n = snprintf(path, sizeof path, "/usr/lib/debug/.build-id/%02x/", id[0]);
    for (size_t i = 1; i < size; i++) n += snprintf(path + n, sizeof path - (size_t)n, "%02x", id[i]);
    snprintf(path + n, sizeof path - (size_t)n, ".debug");
    elf_file_open(&s->debug, path, id, size);
}

struct symbols *symbols_open(const char *path, const uint8_t *build_id, size_t size)
{
    if (!path || size > sizeof cache->build_id) return NULL;
    for (struct symbols *s = cache; s; s = s->next)
        if (s->build_id_size == size && (!size || !memcmp(s->build_id, build_id, size)) &&
            !strcmp(s->path, path))
            return s->file.elf ? s : NULL;
    struct symbols *s = calloc(1, sizeof *s);
    char *copy = strdup(path);
    if (!s || !copy) {
        free(s);
        free(copy);
        return NULL;
    }
    s->path = copy;
    s->build_id_size = size;
    if (size) memcpy(s->build_id, build_id, size);
    s->file.fd = s->debug.fd = -1;
    if (elf_file_open(&s->file, path, build_id, size)) open_debug(s);
    s->next = cache; /* failures too: they are asked for as often */
    cache = s;
    return s->file.elf ? s : NULL;
}

void symbols_close_all(void)
{
    for (struct symbols *s = cache, *next; s; s = next) {
        next = s->next;
        lines_free(s);
        table_free(s);
        elf_file_close(&s->debug);
        elf_file_close(&s->file);
        free(s->path);
        free(s);
    }
    cache = NULL;
    spoken_free();
}

/*
 * pymodule.c: see pymodule.h. The process goes on meanwhile: what is read may
 * change under our eyes, so nothing of it is used unchecked.
 */
#define _GNU_SOURCE
#include "pymodule.h"

#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "preload/python/layouts.h"
#include "preload/python/plain.h"

enum {                    /* of 3.11 */
       RUNTIME_MAIN = 48, /* interpreters.main */
       KEYS_HEAD = 32,
       KEYS_LOG2_BYTES = 9,
       KEYS_KIND = 10,
       KEYS_COUNT = 24,
       DICT_VERSION = 24 /* ma_version_tag: another with every change */
};
#define ENTRIES   16384 /* of a dict that are looked at */
#define TEXT      PY_FILE
#define TRIES     3
#define HEAD_KEYS 16 /* of a module's dict, before its own names: __name__ ... __builtins__ */

struct process {
    pid_t pid;
    bool torn; /* something could not be read: it has ended, or what we followed has changed */
};

static bool peek(struct process *p, uint64_t address, void *bytes, size_t size)
{
    struct iovec here = {bytes, size}, there = {(void *)(uintptr_t)address, size};
    bool read = process_vm_readv(p->pid, &here, 1, &there, 1, 0) == (ssize_t)size;
    p->torn |= !read;
    return read;
}

static uint64_t word(struct process *p, uint64_t address)
{
    uint64_t value = 0;
    return peek(p, address, &value, sizeof value) ? value : 0;
}

void pymodule_text(uint32_t state, const char *letters, size_t size, size_t length, char *out, size_t room)
{
    unsigned kind = state >> 2 & 7;
    size_t used = 0;
    *out = 0;
    if (!(state >> 5 & 1) || (kind != 1 && kind != 2 && kind != 4)) return;
    for (size_t i = 0; i < length && (i + 1) * kind <= size && used + 5 <= room; i++) {
        uint32_t c = 0;
        memcpy(&c, letters + i * kind, kind);
        used += plain_utf8(c, out + used);
    }
    out[used] = 0;
}

/* A str in UTF-8; "" for anything else. */
static void text_of(struct process *p, uint64_t str, char *out, size_t room)
{
    char head[48], letters[TEXT];
    uint64_t length;
    uint32_t state;
    *out = 0;
    if (!str || !peek(p, str, head, sizeof head)) return;
    memcpy(&length, head + STR_LENGTH, sizeof length);
    memcpy(&state, head + STR_STATE, sizeof state);
    unsigned kind = state >> 2 & 7, ascii = state >> 6 & 1;
    if (!kind || kind > 4) return;
    if (length > TEXT / kind) length = TEXT / kind;
    if (peek(p, str + (ascii ? 48 : 72), letters, length * kind))
        pymodule_text(state, letters, length * kind, length, out, room);
}

struct entry {
    uint64_t key, value;
};

/* A copy of a dict's entries, to be freed; their number, 0 none. */
static size_t entries_of(struct process *p, uint64_t dict, struct entry **out)
{
    uint8_t head[KEYS_HEAD];
    uint64_t keys = word(p, dict + MA_KEYS), count;
    *out = NULL;
    if (!keys || !peek(p, keys, head, sizeof head)) return 0;
    memcpy(&count, head + KEYS_COUNT, sizeof count);
    bool general = !head[KEYS_KIND];
    if (head[KEYS_KIND] > 1 || head[KEYS_LOG2_BYTES] > 40 || !count || count > ENTRIES) return 0;
    size_t words = general ? 3 : 2, size = count * words * sizeof(uint64_t);
    uint64_t at = keys + KEYS_HEAD + (1ull << head[KEYS_LOG2_BYTES]), *raw = malloc(size);
    struct entry *entries = malloc(count * sizeof *entries);
    if (!raw || !entries || !peek(p, at, raw, size)) count = 0;
    for (size_t i = 0; i < count; i++)
        entries[i] = (struct entry){raw[i * words + (general ? 1 : 0)], raw[i * words + (general ? 2 : 1)]};
    free(raw);
    if (count)
        *out = entries;
    else
        free(entries);
    return count;
}

/* What a module's dict begins with; *begun: its code has bound something. */
static void names_of(struct process *p, uint64_t dict, struct py_module *module, bool *begun)
{
    struct entry *entries;
    size_t count = entries_of(p, dict, &entries);
    *module = (struct py_module){.dict = dict};
    *begun = false;
    for (size_t i = 0; i < count && i < HEAD_KEYS; i++) {
        char key[16];
        text_of(p, entries[i].key, key, sizeof key);
        if (strncmp(key, "__", 2)) *begun = true;
        if (!strcmp(key, "__name__")) {
            module->name_object = entries[i].value;
            text_of(p, entries[i].value, module->name, sizeof module->name);
        }
        if (!strcmp(key, "__file__")) text_of(p, entries[i].value, module->file, sizeof module->file);
    }
    free(entries);
}

/* One reading. PY_GONE: of something that changed, or went, meanwhile. */
static enum py_answer look(struct process *p, uint64_t interpreter, uint64_t dict, struct py_module *module)
{
    struct entry *entries;
    bool begun;
    p->torn = false;
    uint64_t table = word(p, interpreter + INTERP_MODULES_311);
    uint64_t version = table ? word(p, table + DICT_VERSION) : 0;
    size_t count = table ? entries_of(p, table, &entries) : 0;
    if (!count) return PY_GONE;
    enum py_answer answer = PY_NO;
    for (size_t i = 0; i < count && answer == PY_NO; i++)
        if (entries[i].value && word(p, entries[i].value + MODULE_DICT) == dict) answer = PY_YES;
    free(entries);
    if (answer == PY_YES) names_of(p, dict, module, &begun);
    bool steady = word(p, table + DICT_VERSION) == version;
    return p->torn || (!steady && answer == PY_NO) ? PY_GONE : answer;
}

enum py_answer pymodule_look(pid_t pid, uint64_t interpreter, uint64_t dict, struct py_module *module)
{
    struct process p = {.pid = pid};
    enum py_answer answer = PY_GONE;
    for (int i = 0; i < TRIES && answer == PY_GONE; i++) answer = look(&p, interpreter, dict, module);
    return answer;
}

enum py_answer pymodule_each(pid_t pid, uint64_t runtime,
                             bool (*wanted)(void *context, const struct py_module *module), void *context)
{
    struct process p = {.pid = pid};
    struct entry *entries;
    struct py_module module;
    uint64_t interpreter, table;
    bool begun;
    if (!peek(&p, runtime + RUNTIME_MAIN, &interpreter, sizeof interpreter)) return PY_GONE;
    if (!interpreter || !(table = word(&p, interpreter + INTERP_MODULES_311)))
        return p.torn ? PY_GONE : PY_NO; /* it is starting */
    size_t count = entries_of(&p, table, &entries);
    enum py_answer answer = PY_NO;
    for (size_t i = 0; i < count; i++) {
        uint64_t dict = entries[i].value ? word(&p, entries[i].value + MODULE_DICT) : 0;
        if (!dict) continue;
        names_of(&p, dict, &module, &begun);
        if (begun && wanted(context, &module)) answer = PY_YES;
    }
    free(entries);
    return answer == PY_NO && p.torn ? PY_GONE : answer;
}

void pymodule_type(pid_t pid, uint64_t type, char *name, size_t room)
{
    struct process p = {.pid = pid};
    uint64_t at = word(&p, type + TYPE_NAME);
    size_t size = room - 1;
    while (size && !(at && peek(&p, at, name, size))) size /= 2; /* it may be the last thing that is mapped */
    name[size] = 0;
}

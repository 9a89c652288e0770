/* pyjudge.c: see pyjudge.h. */
#include "pyjudge.h"

#include <bpf/bpf.h>
#include <stdlib.h>
#include <string.h>

#include "preload/python/plain.h"
#include "pylines.h"

#define BUCKETS 1024

struct pyjudge {
    const char *list;
    int dicts;
    struct py_watched *watched[BUCKETS];
};

struct pyjudge *pyjudge_open(const char *list, int dicts)
{
    struct pyjudge *j = calloc(1, sizeof *j);
    if (j) j->list = list, j->dicts = dicts;
    return j;
}

void pyjudge_close(struct pyjudge *j)
{
    for (size_t i = 0; j && i < BUCKETS; i++)
        for (struct py_watched *m = j->watched[i], *next; m; m = next) next = m->next, free(m);
    free(j);
}

/* --- what is known ------------------------------------------------------------------------------ */

static struct py_watched **place(struct pyjudge *j, uint64_t dict)
{
    return &j->watched[(dict >> 4) % BUCKETS];
}

static const struct py_watched *known(struct pyjudge *j, const struct dict_key *key)
{
    const struct py_watched *m = *place(j, key->dict);
    while (m && memcmp(&m->key, key, sizeof *key)) m = m->next;
    return m;
}

/* Of the process it was forked from: its memory is a copy. */
static const struct py_watched *known_alike(struct pyjudge *j, const struct dict_key *key)
{
    const struct py_watched *m = *place(j, key->dict);
    while (m &&
           (m->key.image != key->image || m->key.dict != key->dict || m->key.name_object != key->name_object))
        m = m->next;
    return m;
}

static const struct py_watched *keep(struct pyjudge *j, const struct dict_key *key, const char *text,
                                     const char *called)
{
    struct py_watched *m = calloc(1, sizeof *m);
    if (!m) return NULL;
    m->key = *key;
    memcpy(m->text, text, strnlen(text, sizeof m->text - 1));
    memcpy(m->called, called, strnlen(called, sizeof m->called - 1));
    m->next = *place(j, key->dict);
    return *place(j, key->dict) = m;
}

static void tell(struct pyjudge *j, const struct dict_key *key, enum verdict verdict)
{
    uint8_t value = (uint8_t)verdict;
    bpf_map_update_elem(j->dicts, key, &value, BPF_ANY);
}

/* --- by name ------------------------------------------------------------------------------------ */

static bool is_listed(const struct pyjudge *j, const struct py_watched *m, const char *name)
{
    return plain_listed(j->list, m->text, name, strlen(name)) ||
           plain_listed(j->list, m->called, name, strlen(name));
}

/* Any name of it. */
static bool is_mentioned(const struct pyjudge *j, const struct py_watched *m)
{
    for (const char *at = j->list; *at; at += strcspn(at, ";"), at += *at == ';') {
        size_t length = strcspn(at, ";"), size = 0;
        while (size < length && at[length - size - 1] != '.') size++;
        if (plain_listed(j->list, m->text, at + length - size, size) ||
            plain_listed(j->list, m->called, at + length - size, size))
            return true;
    }
    return false;
}

/* The library's question: is it a watched module of the program's own? NULL: it is not. */
static const struct py_watched *judge(struct pyjudge *j, const struct dict_key *key, const char *file,
                                      const char *called)
{
    struct py_watched m = {0};
    if (!*file) file = "<string>";
    plain_stem(file, m.text, sizeof m.text);
    memcpy(m.called, called, strnlen(called, sizeof m.called - 1));
    bool ours = plain_own(file, m.called, false) && is_mentioned(j, &m);
    const struct py_watched *kept = ours ? keep(j, key, m.text, m.called) : NULL;
    if (kept || !ours) tell(j, key, ours ? DICT_WATCHED : DICT_OTHER);
    return kept;
}

/* --- what is met -------------------------------------------------------------------------------- */

void pyjudge_met(struct pyjudge *j, const struct event_module *e)
{
    char file[PY_FILE];
    struct dict_key key = e->key; /* the event lies in the ring, which the kernel maps for reading */
    if (known(j, &key)) return;
    size_t size = e->size < sizeof e->file ? e->size : sizeof e->file;
    pymodule_text(e->state, e->file, size, e->length, file, sizeof file);
    judge(j, &key, file, e->name);
}

bool pyjudge_found(struct pyjudge *j, uint64_t image, uint32_t pid, const struct py_module *found)
{
    struct dict_key key = {
        .image = image, .dict = found->dict, .name_object = found->name_object, .pid = pid};
    return known(j, &key) || judge(j, &key, found->file, found->name);
}

/* It is gone, or was too busy to be read: was it one that is watched? */
static bool may_be_watched(const struct pyjudge *j, const struct event_bound *e)
{
    uint32_t line;
    struct py_watched m = {0};
    const char *file = e->flags & BOUND_IN_GLOBALS ? pylines_find(e, &line) : NULL;
    if (file) plain_stem(file, m.text, sizeof m.text);
    memcpy(m.called, e->module, strnlen(e->module, sizeof m.called - 1));
    return is_listed(j, &m, e->name);
}

/* In sys.modules under another name than its own, or it was never put there: as from exec(code, {...}). */
static enum py_judgement look(struct pyjudge *j, const struct event_bound *e, const struct dict_key *key,
                              const struct py_watched **module)
{
    struct py_module found;
    uint32_t line;
    const struct py_watched *alike = known_alike(j, key);
    if (alike) {
        *module = keep(j, key, alike->text, alike->called);
        tell(j, key, DICT_WATCHED);
        return *module ? PY_WATCHED : PY_UNKNOWN;
    }
    switch (pymodule_look((pid_t)key->pid, e->interpreter, key->dict, &found)) {
    case PY_NO: tell(j, key, DICT_UNPROVEN); return PY_OTHER;
    case PY_GONE: return may_be_watched(j, e) ? PY_UNKNOWN : PY_OTHER;
    default: break;
    }
    const char *code = pylines_find(e, &line);
    *module = judge(j, key, *found.file || !code ? found.file : code, *found.name ? found.name : e->module);
    return *module ? PY_WATCHED : PY_OTHER;
}

enum py_judgement pyjudge_bound(struct pyjudge *j, const struct event_bound *e,
                                const struct py_watched **module)
{
    struct dict_key key = {.image = e->image, .dict = e->dict, .name_object = e->name_object, .pid = e->pid};
    *module = known(j, &key);
    if (!*module && e->flags & BOUND_MODULE) return PY_OTHER; /* as it was judged when it was met */
    enum py_judgement judgement = *module ? PY_WATCHED : look(j, e, &key, module);
    if (judgement == PY_WATCHED && !is_listed(j, *module, e->name)) return PY_OTHER;
    return judgement;
}

void pyjudge_over(struct pyjudge *j, uint32_t pid)
{
    for (size_t i = 0; i < BUCKETS; i++)
        for (struct py_watched **at = &j->watched[i], *m; (m = *at);)
            if (m->key.pid == pid)
                *at = m->next, free(m);
            else
                at = &m->next;
}

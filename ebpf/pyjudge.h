/*
 * pyjudge.h: whose globals are in a dict? Judged once a dict and process, by
 * what the probe found in the process itself (EVENT_MODULE); what it could not
 * prove, by a look into the process. The map py_dicts tells the probes to be
 * quiet about the dicts that are not watched.
 */
#ifndef FT_EBPF_PYJUDGE_H
#define FT_EBPF_PYJUDGE_H

#include "pymodule.h"
#include "record.h"

struct py_watched {            /* a module some of whose names are watched, in one process */
    char text[64], called[64]; /* the stem of its file, its __name__ */
    struct py_watched *next;   /* pyjudge's */
    struct dict_key key;
};

/* `list`: of what is watched, "py:app.i;py:shop.*", to be kept; `dicts`: the map. NULL: no memory. */
struct pyjudge;
struct pyjudge *pyjudge_open(const char *list, int dicts);
void pyjudge_close(struct pyjudge *j);

/* A probe has met a module's dict that was not judged yet. */
void pyjudge_met(struct pyjudge *j, const struct event_module *e);

/* A module that was there before the probes were: is it watched? */
bool pyjudge_found(struct pyjudge *j, uint64_t image, uint32_t pid, const struct py_module *found);

enum py_judgement { PY_OTHER, PY_WATCHED, PY_UNKNOWN /* it may have been a watched one: it is lost */ };

/* Is what is bound a watched global? PY_WATCHED: *module, until its process ends. */
enum py_judgement pyjudge_bound(struct pyjudge *j, const struct event_bound *e,
                                const struct py_watched **module);

void pyjudge_over(struct pyjudge *j, uint32_t pid);

#endif

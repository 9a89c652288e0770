/*
 * python.h: writes to watched globals of CPython processes the library is not
 * in: the same records as the library's (FT_PY_WRITE, FT_PY_GLOBAL,
 * FT_PY_VALUE), and a note in each such process that cannot be served.
 */
#ifndef FT_EBPF_PYTHON_H
#define FT_EBPF_PYTHON_H

#include "record.h"
#include "write.h"

/* What `-w` asks for. */
struct python_wishes {
    const char *list;                   /* "py:app.i;counter"; NULL: nothing is watched */
    struct watched_name names[WATCHES]; /* for the probes */
    unsigned count;
    uint64_t lengths;   /* bit n: there is a name of n letters */
    char unserved[256]; /* of Python's globals; "": all are served */
    bool c_globals;     /* there are some in the list */
};
void python_wish(struct python_wishes *wishes, const char *list);

/* What is remembered of a run. NULL: no memory. `dicts`: the map py_dicts. */
struct python *python_open(const struct python_wishes *wishes, int dicts);
void python_close(struct python *p);

void python_code(const struct event_code *e);
void python_module(struct output *o, const struct event_module *e);
void python_bound(struct output *o, const struct event_bound *e, ft_ref task);

/* A process was born by a fork; it ended, or executes. `parent`, `task`: who made it. */
void python_forked(struct output *o, uint32_t parent, uint64_t ns, ft_ref task);
void python_over(struct output *o, uint32_t pid);

/*
 * At `ns` an image begins that the library is not in (`runs`: long ago), or it has mapped a file: `found` is
 * its Python, if any.
 */
struct probes_python;
void python_looked(struct output *o, uint32_t pid, ft_ref task, uint64_t ns, uint64_t image,
                   const struct probes_python *found, bool begins, bool runs);

#endif

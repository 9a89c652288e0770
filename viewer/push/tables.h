/*
 * tables.h: what is pushed: the tables, their columns, and where in the objects
 * of `export --format json` the columns' values are.
 *
 * A value that is one thing is a column, with its JSON name; a list of such is an
 * Array. A list of things with parts (images, ghosts, stacks, writers) stays
 * the JSON it is, in a String, and so do the fields that only some types of events
 * have, in `fields`: as columns they would be a hundred, most of them empty
 * in most rows, and each version would add some.
 *
 * The types are those ClickHouse has had since 2018 (18.16 is what Debian 12 has).
 */
#ifndef PUSH_TABLES_H
#define PUSH_TABLES_H

#include "viewer/export/json.h"

/* One push of one trace. */
struct pushed {
    const struct loaded *loaded;
    const struct findings *findings;
    const char *build; /* --build, "" if not given */
    uint64_t at; /* `pushed` of all its rows: ns since 1970, later than that of any push of the run before */
};

struct column {
    const char *name, *type;
    const char *path; /* "end.how", "images.-1.exe" (the last); "*": all that no other column takes */
};

/* Its rows are in forktrace_pushed_NAME; the view forktrace_NAME shows the last whole push of each run. */
struct table {
    const char *name, *one;
    const struct column *columns; /* up to one without a name; before them come those all have */
    const char *key;              /* what a row of a push is found by; "" : there is one */
    size_t (*count)(const struct pushed *p);
    cJSON *(*object)(const struct pushed *p, size_t i); /* NULL: out of memory */
};

/* In the order in which they are filled: the last row of all is that of `runs`, and makes the push count. */
enum { TABLE_COUNT = 7 };
extern const struct table push_tables[TABLE_COUNT];
/* Those all tables have, and the object their values are in. */
extern const struct column push_common[];
cJSON *push_common_object(const struct pushed *p);
/* Name of the program of a run; "" unknown. */
const char *push_program(const struct timeline *t);
/* How many of its processes run, as far as anybody knows. */
size_t push_running(const struct timeline *t);

#endif

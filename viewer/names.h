/*
 * names.h: what lies at an address of a traced process: function, object, offset.
 *
 * The names come from the ELF files on this machine, if they are still those
 * that ran (build-id). They belong to files nobody vouches for: the texts made
 * here are escaped, the parts in struct named are not.
 */
#ifndef NAMES_H
#define NAMES_H

#include "viewer/timeline/timeline.h"

struct named {
    const char *symbol; /* NULL: unknown; valid until symbols_close_all */
    uint64_t offset;    /* into the symbol */
    const char *path;   /* of the object; NULL: the address belongs to none we know */
    const char *object; /* the path's last part; NULL likewise */
    uint64_t in_object; /* the address in the ELF file */
    uint64_t address;
};

/* false: object+offset instead of names from ELF files, so that what is shown is the same on any machine */
extern bool names_symbols;

#define NAMES_TEXT 256 /* room that is always enough to be useful */

/* The thing at this address: a handler, a start routine, a lock. */
struct named names_at(const struct timeline *t, process_id process, int64_t ns, uint64_t address);
/* Has the object at this address such a section? */
bool names_has_section(const struct timeline *t, process_id process, int64_t ns, uint64_t address,
                       const char *section);
/* The function a return address lies in: that of the call before it. */
struct named names_frame(const struct timeline *t, process_id process, int64_t ns, uint64_t pc);

/* "symbol+0x1f (object)", "object+0x1234", "0x7f12..."; escaped, returns buffer. */
const char *names_text(char *buffer, size_t size, const struct named *n);
/* Without the offset: for calls, where it tells a person nothing. */
const char *names_function(char *buffer, size_t size, const struct named *n);

/*
 * The return address of the call an event is: that of the innermost function that is not the own library of
 * C++ or Rust, of std::thread::thread say; 0: unknown.
 */
uint64_t names_call(const struct timeline *t, const struct event *e);
/*
 * What a thread runs: its start routine. All threads of std::thread have the same one, which is no name: then
 * by the function that made it, "std::thread of app::start". Not escaped. False: it has no name.
 */
bool names_routine(char *buffer, size_t size, const struct timeline *t, thread_id thread);

/* "handler (app.py:12)"; escaped, returns buffer. */
const char *names_python(char *buffer, size_t size, const struct python_function *f);
/* The Python frame that made the call of an event, past Python's own library; false: there is none. */
bool names_python_caller(const struct timeline *t, const struct event *e, struct python_function *caller);
/*
 * Who made the call of an event: the Python line where there is one (past
 * Python's own library), else the C function, with its line if there is DWARF; "" if unknown. Returns buffer.
 */
const char *names_caller(char *buffer, size_t size, const struct timeline *t, const struct event *e);

/* The handler that took a signal (SIGNAL), Python's where Python has it; "" none: the default action.
 * Escaped, returns buffer. */
const char *names_taken_by(char *buffer, size_t size, const struct timeline *t, const struct event *e);

/* What CPython means by waiting for this address: "the GIL", ...; NULL: not one we know. */
const char *names_python_lock(const struct named *n);

/* "app.py:14", "handle (server.c:88)", "handle (server)": where a global was written, by file and line
 * (Python) or the store (C); "" unknown. Escaped, returns buffer. */
const char *names_written(char *buffer, size_t size, const struct timeline *t, const struct copy *c);
/* value_format; a pointer with what it points to. Not escaped; returns buffer. */
const char *names_value(char *buffer, size_t size, const struct timeline *t, const struct copy *c,
                        struct value v);

/* For timeline_build. */
extern const struct timeline_files names_files;

/* The source line of a frame, if there is DWARF. */
bool names_line(const struct timeline *t, process_id process, int64_t ns, uint64_t pc, const char **file,
                int *line);

#endif

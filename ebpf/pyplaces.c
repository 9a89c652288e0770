/*
 * pyplaces.c: see pyplaces.h. Every rebinding ends in `insertdict`, which is
 * static: both exported functions that call it do so by a jump, as their last
 * act. The library finds it in the same way (preload/python/patch.c), but in
 * memory.
 */
#define _GNU_SOURCE
#include "pyplaces.h"

#include <stdio.h>
#include <string.h>

#include "symbols/symbols.h"

#define JUMPS   16
#define LONGEST 4096 /* bytes of a function that are looked through */
#define JUMP    5
#define WORD    8
#define PY_HEX  0x030bu /* 3.11 */

struct jumps {
    uint64_t to[JUMPS];
    unsigned count;
};

/* Every E9 whose target is the begin of another function. */
static void jumps_of(struct symbols *s, const struct symbol *f, struct jumps *jumps)
{
    static uint8_t code[LONGEST];
    size_t size = f->size < LONGEST ? f->size : LONGEST;
    jumps->count = 0;
    if (!symbols_bytes(s, f->start, code, size)) return;
    for (size_t i = 0; i + JUMP <= size && jumps->count < JUMPS; i++) {
        int32_t distance;
        struct symbol target;
        memcpy(&distance, code + i + 1, sizeof distance);
        uint64_t to = f->start + i + JUMP + (uint64_t)(int64_t)distance;
        if (code[i] != 0xe9 || to - f->start < f->size) continue;
        if (symbols_find(s, to, &target) && target.start == to && !target.data && !target.plt)
            jumps->to[jumps->count++] = to;
    }
}

/* The one that binds in an empty dict, which is no module's, is not told apart: it is probed with the other.
 */
static unsigned common(const struct jumps *a, const struct jumps *b, uint64_t *found, unsigned room)
{
    unsigned count = 0;
    for (unsigned i = 0; i < a->count; i++)
        for (unsigned j = 0; j < b->count; j++) {
            bool known = a->to[i] != b->to[j];
            for (unsigned k = 0; k < count; k++) known = known || found[k] == a->to[i];
            if (!known && count < room) found[count++] = a->to[i];
        }
    return count;
}

static bool is_push(const uint8_t *p) { return (*p & 0xf8) == 0x50; }

/* Of an instruction that functions begin with, if it leaves their arguments alone; else 0. */
static unsigned length(const uint8_t *p)
{
    static const uint8_t endbr64[] = {0xf3, 0x0f, 0x1e, 0xfa};
    if (!memcmp(p, endbr64, sizeof endbr64)) return sizeof endbr64;
    if (is_push(p)) return 1;
    if (*p == 0x41 && is_push(p + 1)) return 2;
    bool moves = (*p & 0xf8) == 0x48 && p[1] == 0x89 && p[2] >= 0xc0; /* mov reg, reg */
    unsigned to = (p[2] & 7) | (*p & 1) << 3;
    return moves && (to == 3 || to == 5 || to >= 12) ? 3 : 0; /* rbx, rbp, r12 to r15 */
}

/*
 * The kernel puts a probe into every process that maps the file, steps over
 * the instruction that the file has there, and puts the file's byte back in
 * the end. In processes the library is in, these functions begin with a jump
 * of its own (preload/python/patch.c: 5 bytes, one aligned word), in whose
 * middle they would then go on. So it belongs behind that, and before a
 * register with an argument gets another use: at a push, which the kernel need
 * not single-step, if there is one. 0: there is no such place.
 */
static uint64_t behind_jump(struct symbols *s, uint64_t function)
{
    uint8_t code[40];
    if (!symbols_bytes(s, function, code, sizeof code)) return 0;
    unsigned first = 0;
    for (unsigned at = 0, step; at < sizeof code - 4; at += step) {
        if (at >= WORD && !first) first = at;
        step = length(code + at);
        if (!step) break;
        if (at >= WORD && step <= 2) return function + at;
    }
    return first ? function + first : 0;
}

static bool add(struct py_places *p, struct symbols *s, uint64_t function, bool deletes)
{
    uint64_t offset, at = behind_jump(s, function);
    if (p->count == PY_PLACES || !at || !symbols_file_offset(s, at, &offset)) return false;
    p->offsets[p->count] = offset;
    p->deletes[p->count] = deletes;
    p->file.places[p->count++] = at;
    return true;
}

static void find_types(struct py_places *p, struct symbols *s)
{
    static const char *const names[] = {
#define X(symbol) #symbol,
        PYTHON_TYPES(X)
#undef X
    };
    struct symbol found;
    for (unsigned i = 0; i < PYTHON_TYPE_COUNT; i++)
        if (symbols_address(s, names[i], &found)) p->file.types[i] = found.start;
}

static bool refuse(struct py_places *p, const char *why)
{
    p->count = 0;
    snprintf(p->why, sizeof p->why, "%s", why);
    return true;
}

/*
 * The one for empty dicts makes a table of 2^3 entries first of all (PyDict_LOG_MINSIZE). Where that takes
 * the place of an argument too soon, it is left out: an empty dict is no module's.
 */
static bool is_for_empty(struct symbols *s, uint64_t function)
{
    static const uint8_t three[] = {0xbf, 3, 0, 0, 0}; /* mov $3, %edi */
    uint8_t code[24];
    return symbols_bytes(s, function, code, sizeof code) && memmem(code, sizeof code, three, sizeof three);
}

static bool add_inserts(struct py_places *p, struct symbols *s, const uint64_t *inserts)
{
    unsigned added = 0;
    for (unsigned i = 0; i < 2; i++)
        if (add(p, s, inserts[i], false))
            added++;
        else if (!is_for_empty(s, inserts[i]))
            return false;
    return added > 0;
}

static bool find(struct py_places *p, struct symbols *s)
{
    struct symbol set, hashed, delete, version, runtime;
    struct jumps of_set, of_hashed;
    uint64_t inserts[PY_PLACES];
    uint32_t hex = 0;
    if (!symbols_address(s, "PyDict_SetItem", &set) || set.plt || set.data) return false;
    bool told =
        symbols_address(s, "Py_Version", &version) && symbols_bytes(s, version.start, &hex, sizeof hex);
    if (!told) return refuse(p, "it is older than 3.11");
    if (hex >> 16 != PY_HEX) {
        snprintf(p->why, sizeof p->why, "it is %u.%u", hex >> 24, hex >> 16 & 0xff);
        return true;
    }
#if !defined __x86_64__
    return refuse(p, "only on x86-64 its functions are found");
#endif
    if (!symbols_address(s, "_PyDict_SetItem_KnownHash", &hashed) ||
        !symbols_address(s, "PyDict_DelItem", &delete) || !symbols_address(s, "_PyRuntime", &runtime))
        return refuse(p, "it lacks symbols");
    jumps_of(s, &set, &of_set);
    jumps_of(s, &hashed, &of_hashed);
    unsigned count = common(&of_set, &of_hashed, inserts, PY_PLACES);
    p->file.runtime = runtime.start;
    find_types(p, s);
    if (!p->file.types[IS_PyUnicode_Type] || !p->file.types[IS_PyCode_Type])
        return refuse(p, "it lacks symbols");
    if (count != 2) return refuse(p, "its functions are not as we know them");
    if (!add_inserts(p, s, inserts) || !add(p, s, delete.start, true))
        return refuse(p, "its functions are not where they should be");
    return true;
}

bool pyplaces_find(struct py_places *p, const char *path)
{
    *p = (struct py_places){0};
    struct symbols *s = symbols_open(path, NULL, 0);
    bool python = s && find(p, s);
    symbols_close_all(); /* /proc/PID/exe is another file next time */
    return python;
}

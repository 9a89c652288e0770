/*
 * values.c: what a global is bound to, or what memory holds: told apart, and as
 * a person would write it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "build.h"

static bool in_words(unsigned kind)
{
    return kind == FT_PY_KIND_text || kind == FT_PY_KIND_bytes || kind == FT_PY_KIND_long_int ||
           kind == FT_PY_KIND_object || kind == FT_PY_KIND_type || kind == FT_PY_KIND_sized;
}

struct value value_python(struct build *b, unsigned kind, uint64_t bits)
{
    struct value v = {.kind = (uint8_t)kind, .known = true, .bits = bits};
    if (in_words(kind)) {
        v.text = build_string_once(b, (ft_ref)(kind == FT_PY_KIND_sized ? bits >> 32 : bits));
        if (kind == FT_PY_KIND_sized) v.bits = (uint32_t)bits;
        if (!v.text) v.text = "";
    }
    return v;
}

bool value_same(struct value x, struct value y)
{
    if (x.kind != y.kind || x.known != y.known) return false;
    if (in_words(x.kind) && strcmp(x.text, y.text)) return false;
    if (x.print && y.print && x.print != y.print) return false;
    if (x.kind == FT_PY_KIND_lock) return true; /* made anew after a fork it is still what it was */
    return x.kind == FT_PY_KIND_sized || !in_words(x.kind) ? x.bits == y.bits : true;
}

bool value_is_container(struct value v)
{
    return v.kind == FT_PY_KIND_list || v.kind == FT_PY_KIND_dict || v.kind == FT_PY_KIND_set ||
           v.kind == FT_PY_KIND_sized;
}

/* "collections.deque": what people call a deque. */
static const char *last_word(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot ? dot + 1 : name;
}

/* Of what is longer than 8 bytes: stands for the rest. */
static const char *rest(struct value v, char text[12])
{
    *text = 0;
    if (v.print) snprintf(text, 12, "..#%08" PRIx32, v.print);
    return text;
}

/* Up to 8 characters, in the order of memory. */
static int format_chars(struct value v, char *buffer, size_t size)
{
    char bytes[9] = "", more[12];
    memcpy(bytes, &v.bits, v.size < 8 ? v.size : 8);
    return snprintf(buffer, size, "\"%s\"%s", bytes, rest(v, more));
}

int value_format(struct value v, char *buffer, size_t size)
{
    double number;
    char more[12];
    if (!v.known) return snprintf(buffer, size, "?");
    switch (v.kind) {
    case FT_PY_KIND_unset: return snprintf(buffer, size, "unset");
    case FT_PY_KIND_none: return snprintf(buffer, size, "None");
    case FT_PY_KIND_bool: return snprintf(buffer, size, v.bits ? "True" : "False");
    case FT_PY_KIND_int: return snprintf(buffer, size, "%" PRId64, (int64_t)v.bits);
    case FT_PY_KIND_float:
        memcpy(&number, &v.bits, sizeof number);
        return snprintf(buffer, size, "%.17g", number);
    case FT_PY_KIND_text: return snprintf(buffer, size, "'%s'", v.text);
    case FT_PY_KIND_bytes: return snprintf(buffer, size, "b'%s'", v.text);
    case FT_PY_KIND_long_int: return snprintf(buffer, size, "%s", v.text);
    case FT_PY_KIND_list: return snprintf(buffer, size, "list of %" PRIu64, v.bits);
    case FT_PY_KIND_tuple: return snprintf(buffer, size, "tuple of %" PRIu64, v.bits);
    case FT_PY_KIND_dict: return snprintf(buffer, size, "dict of %" PRIu64, v.bits);
    case FT_PY_KIND_set: return snprintf(buffer, size, "set of %" PRIu64, v.bits);
    case FT_PY_KIND_sized: return snprintf(buffer, size, "%s of %" PRIu64, last_word(v.text), v.bits);
    case FT_PY_KIND_object: return snprintf(buffer, size, "<%s object>", v.text);
    case FT_PY_KIND_type: return snprintf(buffer, size, "<class %s>", v.text);
    case FT_PY_KIND_function: return snprintf(buffer, size, "<function>");
    case FT_PY_KIND_module: return snprintf(buffer, size, "<module>");
    case FT_PY_KIND_lock: return snprintf(buffer, size, "<lock>");
    case FT_PY_KIND_secret: return snprintf(buffer, size, "***");
    case FT_C_KIND_signed: return snprintf(buffer, size, "%" PRId64, (int64_t)v.bits);
    case FT_C_KIND_unsigned: return snprintf(buffer, size, "%" PRIu64, v.bits);
    case FT_C_KIND_boolean: return snprintf(buffer, size, v.bits ? "true" : "false");
    case FT_C_KIND_real:
        memcpy(&number, &v.bits, sizeof number);
        return snprintf(buffer, size, v.size == sizeof(float) ? "%.9g" : "%.17g", number);
    case FT_C_KIND_pointer: return snprintf(buffer, size, v.bits ? "0x%" PRIx64 : "NULL", v.bits);
    case FT_C_KIND_enumeration:
        return v.text ? snprintf(buffer, size, "%.*s", (int)strcspn(v.text, "="), v.text)
                      : snprintf(buffer, size, "%" PRId64, (int64_t)v.bits);
    case FT_C_KIND_chars: return format_chars(v, buffer, size);
    case FT_C_KIND_raw: return snprintf(buffer, size, "0x%0*" PRIx64 "%s", v.size * 2, v.bits, rest(v, more));
    default: return snprintf(buffer, size, "?");
    }
}

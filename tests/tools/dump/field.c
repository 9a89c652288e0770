/*
 * field.c: how one field of a record is printed (field.h).
 */
#include "tests/tools/dump/field.h"

#include <ctype.h>
#include <string.h>

void print_bytes(const char *bytes, size_t length)
{
    putchar('"');
    for (size_t i = 0; i < length && i < 200; i++) {
        unsigned char c = (unsigned char)bytes[i];
        if (isprint(c) && c != '"' && c != '\\')
            putchar(c);
        else
            printf("\\x%02x", c);
    }
    printf("\"%s", length > 200 ? "..." : "");
}

void print_string(const char *label, ft_ref ref)
{
    size_t length;
    bool cut;
    const char *bytes = ft_reader_string(&dump_reader, ref, &length, &cut);
    printf(" %s=%x:", label, ref);
    print_bytes(bytes, length);
    if (cut) printf("(cut)");
}

void print_origin(const struct ft_origin *origin)
{
    printf(" site=%" PRIx64 " stack=%x", origin->site, origin->stack);
    if (origin->py_stack) printf(" py_stack=%x", origin->py_stack);
}

static bool is_text(unsigned kind)
{
    return kind == FT_PY_KIND_text || kind == FT_PY_KIND_bytes || kind == FT_PY_KIND_long_int ||
           (kind >= FT_PY_KIND_object && kind <= FT_PY_KIND_module);
}

void print_value(unsigned kind, uint64_t value)
{
    printf(" %s", NAME_OF(FT_PY_KINDS, kind));
    if (kind == FT_PY_KIND_float) {
        double number;
        memcpy(&number, &value, sizeof number);
        printf(":%.17g", number);
    } else if (is_text(kind))
        print_string("value", (ft_ref)value);
    else if (kind == FT_PY_KIND_sized) {
        print_string("value", (ft_ref)(value >> 32));
        printf(":%u", (uint32_t)value);
    } else
        printf(":%" PRId64, (int64_t)value);
}

void print_span(const char *label, const struct ft_head *head, uint64_t since)
{
    printf(" %s=%" PRId64, label, ft_reader_ns(&dump_reader, head->time) - ft_reader_ns(&dump_reader, since));
}

void print_entries(const struct ft_c_entry *entry, size_t count, const ft_ref *sites)
{
    for (size_t i = 0; i < count; i++) {
        unsigned site = FT_C_STAMP_SITE(entry[i].stamp);
        if (!entry[i].stamp || (sites && site >= FT_PY_SITES)) continue;
        printf(" %" PRIx64 "@", FT_C_STAMP_COUNTER(entry[i].stamp));
        printf(sites ? "%x" : "%u", sites ? sites[site] : site);
        printf("=%" PRIx64, entry[i].value);
    }
}

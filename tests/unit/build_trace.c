/* build_trace.c: the trace itself: begun, ended, read back; and what its records share (build_inside.h). */
#include "build_inside.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct ft_writer build_writer;
static struct ft_interned interned[FT_INTERNED];
static char directory[64], path[96];
static struct ft_reader reader;
static struct timeline *timeline;
static char before[96]; /* of trace_another */

ft_ref record_text(const char *string, ft_ref task)
{
    return ft_string(&build_writer, string, strlen(string), task);
}

ft_ref record_arguments(const char *argv, ft_ref task)
{
    char block[256];
    size_t length = strlen(argv) + 1;
    cr_assert(length <= sizeof block);
    memcpy(block, argv, length);
    for (size_t i = 0; i < length; i++)
        if (block[i] == ' ') block[i] = 0;
    return ft_string(&build_writer, block, length, task);
}

const char *trace_another(void)
{
    cr_assert(!*before);
    snprintf(before, sizeof before, "%s/before", directory);
    cr_assert_eq(rename(path, before), 0);
    memset(&build_writer, 0, sizeof build_writer);
    memset(interned, 0, sizeof interned);
    cr_assert_eq(ft_writer_create(&build_writer, path, 64 << 20, 100), 0);
    build_writer.interned = interned;
    return before;
}

void trace_begin(void)
{
    strcpy(directory, "/tmp/forktrace-unit-XXXXXX");
    cr_assert(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/trace", directory);
    cr_assert_eq(ft_writer_create(&build_writer, path, 64 << 20, 100), 0);
    build_writer.interned = interned;
}

void trace_end(void)
{
    if (timeline) {
        timeline_free(timeline);
        ft_reader_close(&reader);
        timeline = NULL;
    }
    unlink(path);
    if (*before) unlink(before);
    rmdir(directory);
}

const char *trace_path(void) { return path; }
uint64_t trace_now(void) { return ft_now(&build_writer); }

static bool is_alive(void *context, uint32_t pid, uint64_t start_ticks)
{
    for (const uint32_t *alive = context; alive && *alive; alive++)
        if (*alive == pid) return !start_ticks || start_ticks == pid + 1000;
    return false;
}

struct timeline *trace_timeline_of(const struct timeline_files *files)
{
    cr_assert_eq(ft_reader_open(&reader, path, false), FT_READ_OK);
    timeline = timeline_build(&reader, is_alive, NULL, files);
    cr_assert(timeline);
    return timeline;
}

struct timeline *trace_timeline(const uint32_t *alive)
{
    cr_assert_eq(ft_reader_open(&reader, path, false), FT_READ_OK);
    timeline = timeline_build(&reader, is_alive, (void *)(uintptr_t)alive, NULL);
    cr_assert(timeline);
    return timeline;
}

event_id event_number(const struct timeline *t, enum event_type type, size_t n)
{
    for (event_id i = 0; i < t->event_count; i++)
        if (EVENT_AT(t, i)->type == type && !n--) return i;
    cr_assert_fail("no such event");
    return 0;
}

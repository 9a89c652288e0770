/* test_export.c: the JSON of hand-made traces: whole, exact, harmless, every key there. */
#define _GNU_SOURCE
#include <cjson/cJSON.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "build_trace.h"
#include "viewer/export/json.h"

static char *text; /* of the last document */
static size_t size;
static cJSON *parsed;

static void end(void)
{
    cJSON_Delete(parsed);
    free(text);
    trace_end();
}

TestSuite(export, .init = trace_begin, .fini = end);

static cJSON *document(bool (*format)(FILE *, const struct loaded *))
{
    static struct loaded l;
    l.path = trace_path();
    cr_assert_eq(ft_reader_open(&l.reader, l.path, false), FT_READ_OK);
    l.timeline = timeline_build(&l.reader, NULL, NULL, NULL);
    cr_assert(l.timeline);
    FILE *out = open_memstream(&text, &size);
    cr_assert(format(out, &l));
    fclose(out);
    timeline_free(l.timeline);
    ft_reader_close(&l.reader);
    return parsed = format == export_json ? cJSON_Parse(text) : NULL;
}

static void expect_keys(const cJSON *object, const char *keys)
{
    char copy[512];
    cr_assert(cJSON_IsObject(object), "no object for %s", keys);
    strcpy(copy, keys);
    for (char *key = strtok(copy, " "); key; key = strtok(NULL, " "))
        cr_expect(cJSON_GetObjectItemCaseSensitive(object, key), "no \"%s\"", key);
}

/* The keys of each type: README's and everybody's scripts' contract. */
static const struct {
    const char *type, *keys;
} own_keys[] = {
    {"fork", "api child errno"},
    {"exec", "image path"},
    {"exec-failed", "path errno"},
    {"exit", "api status"},
    {"wait", "child how status signal"},
    {"thread-create", "child errno"},
    {"thread-start", ""},
    {"thread-end", ""},
    {"thread-name", "name"},
    {"sigaction", "api signal old new flags mask"},
    {"sigmask", "how old new"},
    {"kill", "api signal target target_pid errno"},
    {"lock-wait", "lock owner owner_tid owner_alive_here waited_ns timed"},
    {"lock-held", "lock"},
};

static unsigned long long expect_event(const cJSON *event)
{
    const char *type = cJSON_GetStringValue(cJSON_GetObjectItem(event, "type"));
    expect_keys(event, "i ns process thread image type inferred stack");
    cr_assert(type);
    for (size_t i = 0; i < sizeof own_keys / sizeof *own_keys; i++) {
        if (strcmp(own_keys[i].type, type)) continue;
        expect_keys(event, own_keys[i].keys);
        return 1ull << i;
    }
    cr_expect_fail("an event of type %s", type);
    return 0;
}

static void one_of_everything(void)
{
    ft_ref root = trace_image_masks(100, 1, FT_BIRTH_ROOT, "prog a\033[31m\xe2\x80\xae\xff", 1, 2, 0);
    ft_ref thread = trace_thread_at(root, 100, 101, 0x7000);
    trace_thread_name(root, 0x7000, "tick\"er\\");
    trace_sigaction(root, SIGTERM, 0, 0x5000);
    trace_sigaction(root, SIGHUP, 1, 0);
    trace_sigmask(root, 0, 1ull << 63);
    ft_ref child = trace_fork(root, FT_FORK_fork, 110);
    trace_held(root, child, thread, 0x9000);
    trace_child(child, 110);
    trace_waiting(child, 0xfedcba9876543210, 101);
    trace_exec(child, "/nowhere");
    trace_exec_failed(child, "/nowhere", 2);
    trace_kill(root, FT_KILL_kill, 110, SIGKILL);
    trace_reap(root, 110, SIGKILL);
    trace_image(120, 100, FT_BIRTH_EXEC, "stranger");
    trace_exec(root, "/bin/next");
    root = trace_image(100, 1, FT_BIRTH_EXEC, "next");
    trace_thread_end(trace_thread_at(root, 100, 102, 0x8000), FT_THREAD_END_returned);
    trace_exit(root, FT_EXIT_end, 3);
}

Test(export, json_has_every_key_of_the_schema)
{
    one_of_everything();
    cJSON *json = document(export_json), *item;
    cr_assert(json, "not JSON: %s", text);
    expect_keys(json, "schema run_id host clock wait_threshold_ms sources complete lost processes threads "
                      "events globals findings");
    cr_expect_str_eq(cJSON_GetStringValue(cJSON_GetObjectItem(json, "schema")), "forktrace-timeline/1");
    cJSON_ArrayForEach(item, cJSON_GetObjectItem(json, "processes")) expect_keys(
        item, "id pid ppid parent created_by origin start_ns end_ns end reaped_by role images ghosts signals "
              "mask_at_birth coverage coverage_reason");
    cJSON_ArrayForEach(item, cJSON_GetObjectItem(json, "threads"))
        expect_keys(item, "id process tid name python_name kind created_by created_at start_routine start_ns "
                          "end_ns end cpu_ns");
    unsigned long long seen = 0;
    int i = 0;
    cJSON_ArrayForEach(item, cJSON_GetObjectItem(json, "events"))
    {
        seen |= expect_event(item);
        cr_expect_eq(cJSON_GetNumberValue(cJSON_GetObjectItem(item, "i")), i++);
    }
    cr_expect_eq(seen, (1ull << sizeof own_keys / sizeof *own_keys) - 1, "types not in the test: %llx",
                 ~seen);
}

Test(export, strings_are_harmless_and_exact)
{
    one_of_everything();
    cJSON *json = document(export_json);
    cr_assert(json);
    for (const char *c = text; *c; c++)
        cr_assert(*c == '\n' || (unsigned char)*c >= 0x20, "a control character");
    cr_expect_null(strstr(text, "\xe2\x80\xae"), "a bidi override");
    cJSON *image = cJSON_GetArrayItem(
        cJSON_GetObjectItem(cJSON_GetArrayItem(cJSON_GetObjectItem(json, "processes"), 0), "images"), 0);
    cr_expect_str_eq(cJSON_GetStringValue(cJSON_GetArrayItem(cJSON_GetObjectItem(image, "argv"), 1)),
                     "a\033[31m\xe2\x80\xae\xef\xbf\xbd");
    cr_expect(strstr(text, "\"tick\\\"er\\\\\""));
    cr_expect(strstr(text, "\"0xfedcba9876543210\""));
    cr_expect(strstr(text, "\"SIGRTMAX\"") || strstr(text, "\"SIGRTMIN+30\""));
}

Test(export, ndjson_is_an_object_a_line)
{
    one_of_everything();
    document(export_ndjson);
    const char *kinds[] = {"trace", "process", "thread", "event"};
    size_t counts[4] = {0};
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        cJSON *json = cJSON_Parse(line);
        cr_assert(json, "not JSON: %s", line);
        const char *kind = cJSON_GetStringValue(cJSON_GetObjectItem(json, "object"));
        for (int i = 0; i < 4; i++) counts[i] += kind && !strcmp(kind, kinds[i]);
        cJSON_Delete(json);
    }
    cr_expect_eq(counts[0], 1);
    cr_expect_eq(counts[1], 3);
    cr_expect_eq(counts[2], 5);
    cr_expect_gt(counts[3], 15);
}

static bool has(const char *bytes) { return memmem(text, size, bytes, strlen(bytes)); }

Test(export, perfetto_has_names_that_are_harmless)
{
    one_of_everything();
    document(export_perfetto);
    cr_assert_gt(size, 100);
    cr_expect_eq(text[0], 0x0a, "Trace.packet");
    cr_expect_not(has("\033[31m") || has("\xe2\x80\xae") || has("a\xff"), "what acts on a terminal");
    cr_expect(has("a\\x1b[31m\\u{202e}\\xff"), "the same to be read");
    cr_expect(has("tick\"er\\"));
    const char *categories[] = {"process", "thread",      "image", "ghost",
                                "fork",    "exec-failed", "kill",  "lock-wait"};
    for (size_t i = 0; i < sizeof categories / sizeof *categories; i++)
        cr_expect(has(categories[i]), "no %s", categories[i]);
}

Test(export, otlp_is_a_request_a_line)
{
    one_of_everything();
    document(export_otlp);
    for (size_t i = 0; i < size; i++) cr_assert(text[i] == '\n' || (unsigned char)text[i] >= 0x20);
    size_t resources = 0, spans = 0;
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        cJSON *json = cJSON_Parse(line), *resource;
        cr_assert(json, "not JSON: %s", line);
        cJSON_ArrayForEach(resource, cJSON_GetObjectItem(json, "resourceSpans"))
        {
            cJSON *scope = cJSON_GetArrayItem(cJSON_GetObjectItem(resource, "scopeSpans"), 0);
            spans += (size_t)cJSON_GetArraySize(cJSON_GetObjectItem(scope, "spans"));
            resources++;
        }
        cJSON_Delete(json);
    }
    cr_expect_eq(resources, 3);
    cr_expect_eq(spans, 3 + 2 + 4 + 1, "processes, other threads, images, waits: %zu", spans);
}

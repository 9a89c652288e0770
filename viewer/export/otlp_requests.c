/*
 * otlp_requests.c: spans into requests, a request a line: what a collector takes
 * in one POST, and its otlpjsonfile receiver reads from a file. A process is a
 * resource; a request that gets long ends, and the next goes on with the process.
 */
#include <inttypes.h>
#include <string.h>

#include "otlp.h"
#include "viewer/command.h"
#include "viewer/text.h"

/* A collector takes 20 MiB over HTTP and 4 MiB over gRPC, unless it is told otherwise: well below both. */
enum { REQUEST = 1 << 20 };

/* --- ids ------------------------------------------------------------------------------------------ */

/* splitmix64's last step: one to one, so that ids differ as what they are made from does. */
static uint64_t mixed(uint64_t x)
{
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

/* Only 0 becomes 0. */
uint64_t otlp_id(enum otlp_thing kind, uint32_t id, uint32_t index)
{
    return mixed((uint64_t)(kind + 1) << 56 | (uint64_t)(index & 0xffffff) << 32 | id);
}

uint64_t otlp_thread(const struct timeline *t, thread_id thread)
{
    if (thread >= t->thread_count) return 0;
    const struct thread *th = &t->threads[thread];
    return th->is_main ? otlp_id(OTLP_PROCESS, th->process, 0) : otlp_id(OTLP_THREAD, thread, 0);
}

void otlp_put_span_id(cJSON *object, const char *key, uint64_t id)
{
    char text[20];
    snprintf(text, sizeof text, "%016" PRIx64, id);
    if (id) cJSON_AddStringToObject(object, key, text);
}

void otlp_put_trace_id(cJSON *object, const struct loaded *l)
{
    char text[33];
    for (int i = 0; i < 16; i++) snprintf(text + 2 * i, 3, "%02x", l->reader.header->run_id[i]);
    if (strspn(text, "0") == 32) text[31] = '1'; /* none is invalid */
    cJSON_AddStringToObject(object, "traceId", text);
}

void otlp_put_time(cJSON *object, const char *key, const struct timeline *t, int64_t ns)
{
    char text[32];
    snprintf(text, sizeof text, "%" PRIu64, (uint64_t)t->realtime + (uint64_t)ns);
    cJSON_AddStringToObject(object, key, text);
}

/* --- resources ------------------------------------------------------------------------------------ */

static void put_padded(cJSON *attributes, const char *key, const char *bytes, size_t room)
{
    char text[128] = "";
    memcpy(text, bytes, strnlen(bytes, room < sizeof text ? room : sizeof text - 1));
    if (*text) otlp_put_text(attributes, key, text);
}

/* As the conventions spell what they have a word for. */
static void put_arch(cJSON *attributes, const struct ft_header *h)
{
    static const char *const words[][2] = {{"x86_64", "amd64"}, {"aarch64", "arm64"}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (!strncmp(h->arch, words[i][0], sizeof h->arch))
            otlp_put_text(attributes, "host.arch", words[i][1]);
}

static cJSON *resource(const struct loaded *l, process_id id)
{
    const struct process *p = &l->timeline->processes[id];
    const struct ft_header *h = l->reader.header;
    const struct image *image = p->image_count ? &p->images[p->image_count - 1] : NULL;
    const char *slash = image && image->exe ? strrchr(image->exe, '/') : NULL;
    const char *name = p->program ? p->program : slash && slash[1] ? slash + 1 : "unknown_service";
    cJSON *r = cJSON_CreateObject(), *attributes = cJSON_AddArrayToObject(r, "attributes");
    char instance[48] = "";
    for (int i = 0; i < 16; i++) snprintf(instance + 2 * i, 3, "%02x", h->run_id[i]);
    snprintf(instance + 32, sizeof instance - 32, "/p%u", id);
    otlp_put_text(attributes, "service.name", name);
    otlp_put_text(attributes, "service.instance.id", instance);
    if (p->pid) otlp_put_int(attributes, "process.pid", p->pid);
    if (p->ppid) otlp_put_int(attributes, "process.parent_pid", p->ppid);
    if (image) otlp_put_image(attributes, image);
    put_padded(attributes, "host.name", h->host, sizeof h->host);
    put_arch(attributes, h);
    otlp_put_text(attributes, "os.type", "linux");
    put_padded(attributes, "os.description", h->kernel, sizeof h->kernel);
    return r;
}

/* --- requests ------------------------------------------------------------------------------------- */

static void end_process(struct otlp_requests *r)
{
    if (r->process != NONE) fputs("]}]}", r->out);
    r->process = NONE;
}

void otlp_end(struct otlp_requests *r)
{
    end_process(r);
    if (r->size) fputs("]}\n", r->out);
    r->size = 0;
}

static bool put(struct otlp_requests *r, cJSON *object)
{
    char *text = cJSON_PrintUnformatted(object);
    cJSON_Delete(object);
    if (!text) return false;
    fputs(text, r->out);
    r->size += strlen(text);
    cJSON_free(text);
    return true;
}

static bool begin_process(struct otlp_requests *r, process_id p)
{
    end_process(r);
    fputs(r->size ? ",{\"resource\":" : "{\"resourceSpans\":[{\"resource\":", r->out);
    r->size++;
    r->process = p;
    r->any = false;
    bool ok = put(r, resource(r->l, p));
    fputs(",\"scopeSpans\":[{\"scope\":{\"name\":\"forktrace\",\"version\":\"" FORKTRACE_VERSION
          "\"},\"spans\":[",
          r->out);
    return ok;
}

/* All of a span but its events, which may be many and are text already: they follow it. */
static cJSON *span(const struct otlp_requests *r, const struct otlp_span *s)
{
    enum { SPAN_KIND_INTERNAL = 1, STATUS_CODE_ERROR = 2 };
    const struct timeline *t = r->l->timeline;
    cJSON *object = cJSON_CreateObject();
    otlp_put_trace_id(object, r->l);
    otlp_put_span_id(object, "spanId", s->id);
    otlp_put_span_id(object, "parentSpanId", s->parent);
    json_string(object, "name", s->name);
    json_int(object, "kind", SPAN_KIND_INTERNAL);
    otlp_put_time(object, "startTimeUnixNano", t, s->start);
    otlp_put_time(object, "endTimeUnixNano", t, s->end > s->start ? s->end : s->start);
    if (s->attributes) cJSON_AddItemToObject(object, "attributes", s->attributes);
    if (s->links) cJSON_AddItemToObject(object, "links", s->links);
    cJSON *status = cJSON_AddObjectToObject(object, "status");
    if (s->error) json_int(status, "code", STATUS_CODE_ERROR), json_string(status, "message", s->error);
    return object;
}

bool otlp_write(struct otlp_requests *r, const struct otlp_span *s)
{
    if (r->size > REQUEST) otlp_end(r);
    bool begun = s->process == r->process || begin_process(r, s->process);
    cJSON *object = span(r, s);
    char *text = begun ? cJSON_PrintUnformatted(object) : NULL;
    cJSON_Delete(object);
    if (!text) return false;
    size_t length = strlen(text) - 1; /* without its last brace */
    fprintf(r->out, "%s%.*s,\"events\":[", r->any ? "," : "", (int)length, text);
    for (size_t i = 0; i < s->count; i++) {
        fprintf(r->out, "%s%s", i ? "," : "", s->events[i]);
        length += strlen(s->events[i]) + 1;
    }
    fputs("]}", r->out);
    r->size += length;
    r->any = true;
    cJSON_free(text);
    return true;
}

/*
 * send.c: the tables made, a run asked for, and its rows sent in batches: one batch is
 * in memory, however large the trace.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "rows.h"
#include "send.h"
#include "viewer/command.h"
#include "viewer/text.h"

#define BATCH                                                                                    \
    (8l << 20) /* some ten thousand events: ClickHouse makes a file of each column of each batch \
                */

static uint64_t now(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static int no_memory(void) { return command_error("push", "out of memory"); }

/* --- statements ------------------------------------------------------------------------------- */

struct statement {
    char *text;
    size_t size;
    FILE *out;
};

static FILE *begin(struct statement *q)
{
    *q = (struct statement){0};
    return q->out = open_memstream(&q->text, &q->size);
}

/* A string of SQL. */
static void put_sql(FILE *out, const char *string)
{
    fputc('\'', out);
    for (; *string; string++) fprintf(out, *string == '\'' || *string == '\\' ? "\\%c" : "%c", *string);
    fputc('\'', out);
}

static int ask(struct server *s, struct statement *q, char *line, size_t room)
{
    int error = fclose(q->out) ? no_memory() : server_ask(s, q->text, line, room);
    free(q->text);
    return error;
}

static int not_clickhouse(const struct server *s, const char *line)
{
    char words[100];
    text_escape(words, sizeof words, line, strlen(line));
    return command_error(s->shown, "that is not ClickHouse: it answers '%s'", words);
}

/* --- the tables ------------------------------------------------------------------------------- */

static int create(struct server *s, void (*put)(FILE *out, const struct table *table))
{
    int error = 0;
    for (const struct table *t = push_tables; !error && t < push_tables + TABLE_COUNT; t++) {
        struct statement q;
        if (!begin(&q)) return no_memory();
        put(q.out, t);
        error = fclose(q.out) ? no_memory() : server_send(s, q.text, NULL, 0);
        free(q.text);
    }
    return error;
}

/* Who may only insert does not have to be allowed to create what is there. */
int send_tables(struct server *s)
{
    struct statement q;
    char line[256];
    unsigned major, there;
    if (!begin(&q)) return no_memory();
    fputs("SELECT version(), count() FROM system.tables WHERE database = currentDatabase() AND name IN (''",
          q.out);
    for (const struct table *t = push_tables; t < push_tables + TABLE_COUNT; t++)
        fprintf(q.out, ", 'forktrace_%s', 'forktrace_pushed_%s'", t->name, t->name);
    fputs(")", q.out);
    int error = ask(s, &q, line, sizeof line);
    if (error) return error;
    if (sscanf(line, "%u.%*[^\t]\t%u", &major, &there) != 2) return not_clickhouse(s, line);
    if (there == 2 * TABLE_COUNT) return 0;
    error = create(s, rows_create_table);
    return error ? error : create(s, rows_create_view);
}

/* --- is it there? ----------------------------------------------------------------------------- */

/* *last: the number of its last push, 0: there was none; *same: and that is what we have. */
static int ask_run(struct server *s, const struct pushed *p, uint64_t *last, bool *same)
{
    const struct timeline *t = p->loaded->timeline;
    struct statement q;
    char line[128];
    uint64_t alike;
    if (!begin(&q)) return no_memory();
    fputs("SELECT max(pushed), countIf(forktrace = '" FORKTRACE_VERSION "' AND build = ", q.out);
    put_sql(q.out, p->build);
    fprintf(q.out, " AND complete = %d AND duration_ns = %" PRId64 " AND running = %zu", t->complete, t->end,
            push_running(t)); /* SIGKILL ends them without a record more */
    for (const struct table *table = push_tables; table < push_tables + TABLE_COUNT - 1; table++)
        fprintf(q.out, " AND %s = %zu", table->name, table->count(p));
    fputs(") FROM forktrace_runs WHERE run_id = '", q.out);
    for (int i = 0; i < 16; i++) fprintf(q.out, "%02x", p->loaded->reader.header->run_id[i]);
    fputs("'", q.out);
    int error = ask(s, &q, line, sizeof line);
    if (!error && sscanf(line, "%" SCNu64 "\t%" SCNu64, last, &alike) != 2) error = not_clickhouse(s, line);
    *same = !error && alike;
    return error;
}

/* --- rows ------------------------------------------------------------------------------------- */

struct sending {
    struct server *server;
    const struct pushed *pushed;
    char *common;
    struct statement rows; /* the batch */
    size_t all, made, sent;
    uint64_t begun, told;
};

/* On a terminal, when it takes longer than a second. */
static void progress(struct sending *x, bool done)
{
    uint64_t ns = now(CLOCK_MONOTONIC);
    if (done ? x->told : ns - x->begun > 1000000000 && ns - x->told > 100000000 && isatty(STDERR_FILENO)) {
        fputs("\r\033[K", stderr);
        if (!done) {
            fputs("forktrace: ", stderr);
            text_put(stderr, x->pushed->loaded->path);
            fprintf(stderr, ": %zu of %zu rows", x->sent, x->all);
        }
        fflush(stderr);
        x->told = ns;
    }
}

static int send_batch(struct sending *x, const struct table *table)
{
    char insert[96];
    snprintf(insert, sizeof insert, "INSERT INTO forktrace_pushed_%s FORMAT JSONEachRow", table->name);
    if (fflush(x->rows.out)) return no_memory();
    int error = x->rows.size ? server_send(x->server, insert, x->rows.text, x->rows.size) : 0;
    if (!error) x->sent = x->made;
    rewind(x->rows.out);
    return error;
}

static int send_table(struct sending *x, const struct table *table)
{
    size_t count = table->count(x->pushed);
    int error = 0;
    for (size_t i = 0; !error && i < count; i++) {
        cJSON *object = table->object(x->pushed, i);
        if (!object) return no_memory();
        rows_put(x->rows.out, x->common, table, object);
        cJSON_Delete(object);
        x->made++;
        if (ftell(x->rows.out) >= BATCH) error = send_batch(x, table);
        if (!(x->made & 255)) progress(x, false);
    }
    return error ? error : send_batch(x, table);
}

static int send_rows(struct server *s, const struct pushed *p)
{
    struct sending x = {.server = s, .pushed = p, .common = rows_common(p), .begun = now(CLOCK_MONOTONIC)};
    int error = x.common && begin(&x.rows) ? 0 : no_memory();
    for (size_t i = 0; i < TABLE_COUNT; i++) x.all += push_tables[i].count(p);
    for (size_t i = 0; !error && i < TABLE_COUNT; i++) error = send_table(&x, &push_tables[i]);
    progress(&x, true);
    if (x.rows.out) fclose(x.rows.out);
    free(x.rows.text);
    free(x.common);
    json_frames_forget();
    if (error)
        command_error(p->loaded->path,
                      "%zu of %zu rows have arrived; none is shown before all have: push it again", x.sent,
                      x.all);
    return error;
}

/* --- a trace ---------------------------------------------------------------------------------- */

static void tell(const struct pushed *p, const char *what)
{
    text_put(stdout, p->loaded->path);
    printf(": %s: ", what);
    for (const struct table *t = push_tables; t < push_tables + TABLE_COUNT - 1; t++)
        printf("%s%zu %s", t == push_tables ? "" : ", ", t->count(p), t->count(p) == 1 ? t->one : t->name);
    putchar('\n');
    fflush(stdout);
}

int send_trace(struct server *s, const struct loaded *l, const char *build, bool again)
{
    struct findings *f = findings_find(l->timeline);
    if (!f) return no_memory();
    struct pushed p = {.loaded = l, .findings = f, .build = build, .at = now(CLOCK_REALTIME)};
    uint64_t last = 0;
    bool same = false;
    int error = ask_run(s, &p, &last, &same);
    if (p.at <= last) p.at = last + 1; /* pushed by a host whose clock is ahead of ours */
    if (!error && (!same || again)) error = send_rows(s, &p);
    if (!error) tell(&p, same && !again ? "is there already" : last ? "pushed again" : "pushed");
    findings_free(f);
    return error;
}

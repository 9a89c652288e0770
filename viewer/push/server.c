/*
 * server.c: requests to ClickHouse's HTTP interface, and its errors in words.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http.h"
#include "server.h"
#include "viewer/command.h"
#include "viewer/text.h"

#define TRY "http://[USER[:PASSWORD]@]HOST:8123/DATABASE"

/* --- where and who ---------------------------------------------------------------------------- */

/* Takes database, user and password out of "a=b&c=d", ClickHouse's own spelling of them; the others are its
 * settings and stay. */
static bool take_parameters(struct http_url *u, char **database, char **settings)
{
    char *query = u->query ? u->query : "";
    size_t used = 0;
    bool ok = (*settings = calloc(1, strlen(query) + 2)) != NULL;
    for (char *at = query; ok && *at; at += strcspn(at, "&"), at += *at == '&') {
        size_t length = strcspn(at, "&"), name = strcspn(at, "=&");
        char **own = name == 8 && !memcmp(at, "database", 8)   ? database
                     : name == 4 && !memcmp(at, "user", 4)     ? &u->user
                     : name == 8 && !memcmp(at, "password", 8) ? &u->password
                                                               : NULL;
        if (own) {
            free(*own);
            size_t value = name < length ? name + 1 : length;
            ok = (*own = http_decode(at + value, length - value)) != NULL;
        } else if (length) {
            used += (size_t)sprintf(*settings + used, "%.*s&", (int)length, at);
        }
    }
    return ok;
}

/* The path names the database, unless a parameter does: then it leads through a proxy. */
static bool settle(struct server *s, struct http_url *u)
{
    char *settings = NULL, *database = NULL;
    bool ok = take_parameters(u, &s->database, &settings);
    char *path = u->path;
    if (ok && !s->database) {
        for (size_t n = strlen(path); n > 1 && path[n - 1] == '/'; n--) path[n - 1] = 0;
        ok = *path == '/' && !strchr(path + 1, '/');
        if (ok && path[1]) ok = (s->database = http_decode(path + 1, strlen(path + 1))) != NULL;
        path = "/";
    }
    ok = ok && (database = http_encode(s->database ? s->database : ""));
    ok = ok &&
         asprintf(&s->shown, "%s%s%s", u->bare, s->database ? "/" : "", s->database ? s->database : "") > 0;
    ok = ok && asprintf(&s->base, "%s%s?%s%s%s%s", u->bare, path, settings, s->database ? "database=" : "",
                        database, s->database ? "&" : "") > 0;
    free(database);
    free(settings);
    return ok;
}

/* What the URL does not say is where ClickHouse's own client looks for it. */
static const char *or_variable(const char *value, const char *variable)
{
    const char *set = getenv(variable);
    return value && *value ? value : set && *set ? set : NULL;
}

int server_open(struct server *s, const char *url)
{
    struct http_url u;
    *s = (struct server){0};
    if (!http_load())
        return command_error("libcurl.so.4", "is not installed, and push needs it: apt-get install libcurl4");
    if (!strstr(url, "://"))
        return command_usage("push", "--clickhouse: a URL begins with http:// or https://: " TRY);
    if (!http_parse(&u, url)) return command_usage("push", "--clickhouse: that is no URL: " TRY);
    bool ok = settle(s, &u);
    const char *user = or_variable(u.user, "CLICKHOUSE_USER");
    const char *password = or_variable(u.password, "CLICKHOUSE_PASSWORD");
    if (password && !user) user = "default";
    if (ok) s->http = http_open(user, user && !password ? "" : password);
    http_forget(&u);
    if (!ok)
        return server_close(s), command_usage("push", "--clickhouse: that is no URL of a database: " TRY);
    if (!s->http) return server_close(s), command_error("push", "out of memory");
    return 0;
}

void server_close(struct server *s)
{
    http_close(s->http);
    free(s->shown);
    free(s->base);
    free(s->database);
    *s = (struct server){0};
}

/* --- what is wrong ---------------------------------------------------------------------------- */

static int unreachable(const struct server *s, enum http_failure failure, const struct http_answer *a)
{
    char why[512];
    text_escape(why, sizeof why, a->why, strlen(a->why));
    switch (failure) {
    case HTTP_NO_HOST: return command_error(s->shown, "there is no such host: is the name right?");
    case HTTP_REFUSED:
        return command_error(s->shown,
                             "nobody answers there: is the server running, and is that its HTTP port"
                             " (usually 8123, of https 8443)?");
    case HTTP_SILENT: return command_error(s->shown, "no answer in time: %s: try again later", why);
    case HTTP_UNTRUSTED:
        return command_error(s->shown,
                             "its certificate is not trusted: %s: CURL_CA_BUNDLE names a file with that of"
                             " its authority",
                             why);
    case HTTP_NO_TLS: return command_error(s->shown, "no TLS is spoken there: %s: is it http://?", why);
    default:
        return command_error(s->shown,
                             "the connection broke: %s: is it http or https, and does the server run?", why);
    }
}

/* "Code: 81, e.displayText() = DB::Exception: Database x doesn't exist, e.what() = ..." (18.16), "Code: 81.
 * DB::Exception: Database x does not exist. (UNKNOWN_DATABASE) (version ...)": the first line of the
 * sentence. */
static const char *sentence(char *words, size_t room, const struct http_answer *a)
{
    const char *text = a->text, *mark = "DB::Exception: ", *found = strstr(text, mark);
    if (found) text = found + strlen(mark);
    size_t length = strcspn(text, "\r\n");
    const char *what = memmem(text, length, ", e.what() = ", 13);
    if (what) length = (size_t)(what - text);
    if (length && text[length - 1] == '.') length--;
    text_escape(words, room, text, length);
    return *words ? words : "it does not say why";
}

static int refused(const struct server *s, const struct http_answer *a)
{
    enum {
        NO_SUCH_COLUMN = 16,
        UNKNOWN_IDENTIFIER = 47,
        UNKNOWN_DATABASE = 81,
        UNKNOWN_FIELD = 117,
        READONLY = 164,
        UNKNOWN_USER = 192,
        WRONG_PASSWORD,
        REQUIRED_PASSWORD,
        ACCESS_DENIED = 497,
        AUTHENTICATION_FAILED = 516
    };
    char words[400];
    int code = 0;
    bool own = sscanf(a->text, "Code: %d", &code) == 1;
    sentence(words, sizeof words, a);
    switch (code) {
    case UNKNOWN_DATABASE:
        return command_error(s->shown, "%s: CREATE DATABASE first, or name another in the URL", words);
    case NO_SUCH_COLUMN:
    case UNKNOWN_IDENTIFIER:
    case UNKNOWN_FIELD:
        return command_error(
            s->shown,
            "%s: another version of forktrace made the tables there: name another database, or"
            " ALTER TABLE ... ADD COLUMN (push --help lists them) and drop the views",
            words);
    case READONLY:
    case ACCESS_DENIED:
        return command_error(s->shown,
                             "%s: push needs CREATE TABLE and CREATE VIEW there once, then INSERT and SELECT",
                             words);
    case UNKNOWN_USER:
    case WRONG_PASSWORD:
    case REQUIRED_PASSWORD:
    case AUTHENTICATION_FAILED: break;
    default:
        if (own) return command_error(s->shown, "the server says: %s (code %d)", words, code);
        if (a->status == 401 || a->status == 403) break;
        if (a->status >= 300 && a->status < 400)
            return command_error(s->shown, "HTTP status %ld: it redirects: name the place itself", a->status);
        return command_error(s->shown, "HTTP status %ld: %s: is ClickHouse's HTTP interface there?",
                             a->status, words);
    }
    return command_error(s->shown,
                         "%s: the user or the password is not right: they are in the URL, or in"
                         " CLICKHOUSE_USER and CLICKHOUSE_PASSWORD",
                         words);
}

/* --- asking ----------------------------------------------------------------------------------- */

/* An error can come after the status has gone out: then it is what the server says. */
static bool went_well(const struct http_answer *a)
{
    return a->status == 200 && strncmp(a->text, "Code: ", 6) != 0;
}

/* `query` in the URL, where the data follow in the body; else it is the body. */
static int request(struct server *s, const char *query, const char *body, size_t length,
                   struct http_answer *a)
{
    char *encoded = http_encode(query), *url = NULL;
    int size = encoded ? asprintf(&url, "%s%s%s", s->base, *query ? "query=" : "", encoded) : -1;
    free(encoded);
    if (size < 0) return command_error("push", "out of memory");
    enum http_failure failure = http_post(s->http, url, body, length, a);
    free(url);
    if (failure) return unreachable(s, failure, a);
    return went_well(a) ? 0 : refused(s, a);
}

int server_ask(struct server *s, const char *query, char *line, size_t room)
{
    struct http_answer a;
    int error = request(s, "", query, strlen(query), &a);
    if (!error) snprintf(line, room, "%.*s", (int)strcspn(a.text, "\n"), a.text);
    return error;
}

int server_send(struct server *s, const char *statement, const char *rows, size_t length)
{
    struct http_answer a;
    int error =
        rows ? request(s, statement, rows, length, &a) : request(s, "", statement, strlen(statement), &a);
    if (!error && a.length) /* a page of some other server, which takes everything */
        error = command_error(s->shown, "that is not ClickHouse: it answers to what has no answer");
    return error;
}

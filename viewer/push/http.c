/*
 * http.c: libcurl, loaded at run time: the only file that knows it.
 */
#include <curl/curl.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http.h"

/* --- the library ------------------------------------------------------------------------------ */

/* clang-format off */
#define FUNCTIONS(X) \
    X(easy_init) X(easy_setopt) X(easy_perform) X(easy_getinfo) X(easy_cleanup) X(easy_escape) X(easy_unescape) \
    X(slist_append) X(slist_free_all) X(url) X(url_cleanup) X(url_get) X(url_set) X(free)
/* clang-format on */

static struct {
#define MEMBER(name) __typeof__(&curl_##name) name;
    FUNCTIONS(MEMBER)
#undef MEMBER
} lib;

/* What a library has been compiled with (OpenSSL, GnuTLS) is in its name, with Debian; the ABI is one since
 * 2006. */
static void *open_library(void)
{
    static const char *const names[] = {"libcurl.so.4", "libcurl-gnutls.so.4"};
    void *library = NULL;
    for (size_t i = 0; !library && i < sizeof names / sizeof *names; i++)
        library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    return library;
}

bool http_load(void)
{
    void *library = open_library();
    if (!library) return false;
#define LOAD(name) \
    if (!(lib.name = (__typeof__(lib.name))dlsym(library, "curl_" #name))) return false;
    FUNCTIONS(LOAD)
#undef LOAD
    return true;
}

/* --- URLs ------------------------------------------------------------------------------------- */

/* What libcurl allocated is freed by its own function: it may have another allocator. */
static char *own(char *of_curl)
{
    char *copy = of_curl ? strdup(of_curl) : NULL;
    lib.free(of_curl);
    return copy;
}

/* `ok`: whether it can be had; that it is not there is no failure. */
static char *part(CURLU *url, CURLUPart which, unsigned flags, bool *ok)
{
    char *text = NULL;
    CURLUcode error = lib.url_get(url, which, &text, flags);
    if (error) text = NULL;
    if (error && error != CURLUE_NO_USER && error != CURLUE_NO_PASSWORD && error != CURLUE_NO_QUERY)
        *ok = false;
    return own(text);
}

static bool take_apart(struct http_url *u, CURLU *url)
{
    bool ok = true;
    u->scheme = part(url, CURLUPART_SCHEME, 0, &ok);
    u->host = part(url, CURLUPART_HOST, 0, &ok);
    u->user = part(url, CURLUPART_USER, CURLU_URLDECODE, &ok);
    u->password = part(url, CURLUPART_PASSWORD, CURLU_URLDECODE, &ok);
    u->path = part(url, CURLUPART_PATH, 0, &ok);
    u->query = part(url, CURLUPART_QUERY, 0, &ok);
    static const CURLUPart more[] = {CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_OPTIONS,
                                     CURLUPART_PATH, CURLUPART_QUERY,    CURLUPART_FRAGMENT};
    for (size_t i = 0; i < sizeof more / sizeof *more; i++) lib.url_set(url, more[i], NULL, 0);
    u->bare = part(url, CURLUPART_URL, 0, &ok);
    if (!ok || !u->bare || !u->scheme || !u->host || !u->path) return false;
    u->bare[strlen(u->bare) - 1] = 0; /* the / that is left of the path */
    return !strcmp(u->scheme, "http") || !strcmp(u->scheme, "https");
}

bool http_parse(struct http_url *u, const char *text)
{
    *u = (struct http_url){0};
    CURLU *url = lib.url();
    bool ok = url && !lib.url_set(url, CURLUPART_URL, text, 0) && take_apart(u, url);
    lib.url_cleanup(url);
    if (!ok) http_forget(u);
    return ok;
}

void http_forget(struct http_url *u)
{
    char *parts[] = {u->scheme, u->host, u->user, u->password, u->path, u->query, u->bare};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) free(parts[i]);
    *u = (struct http_url){0};
}

char *http_encode(const char *text) { return own(lib.easy_escape(NULL, text, 0)); }

char *http_decode(const char *text, size_t length)
{
    int decoded;
    if (!length) return strdup(""); /* to libcurl a length of 0 is "look for it" */
    char *plain = length > 65536 ? NULL : lib.easy_unescape(NULL, text, (int)length, &decoded);
    if (!plain || strlen(plain) == (size_t)decoded) return own(plain);
    lib.free(plain);
    return NULL;
}

/* --- requests --------------------------------------------------------------------------------- */

#define ENOUGH (1u << 20)

struct http {
    CURL *easy;
    struct curl_slist *headers;
    char why[CURL_ERROR_SIZE];
};

/* An answer that does not end is not heard to its end. */
static size_t hear(char *bytes, size_t one, size_t count, void *context)
{
    struct http_answer *a = context;
    size_t last = sizeof a->text - 1, room = a->length < last ? last - a->length : 0;
    size_t kept = count < room ? count : room;
    if (kept) {
        memcpy(a->text + a->length, bytes, kept);
        a->text[a->length + kept] = 0;
    }
    a->length += count;
    return a->length > ENOUGH ? 0 : one * count;
}

struct http *http_open(const char *user, const char *password)
{
    struct http *h = calloc(1, sizeof *h);
    if (h) h->easy = lib.easy_init();
    /* libcurl would wait up to a second before each batch for a "100 Continue" that few servers send. */
    if (h && h->easy) h->headers = lib.slist_append(NULL, "Expect:");
    if (!h || !h->headers) return http_close(h), NULL;
    const char *bundle = getenv("CURL_CA_BUNDLE"); /* as for curl(1); the library itself does not look */
    if (bundle && *bundle) lib.easy_setopt(h->easy, CURLOPT_CAINFO, bundle);
    lib.easy_setopt(h->easy, CURLOPT_HTTPHEADER, h->headers);
    lib.easy_setopt(h->easy, CURLOPT_ERRORBUFFER, h->why);
    lib.easy_setopt(h->easy, CURLOPT_WRITEFUNCTION, hear);
    lib.easy_setopt(h->easy, CURLOPT_CONNECTTIMEOUT, 15L);
    lib.easy_setopt(h->easy, CURLOPT_MAXAGE_CONN, 2L); /* ClickHouse 18.16 hangs up after 3 s */
    lib.easy_setopt(h->easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
    lib.easy_setopt(h->easy, CURLOPT_LOW_SPEED_TIME,
                    300L); /* an insert may take its time, but not for ever */
    if (user) lib.easy_setopt(h->easy, CURLOPT_USERNAME, user);
    if (password) lib.easy_setopt(h->easy, CURLOPT_PASSWORD, password);
    return h;
}

static enum http_failure failure(CURLcode code)
{
    switch (code) {
    case CURLE_OK:
    case CURLE_WRITE_ERROR: return HTTP_ANSWERED; /* hear() has heard enough */
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY: return HTTP_NO_HOST;
    case CURLE_COULDNT_CONNECT: return HTTP_REFUSED;
    case CURLE_OPERATION_TIMEDOUT: return HTTP_SILENT;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_CACERT_BADFILE: return HTTP_UNTRUSTED;
    case CURLE_SSL_CONNECT_ERROR: return HTTP_NO_TLS;
    default: return HTTP_BROKEN;
    }
}

enum http_failure http_post(struct http *h, const char *url, const char *body, size_t length,
                            struct http_answer *a)
{
    a->status = 0;
    a->length = 0;
    *a->text = *h->why = 0;
    lib.easy_setopt(h->easy, CURLOPT_URL, url);
    lib.easy_setopt(h->easy, CURLOPT_POSTFIELDS, body);
    lib.easy_setopt(h->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)length);
    lib.easy_setopt(h->easy, CURLOPT_WRITEDATA, a);
    CURLcode code = lib.easy_perform(h->easy);
    lib.easy_getinfo(h->easy, CURLINFO_RESPONSE_CODE, &a->status);
    snprintf(a->why, sizeof a->why, "%s", h->why);
    return failure(code);
}

void http_close(struct http *h)
{
    if (!h) return;
    if (h->headers) lib.slist_free_all(h->headers);
    if (h->easy) lib.easy_cleanup(h->easy);
    free(h);
}

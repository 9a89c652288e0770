/*
 * http.h: HTTP to one server, by libcurl, which is loaded when it is asked for:
 * linked in, it and the forty libraries it needs would cost every command 6 ms
 * to start.
 */
#ifndef PUSH_HTTP_H
#define PUSH_HTTP_H

#include <stdbool.h>
#include <stddef.h>

/* false: there is no libcurl here. Before all others. */
bool http_load(void);

/* Parts of a URL, decoded; NULL: it has none. */
struct http_url {
    char *scheme, *host, *user, *password;
    char *path, *query; /* not decoded */
    char *bare;         /* scheme, host and port only: "http://host:8123" */
};
/* false: it is none, or not of http or https. */
bool http_parse(struct http_url *u, const char *url);
void http_forget(struct http_url *u);

/* Encoded for a URL, or decoded; the caller's to free. NULL: out of memory, or not well formed. */
char *http_encode(const char *text);
char *http_decode(const char *text, size_t length);

enum http_failure {
    HTTP_ANSWERED,
    HTTP_NO_HOST,
    HTTP_REFUSED,   /* nobody listens there, or it cannot be reached */
    HTTP_SILENT,    /* no answer in time */
    HTTP_UNTRUSTED, /* its certificate */
    HTTP_NO_TLS,
    HTTP_BROKEN
};
struct http_answer {
    long status;
    char text[4096]; /* what it says, as far as it fits; hostile */
    size_t length;   /* all of what it says */
    char why[256]; /* libcurl's words for a failure; hostile, too */
};

/* `user`, `password`: NULL none. NULL: out of memory. */
struct http *http_open(const char *user, const char *password);
/* Redirects are not followed: they would take the password elsewhere. */
enum http_failure http_post(struct http *h, const char *url, const char *body, size_t length,
                            struct http_answer *a);
void http_close(struct http *h);

#endif

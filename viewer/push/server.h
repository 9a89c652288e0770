/*
 * server.h: a ClickHouse server: where it is, who we are to it, what it answers,
 * and what is wrong, said so that a person can mend it. Passwords are never
 * shown.
 */
#ifndef PUSH_SERVER_H
#define PUSH_SERVER_H

#include <stddef.h>

struct server {
    char *shown;    /* the URL as it may be printed: "http://host:8123/database" */
    char *base;     /* what requests begin with, up to a last parameter */
    char *database; /* NULL: the server's default */
    struct http *http;
};

/* 0, or EXIT_UNUSABLE after one sentence on stderr; nothing is asked yet. */
int server_open(struct server *s, const char *url);
void server_close(struct server *s);

/*
 * Those that ask return 0, or EXIT_UNUSABLE after one sentence. server_ask: a query that answers a line,
 * which is cut to `room`. server_send: a statement that answers nothing; `rows` may be what it inserts.
 */
int server_ask(struct server *s, const char *query, char *line, size_t room);
int server_send(struct server *s, const char *statement, const char *rows, size_t length);

#endif

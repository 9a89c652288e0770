/*
 * calls.c: what a call costs that is looked at in passing: on a file, on a connection its thread used last,
 * and functions that matter only after a fork.
 *
 *     calls [NAME]     "NAME calls ns" for each: the best of 7 runs
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CALLS 200000
#define RUNS  7

static int null, connection;
static char byte;

static void call_read(void)
{
    if (read(null, &byte, 1)) abort();
}
static void call_write(void)
{
    if (write(null, &byte, 1) != 1) abort();
}
static void call_recv(void)
{
    if (recv(connection, &byte, 1, MSG_DONTWAIT) != -1) abort();
}
static void call_close(void)
{
    if (!close(-1)) abort();
}
static void call_rand(void) { rand(); }
static void call_localtime_r(void)
{
    time_t then = 1000000000;
    struct tm tm;
    localtime_r(&then, &tm);
}

static const struct {
    const char *name;
    void (*call)(void);
} kinds[] = {{"read", call_read},   {"write", call_write}, {"recv", call_recv},
             {"close", call_close}, {"rand", call_rand},   {"localtime_r", call_localtime_r}};

static long now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000L + t.tv_nsec;
}

int main(int argc, char **argv)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    null = open("/dev/null", O_RDWR);
    bind(listener, (struct sockaddr *)&address, sizeof address);
    listen(listener, 1);
    getsockname(listener, (struct sockaddr *)&address, &length);
    connection = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(connection, (struct sockaddr *)&address, sizeof address)) return perror("connect"), 1;
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        long best = 0;
        if (argc > 1 && strcmp(argv[1], kinds[k].name)) continue;
        for (int run = 0; run < RUNS; run++) {
            long start = now();
            for (int i = 0; i < CALLS; i++) kinds[k].call();
            long ns = now() - start;
            if (!run || ns < best) best = ns;
        }
        printf("%s %d %ld\n", kinds[k].name, CALLS, best);
    }
    return 0;
}

/*
 * Each process opens a connection of its own, after the fork.
 */
#include <ctype.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int listener;
static struct sockaddr_in address = {.sin_family = AF_INET};

static void serve(void)
{
    char text[6];
    for (int fd; (fd = accept(listener, NULL, NULL)) >= 0; close(fd))
        while (recv(fd, text, sizeof text, MSG_WAITALL) == sizeof text) {
            usleep(2000);
            for (int i = 0; i < 6; i++) text[i] = (char)toupper(text[i]);
            send(fd, text, sizeof text, 0);
        }
}

static int connected(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof address)) perror("connect");
    return fd;
}

static void ask(int fd, const char *who)
{
    int wrong = 0;
    char answer[6];
    for (int i = 0; i < 20; i++) {
        send(fd, who, 6, 0);
        if (*who == 'p') usleep(5000); /* it takes its time */
        recv(fd, answer, 6, MSG_WAITALL);
        wrong += strncasecmp(answer, who, 6) != 0;
    }
    printf("%s got %s\n", who, wrong ? "answers to somebody else" : "its own answers");
}

int main(void)
{
    socklen_t length = sizeof address;
    pid_t server[2], child;
    setbuf(stdout, NULL);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&address, length) || listen(listener, 5)) return 1;
    getsockname(listener, (struct sockaddr *)&address, &length);
    for (int i = 0; i < 2; i++) /* each serves a connection at a time */
        if (!(server[i] = fork())) serve();
    if (!(child = fork())) {
        ask(connected(), "child ");
        _exit(0);
    }
    ask(connected(), "parent");
    waitpid(child, NULL, 0);
    for (int i = 0; i < 2; i++) kill(server[i], SIGTERM), waitpid(server[i], NULL, 0);
    return 0;
}

/*
 * A server answers each question in capitals. Two threads ask it through the connection of the program.
 */
#include <ctype.h>
#include <netinet/in.h>
#include <pthread.h>
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

static int fd; /* the connection */

static void *ask(void *who)
{
    int wrong = 0;
    char answer[6];
    for (int i = 0; i < 20; i++) {
        send(fd, who, 6, 0);
        if (*(char *)who == 'm') usleep(5000); /* she takes her time */
        recv(fd, answer, 6, MSG_WAITALL);
        wrong += strncasecmp(answer, who, 6) != 0;
    }
    printf("%s got %s\n", (char *)who, wrong ? "answers to somebody else" : "its own answers");
    return NULL;
}

int main(void)
{
    socklen_t length = sizeof address;
    pid_t server;
    pthread_t mother, father;
    setbuf(stdout, NULL);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&address, length) || listen(listener, 5)) return 1;
    getsockname(listener, (struct sockaddr *)&address, &length);
    if (!(server = fork())) serve();
    fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof address)) return 1;
    pthread_create(&mother, NULL, ask, "mother");
    pthread_create(&father, NULL, ask, "father");
    pthread_join(mother, NULL), pthread_join(father, NULL);
    kill(server, SIGTERM), waitpid(server, NULL, 0);
    return 0;
}

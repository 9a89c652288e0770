/*
 * A server listens, and forks a worker, which sets up all it needs by itself.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static in_port_t port; /* the kernel chooses a free one, the first time */

static int listen_there(const char *who)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = port};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(fd, (struct sockaddr *)&address, size) || listen(fd, 16)) {
        printf("%s: %s\n", who, strerror(errno));
        return -1;
    }
    getsockname(fd, (struct sockaddr *)&address, &size);
    port = address.sin_port;
    printf("%s: listening\n", who);
    return fd;
}

int main(void)
{
    setbuf(stdout, NULL);
    int fd = listen_there("server");
    pid_t child = fork();
    if (!child) {
        fd = listen_there("worker");
        printf("worker: %s\n", fd < 0 ? "nobody will ever talk to me" : "waiting for clients");
        usleep(200000);
        _exit(0);
    }
    waitpid(child, NULL, 0);
    return fd < 0;
}

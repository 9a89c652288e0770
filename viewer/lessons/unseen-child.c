/*
 * A program runs another one. What will forktrace see of that? (ldconfig is linked statically, so that it
 * works when the libraries do not: no library can be preloaded into it, either.)
 */
#define _GNU_SOURCE
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROGRAM "/sbin/ldconfig"

int main(void)
{
    char *words[] = {PROGRAM, "-p", NULL};
    posix_spawn_file_actions_t quiet;
    pid_t child;
    int status;
    setbuf(stdout, NULL);
    posix_spawn_file_actions_init(&quiet);
    posix_spawn_file_actions_addopen(&quiet, 1, "/dev/null", 1, 0);
    if (posix_spawn(&child, PROGRAM, &quiet, NULL, words, environ)) return 1;
    waitpid(child, &status, 0);
    printf("%s ended with %d\n", PROGRAM, WEXITSTATUS(status));
    return 0;
}

/*
 * A program starts a helper that takes its time, and is done.
 */
#include <stdio.h>
#include <unistd.h>

int main(void)
{
    setbuf(stdout, NULL);
    pid_t boss = getpid(), helper = fork();
    if (!helper) {
        usleep(1300000);
        puts(getppid() == boss ? "helper: done, boss" : "helper: done, but where is my boss?");
        return 0;
    }
    puts("boss: I am leaving");
    return 0;
}

/*
 * The boss waits for its helper.
 */
#include <stdio.h>
#include <sys/wait.h>
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
    waitpid(helper, NULL, 0);
    puts("boss: I am leaving");
    return 0;
}

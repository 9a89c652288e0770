/*
 * The mask comes through fork and exec: it is emptied between them.
 */
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void)
{
    sigset_t term;
    int status;
    setbuf(stdout, NULL);
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    sigprocmask(SIG_BLOCK, &term, NULL);
    pid_t child = fork();
    if (!child) {
        sigprocmask(SIG_UNBLOCK, &term, NULL);
        execlp("sleep", "sleep", "0.6", (char *)NULL);
        _exit(127);
    }
    usleep(200000);
    kill(child, SIGTERM);
    waitpid(child, &status, 0);
    puts(WIFSIGNALED(status) ? "SIGTERM ended it" : "it took no notice of SIGTERM");
    return 0;
}

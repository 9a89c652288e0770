/*
 * What is in the buffer is written before the fork: there is nothing left to be copied.
 */
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void)
{
    static char buffer[BUFSIZ];
    setvbuf(stdout, buffer, _IOFBF, sizeof buffer); /* as it is when stdout is no terminal */
    printf("I say this once\n");
    fflush(stdout);
    pid_t child = fork();
    if (child) waitpid(child, NULL, 0);
    return 0;
}

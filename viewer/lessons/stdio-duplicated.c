/*
 * A program prints a line into a file or pipe, forks, and both processes end.
 */
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void)
{
    static char buffer[BUFSIZ];
    setvbuf(stdout, buffer, _IOFBF, sizeof buffer); /* as it is when stdout is no terminal */
    printf("I say this once\n");
    pid_t child = fork();
    if (child) waitpid(child, NULL, 0);
    return 0;
}

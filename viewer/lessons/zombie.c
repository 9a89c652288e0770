/*
 * Five children do a little work each and end. Then the parent looks for them in the process table.
 */
#include <stdio.h>
#include <unistd.h>

static int is_there(pid_t pid)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/%d", pid);
    return !access(path, F_OK);
}

int main(void)
{
    pid_t children[5];
    int left = 0;
    setbuf(stdout, NULL);
    for (int i = 0; i < 5; i++)
        if (!(children[i] = fork())) _exit(0);
    usleep(200000);
    for (int i = 0; i < 5; i++) left += is_there(children[i]);
    printf("%d of 5 ended children are still in the process table\n", left);
    return 0;
}

/*
 * main.c: forktrace-watch: answers one question of the library (plan.h) and
 * ends. It runs beside the program, with none of its memory: what it reads are
 * the ELF files the program has loaded.
 *
 * It prints nothing: nobody listens. What went wrong is in the answer.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "finder.h"

int main(void)
{
    struct stat status;
    symbols_map_files();
    if (fstat(PLAN_FD, &status) || status.st_size < (off_t)sizeof(struct plan_question)) return 1;
    size_t size = (size_t)status.st_size;
    char *memory = malloc(size + 1); /* a copy: the answer overwrites it */
    if (!memory || pread(PLAN_FD, memory, size, 0) != (ssize_t)size) return 1;
    memory[size] = 0;
    return !finder_answer(memory, size);
}

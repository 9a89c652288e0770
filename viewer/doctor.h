/*
 * doctor.h: `forktrace doctor`: what works on this machine, what in a command
 * the library will not see, and the remedy of each. Nothing of the command is
 * executed.
 */
#ifndef DOCTOR_H
#define DOCTOR_H

#include <stdbool.h>
#include <stddef.h>

/* HINT: it works; the remedy makes it better. OFF: it does not, and something will not be seen. */
enum opinion { OPINION_GOOD, OPINION_HINT, OPINION_OFF };

/*
 * One line: "  off   BTF      what is", and one for the remedy (NULL: none). All that comes from outside is
 * escaped here.
 */
void doctor_say(enum opinion opinion, const char *what, const char *remedy, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void doctor_heading(const char *text);

/* Each says its lines; false: something will not be seen. */
bool doctor_library(const char *directory); /* where traces go */
bool doctor_kernel(void);
bool doctor_command(char **argv, bool ebpf_works);
/* 0, or EXIT_UNUSABLE after one sentence on stderr: it cannot be run. */
int doctor_usable(const char *command);

#endif

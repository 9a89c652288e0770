/*
 * ps.c: `forktrace ps`: the tree.
 */
#include <getopt.h>
#include <stdio.h>

#include "command.h"
#include "load.h"
#include "text.h"
#include "tree.h"

int ps_main(int argc, char **argv)
{
    struct reading reading;
    struct loaded l;
    int error = command_reading(argc, argv, NULL, "", NULL, &reading);
    if (!error) error = load(&l, reading.file, reading.partial);
    if (error) return error;
    char lost[512];
    tree_print(stdout, l.timeline, true);
    if (*tree_lost(lost, sizeof lost, l.timeline))
        printf("%s%s%s\n", text_ink(INK_BAD), lost, text_ink(INK_PLAIN));
    unload(&l);
    return EXIT_CLEAN;
}

/*
 * ps.c: `forktrace ps`: the tree.
 */
#include <getopt.h>

#include "command.h"
#include "load.h"
#include "tree.h"

int ps_main(int argc, char **argv)
{
    struct reading reading;
    struct loaded l;
    int error = command_reading(argc, argv, NULL, "", NULL, &reading);
    if (!error) error = load(&l, reading.file, reading.partial);
    if (error) return error;
    tree_print(stdout, l.timeline, true);
    unload(&l);
    return EXIT_CLEAN;
}

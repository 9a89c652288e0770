/* trim.h: giving back the unused rest of a finished trace. */
#ifndef TRIM_H
#define TRIM_H

/*
 * A trace is created sparse at its full size. Cut it to what was claimed, if
 * that is certain to hurt nobody: no process has the file open or mapped.
 * Otherwise, and on any error, it stays as it is.
 */
void trim(const char *path);

#endif

/*
 * send.h: a trace into a server's tables.
 *
 * A push is a number in all its rows, and counts when its last row is there, that
 * of the table runs: what came half-way is not seen, and a run that is pushed
 * once more (it has grown, or is told better) is seen once.
 */
#ifndef PUSH_SEND_H
#define PUSH_SEND_H

#include "server.h"
#include "viewer/load.h"

/* Both: 0, or EXIT_UNUSABLE after saying why. The first asks whether the tables are there, and makes them. */
int send_tables(struct server *s);
/* Says what was pushed. `again`: also if all of it is there already. */
int send_trace(struct server *s, const struct loaded *l, const char *build, bool again);

#endif

/*
 * moments.c: the moments at which Python's own state is looked at: a fork, the
 * birth of a child, an end. Here it is decided whether it is in order then: the
 * GIL is never waited for, and a half-changed dict never read.
 */
#include "preload/python/globals.h"
#include "preload/python/modules.h"
#include "preload/python/picture.h"

bool python_over;

/*
 * This thread holds the GIL, in a call that Python made (no signal handler that interrupted it) or while no
 * Python runs; or nobody holds it, and nobody could take it.
 */
static bool in_order(bool in_python)
{
    if (python_over || self.vforked || !py_here() || python.finalizing()) return false;
    const void *state = py_thread_state();
    return state && python.current() == state ? in_python || !py_frame(state) : py_at_rest();
}

void python_at_fork(ft_ref fork, bool in_python)
{
    if (!python_found) return;
    bool well = in_order(in_python);
    if (well && py_holds_gil()) renames_look();
    picture_at_fork(fork, well);
}

void python_born(void)
{
    if (python_over || !py_here()) return;
    bool well = in_order(false);
    if (well) alive_tell(FT_PY_AT_FORK);
    picture_in_child(well);
}

void python_leaving(bool in_python)
{
    if (python_over || self.vforked || !py_here() || python.finalizing()) return;
    /* of a signal handler too: alive.c tries its pointers first */
    if (py_holds_gil() || py_at_rest()) alive_tell(FT_PY_AT_EXIT);
    if (!in_order(in_python)) return;
    if (py_holds_gil()) renames_look();
    picture_take(self.task);
}

void python_finalize(void)
{
    if (!python_over && me() && !self.vforked && py_holds_gil()) {
        python_leaving(true);
        python_greenlets_at_exit();
    }
    python_over = true;
    modules_over();
}

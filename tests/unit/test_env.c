/*
 * test_env.c: the environments new images get.
 */
#include "preload/env.c" /* first: it chooses what libc shows */

#include <criterion/criterion.h>
#include <stdio.h>

/* What env.c needs of the library, which is not in this program. */
struct ft_writer ft;
static const char *library = "/proc/self/exe"; /* a file that is there */
static unsigned notes;
static bool filtered;         /* by a system-call filter */
static enum ft_blind_why why; /* of the new image */
const char *self_library(void) { return library; }
const char *self_trace(void) { return "/tmp/run.ftrace"; }
bool seccomp_on(void) { return filtered; }
void self_note(uint32_t what, const char *text) { notes |= 1u << what; }
void *hook_find(const char *name) { return strcmp(name, "putenv") ? (void *)unsetenv : (void *)putenv; }

static void recording(char **envp)
{
    static struct ft_header header;
    ft.header = &header;
    notes = 0;
    why = 0;
    env_init(envp);
}

/* The result as one string, entries ended by '|'. */
static const char *carried(char **envp)
{
    static char text[2048];
    char *at = text;
    *at = 0;
    for (char *const *e = ENV_CARRY(envp, &why); e && *e; e++) at += sprintf(at, "%s|", *e);
    return text;
}

#define ENV(...) ((char *[]){__VA_ARGS__ __VA_OPT__(, ) NULL})
#define US       "/proc/self/exe"
#define RUN_US   "FORKTRACE_RUN=/tmp/run.ftrace|"

Test(env, complete_is_left_alone)
{
    recording(NULL);
    char **envp = ENV("A=1", "LD_PRELOAD=" US, "FORKTRACE_RUN=/tmp/run.ftrace", "B=2");
    cr_expect_eq(env_room(envp, &why), 0);
    char **others = ENV("LD_PRELOAD=a.so:" US " b.so", "FORKTRACE_RUN=/tmp/run.ftrace");
    cr_expect_eq(env_room(others, &why), 0);
}

Test(env, cleaned)
{
    recording(NULL);
    cr_expect_str_eq(carried(ENV()), "LD_PRELOAD=" US "|" RUN_US);
    cr_expect(notes & 1u << FT_NOTE_CLEANED_ENVIRONMENT);
    cr_expect_str_eq(carried(NULL), "LD_PRELOAD=" US "|" RUN_US);
    cr_expect_str_eq(carried(ENV("A=1", "no equals", "=")), "A=1|no equals|=|LD_PRELOAD=" US "|" RUN_US);
}

Test(env, own_preload_is_kept)
{
    recording(NULL);
    cr_expect_str_eq(carried(ENV("LD_PRELOAD=libasan.so", "A=1")),
                     "LD_PRELOAD=libasan.so:" US "|A=1|" RUN_US);
    cr_expect_str_eq(carried(ENV("LD_PRELOAD=")), "LD_PRELOAD=" US "|" RUN_US);
    cr_expect_str_eq(carried(ENV("LD_PRELOAD=: a.so  b.so:")), "LD_PRELOAD=a.so:b.so:" US "|" RUN_US);
}

/* getenv finds the first of two, ld.so loads the last: one is left, what ld.so would have loaded. */
Test(env, doubled)
{
    recording(NULL);
    cr_expect_str_eq(carried(ENV("LD_PRELOAD=a.so", "A=1", "LD_PRELOAD=b.so")),
                     "LD_PRELOAD=b.so:" US "|A=1|" RUN_US);
    cr_expect_str_eq(carried(ENV("LD_PRELOAD=" US ":" US " x.so")), "LD_PRELOAD=" US ":x.so|" RUN_US);
    cr_expect_str_eq(
        carried(ENV("FORKTRACE_RUN=/old", "A=1", "FORKTRACE_RUN=/tmp/run.ftrace", "LD_PRELOAD=" US)),
        RUN_US "A=1|LD_PRELOAD=" US "|");
}

/* From another directory ld.so would not find it, and complain. */
Test(env, relative_name_of_ours)
{
    recording(NULL);
    cr_expect_str_eq(carried(ENV("LD_PRELOAD=./exe:a.so")), "LD_PRELOAD=" US ":a.so|" RUN_US);
    cr_expect_str_eq(carried(ENV("LD_PRELOAD=exe")), "LD_PRELOAD=" US "|" RUN_US);
    cr_expect_str_eq(carried(ENV("LD_PRELOAD=notexe")), "LD_PRELOAD=notexe:" US "|" RUN_US);
    cr_expect_str_eq(carried(ENV("LD_PRELOAD=/$LIB/exe")), "LD_PRELOAD=/$LIB/exe|" RUN_US);
}

Test(env, settings_come_back)
{
    recording(ENV("FORKTRACE_OUT=/tmp/x", "A=1", "FORKTRACE_WATCH=counter", "FORKTRACE_RUN=/old"));
    cr_expect_str_eq(carried(ENV("B=1", "FORKTRACE_OUT=/tmp/mine")),
                     "B=1|FORKTRACE_OUT=/tmp/mine|FORKTRACE_WATCH=counter|LD_PRELOAD=" US "|" RUN_US);
}

Test(env, many_settings)
{
    static char large[4000] = "FORKTRACE_WATCH=";
    memset(large + strlen(large), 'w', sizeof large - strlen(large) - 1);
    recording(ENV(large));
    char **envp = ENV("B=1"); /* outside: a literal in the macro's block would not outlive it */
    char *const *got = ENV_CARRY(envp, &why);
    cr_expect_str_eq(got[0], "B=1");
    cr_expect_str_eq(got[1], large);
}

Test(env, disabled)
{
    recording(NULL);
    char **off = ENV("FORKTRACE_DISABLE=1"), **on = ENV("FORKTRACE_DISABLE=0");
    cr_expect_eq(env_room(off, &why), 0);
    cr_expect_neq(env_room(on, &why), 0);
}

Test(env, not_recording) { cr_expect_eq(env_room(ENV("A=1"), &why), 0); }

Test(env, out_of_reach)
{
    recording(NULL);
    library = "/nonexistent/exe";
    cr_expect_str_eq(carried(ENV("LD_PRELOAD=/nonexistent/exe a.so")), "LD_PRELOAD=a.so|" RUN_US);
    cr_expect_str_eq(carried(ENV("A=1", "LD_PRELOAD=/nonexistent/exe")), "A=1|" RUN_US);
    cr_expect(notes & 1u << FT_NOTE_LIBRARY_OUT_OF_REACH);
}

/* The kernel answers EFAULT; we must not crash before it can. */
/* Recording has ended, and the new image could not make the library's calls either. */
Test(env, filtered)
{
    recording(NULL);
    ft.header = NULL;
    filtered = true;
    cr_expect_str_eq(carried(ENV("LD_PRELOAD=a.so:" US, "A=1")), "LD_PRELOAD=a.so|A=1|" RUN_US);
    cr_expect_str_eq(carried(ENV("A=1", "LD_PRELOAD=" US)), "A=1|" RUN_US);
}

Test(env, bad_pointers)
{
    recording(NULL);
    volatile uintptr_t nowhere = 8;
    cr_expect_eq(env_room((char *const *)nowhere, &why), 0);
    cr_expect_eq(env_room(ENV("A=1", (char *)nowhere), &why), 0);
}

Test(env, environ_itself)
{
    recording(NULL);
    environ = ENV("A=1", "LD_PRELOAD=b.so");
    env_install();
    cr_expect_str_eq(getenv("LD_PRELOAD"), "b.so:" US);
    cr_expect_str_eq(getenv("FORKTRACE_RUN"), "/tmp/run.ftrace");
    cr_expect_str_eq(getenv("A"), "1");
    char **before = environ;
    env_install();
    cr_expect_eq(environ, before);
}

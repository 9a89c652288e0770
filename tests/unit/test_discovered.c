/*
 * test_discovered.c: C globals nobody named: pictures of memory that are not the
 * same, and what their copies began with.
 */
#include <stdio.h>
#include <string.h>

#include "build_trace.h"
#include "trace/masked.h"

TestSuite(discovered, .init = trace_begin, .fini = trace_end);

#define START 0x10000 /* of the object, and of its first half page */
#define NEXT  (START + FT_C_BLOCK_SIZE)

/* The file: each 8-byte word a variable, w0, w1, ... in the first half page, v0, ... in the second; all hold
 * 1, but the last of each a text. */
static bool variable(const struct object *o, uint64_t address, unsigned guess, struct timeline_variable *v)
{
    unsigned word = (unsigned)(address % FT_C_BLOCK_SIZE / 8);
    *v = (struct timeline_variable){
        .start = address & ~7ull, .whole = address & ~7ull, .size = 8, .kind = FT_C_KIND_unsigned};
    snprintf(v->name, sizeof v->name, "%c%u", address < FT_C_BLOCK_SIZE ? 'w' : 'v', word);
    return word < 8;
}

static bool bytes(const struct object *o, uint64_t address, void *to, size_t size)
{
    uint64_t word = address % FT_C_BLOCK_SIZE == 56 ? 0x6b6a696867666564 : 1;
    memcpy(to, &word, size);
    return true;
}

static const struct timeline_files files = {variable, bytes};
static ft_ref root;

static void begin(void)
{
    root = trace_image(100, 1, FT_BIRTH_ROOT, "server");
    trace_object(root, "server", START, START + 0x10000);
}

/* The end of a process that has these in its two half pages; NULL: it never wrote there. */
static void ends(ft_ref who, const uint64_t first[8], const uint64_t second[8], unsigned alone)
{
    ft_ref blocks[2] = {first ? trace_c_block(who, START, first, 8) : 0,
                        second ? trace_c_block(who, NEXT, second, 8) : 0};
    trace_c_picture(who, 0, START, blocks, 2, alone);
}

static const struct global *named(const struct timeline *t, const char *name)
{
    for (size_t i = 0; i < t->global_count; i++)
        if (!strcmp(t->globals[i].name, name)) return &t->globals[i];
    return NULL;
}

static void expect(const struct timeline *t, const char *name, process_id process, const char *birth,
                   bool inferred, uint64_t last)
{
    char text[64];
    const struct global *g = named(t, name);
    cr_assert(g, "%s was not found", name);
    cr_expect(g->found && g->diverged);
    const struct copy *c = &t->copies[timeline_copy(t, (global_id)(g - t->globals), process)];
    value_format(c->at_birth, text, sizeof text);
    cr_expect_str_eq(text, birth, "%s in p%u began as %s", name, process, text);
    cr_expect_eq(c->birth_inferred, inferred);
    cr_expect_eq(c->last.bits, last);
}

Test(discovered, what_differs_is_found_and_nothing_else)
{
    begin();
    ft_ref a = trace_forked(root, 101), b = trace_forked(root, 102);
    ends(a, (uint64_t[8]){1, 11, 7}, NULL, 1);
    ends(b, (uint64_t[8]){1, 12, 7}, NULL, 1);
    ends(root, (uint64_t[8]){1, 10, 7}, NULL, 1);
    const struct timeline *t = trace_timeline_of(&files);
    cr_expect_eq(t->global_count, 1);
    expect(t, "w1", 0, "?", false, 10);
    expect(t, "w1", 1, "?", false, 11);
    expect(t, "w1", 2, "?", false, 12);
    cr_expect_eq(t->copies[timeline_copy(t, 0, 2)].parent, timeline_copy(t, 0, 0));
}

Test(discovered, a_page_its_parent_never_wrote_began_as_the_file_has_it)
{
    begin();
    ft_ref a = trace_forked(root, 101);
    ends(a, (uint64_t[8]){1, 11}, NULL, 1);
    ends(root, NULL, NULL, 0);
    const struct timeline *t = trace_timeline_of(&files);
    expect(t, "w1", 0, "?", false, 1);
    expect(t, "w1", 1, "1", false, 11);
}

Test(discovered, a_page_a_child_left_alone_is_as_it_was)
{
    begin();
    ft_ref a = trace_forked(root, 101), b = trace_forked(root, 102);
    ends(a, (uint64_t[8]){1, 5}, NULL, 0); /* it shares it still */
    ends(b, (uint64_t[8]){1, 12}, NULL, 1);
    ends(root, (uint64_t[8]){1, 9}, NULL, 1);
    const struct timeline *t = trace_timeline_of(&files);
    expect(t, "w1", 1, "5", false, 5);
    expect(t, "w1", 2, "?", false, 12); /* its parent had 5 before and 9 in the end */
    cr_expect_eq(t->copies[timeline_copy(t, 0, 0)].changes, 1, "the parent's is not what it gave away");
}

Test(discovered, the_same_before_a_fork_and_after_it_is_what_a_child_began_with)
{
    begin();
    ft_ref a = trace_forked(root, 101), b = trace_forked(root, 102), c = trace_forked(root, 103);
    ends(a, (uint64_t[8]){1, 5, 21}, NULL, 0);
    ends(b, (uint64_t[8]){1, 12, 22}, NULL, 1);
    ends(c, (uint64_t[8]){1, 5, 23}, NULL, 0);
    ends(root, (uint64_t[8]){1, 9, 1}, NULL, 1);
    const struct timeline *t = trace_timeline_of(&files);
    expect(t, "w1", 2, "5", true, 12); /* a sibling before it and one after it began with 5 */
}

Test(discovered, as_it_was_loaded_and_in_the_end)
{
    begin();
    ft_ref a = trace_forked(root, 101), b = trace_forked(root, 102);
    ends(a, (uint64_t[8]){1, 12}, NULL, 1);
    ends(b, (uint64_t[8]){1, 13}, NULL, 1);
    ends(root, (uint64_t[8]){1, 1}, NULL, 1);
    const struct timeline *t = trace_timeline_of(&files);
    expect(t, "w1", 1, "1", true, 12);
}

Test(discovered, a_parent_may_tidy_up_in_the_end)
{
    begin();
    ft_ref a = trace_forked(root, 101), b = trace_forked(root, 102);
    ends(a, (uint64_t[8]){1, 12}, NULL, 1);
    ends(b, (uint64_t[8]){1, 12}, NULL, 1);
    ends(root, (uint64_t[8]){1, 1}, NULL, 1);
    const struct timeline *t = trace_timeline_of(&files);
    expect(t, "w1", 1, "?", false, 12); /* they may have inherited it */
}

Test(discovered, a_parent_that_was_killed_tells_nothing)
{
    begin();
    ft_ref a = trace_forked(root, 101), b = trace_forked(root, 102);
    ends(a, (uint64_t[8]){1, 11}, NULL, 1);
    ends(b, (uint64_t[8]){1, 12}, NULL, 1);
    const struct timeline *t = trace_timeline_of(&files);
    expect(t, "w1", 1, "?", false, 11);
    expect(t, "w1", 2, "?", false, 12);
}

Test(discovered, a_text_in_the_file_is_the_same_as_its_mask)
{
    begin();
    uint64_t text = ft_masked(0x6b6a696867666564);
    ft_ref a = trace_forked(root, 101);
    ends(a, (uint64_t[8]){1, 11, 1, 1, 1, 1, 1, text}, NULL, 1);
    ends(root, NULL, NULL, 0);
    const struct timeline *t = trace_timeline_of(&files);
    cr_expect(FT_C_IS_MASKED(text));
    cr_expect(named(t, "w1"));
    cr_expect_null(named(t, "w7"));
}

Test(discovered, unrelated_processes_are_not_compared)
{
    begin();
    ft_ref other = trace_image(200, 100, FT_BIRTH_EXEC, "server");
    ends(other, (uint64_t[8]){1, 11}, NULL, 1);
    ends(root, (uint64_t[8]){1, 10}, NULL, 1);
    const struct timeline *t = trace_timeline_of(&files);
    cr_expect_eq(t->global_count, 0);
}

Test(discovered, what_has_no_name_is_counted)
{
    begin();
    ft_ref a = trace_forked(root, 101);
    uint64_t nine[9] = {[8] = 4}, other[9] = {[8] = 5};
    ft_ref x = trace_c_block(a, START, nine, 9), y = trace_c_block(root, START, other, 9);
    trace_c_picture(a, 0, START, &x, 1, 1);
    trace_c_picture(root, 0, START, &y, 1, 1);
    const struct timeline *t = trace_timeline_of(&files);
    cr_expect_eq(t->global_count, 0);
    cr_expect_eq(t->nameless, 1);
}

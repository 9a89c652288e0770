/*
 * discovered.c: C globals nobody named: pictures of the program's own memory at
 * the end of related processes (FT_C_PICTURE) are compared word by word; what
 * is not the same, and has a name, becomes a global with a copy in each of them.
 *
 * Related processes were one before they forked: that their last values are not
 * the same proves that one of them wrote since. What a process began with is
 * known if a picture was taken at that very fork; if it left the page alone: it
 * still shared it, and has no children it could share it with; or if its parent
 * never wrote to that page: then it is as the file has it. Else it is inferred
 * where the parent is known to have had the same value before that fork (as
 * another child began; as it was loaded, if its children do not all have another)
 * and after it.
 */
#include <stdlib.h>
#include <string.h>

#include "build.h"
#include "trace/masked.h"

#define HALVES_MOST 512 /* of one picture; the library's have fewer */
#define HOLDERS     64  /* processes that are compared with each other */
#define WORDS       (FT_C_BLOCK_SIZE / 8)
#define PARTS_EACH  64       /* of one variable */
#define FOUND_MOST  1000     /* in all */
#define WORK_MOST   50000000 /* half pages to compare: a hostile file names absurdly many */

/* --- collecting ------------------------------------------------------------------------------- */

void discovered_picture(struct build *b, const struct item *it)
{
    size_t length;
    struct pictured p = {.record = FT_GET(c_picture, it->record), .ns = it->ns};
    p.part = ft_tail(it->record, sizeof p.record, &length);
    if (p.record.count > length / sizeof *p.part) p.record.count = (uint32_t)(length / sizeof *p.part);
    if (p.record.start >= p.record.end || p.record.end - p.record.start > HALVES_MOST * FT_C_BLOCK_SIZE)
        return;
    const struct task *task = task_of(b, it);
    p.process = b->t->threads[task->thread].process;
    p.image = task->image;
    p.family = build_family(b, p.process, p.image);
    p.fork = ft_reader_find(b->t->reader, p.record.fork, FT_FORK);
    b->pictured = build_grow(b, b->pictured, b->picture_count, sizeof p);
    b->pictured[b->picture_count++] = p;
}

static int by_range(const void *x, const void *y)
{
    const struct pictured *a = x, *b = y;
    if (a->family != b->family) return a->family < b->family ? -1 : 1;
    if (a->record.start != b->record.start) return a->record.start < b->record.start ? -1 : 1;
    if (a->record.end != b->record.end) return a->record.end < b->record.end ? -1 : 1;
    if (a->process != b->process) return a->process < b->process ? -1 : 1;
    if (a->image != b->image) return a->image < b->image ? -1 : 1;
    return a->ns < b->ns ? -1 : a->ns > b->ns;
}

static bool same_range(const struct pictured *a, const struct pictured *b)
{
    return a->family == b->family && a->record.start == b->record.start && a->record.end == b->record.end;
}

/* --- what a picture holds --------------------------------------------------------------------- */

#define NOT_WRITTEN 0u /* as the file has it */
#define LOST        UINT32_MAX

struct holder {
    const struct pictured *last, *born; /* born: its parent's at the fork; NULL */
    ft_ref block[HALVES_MOST], at_birth[HALVES_MOST];
    bool alone[HALVES_MOST];
    bool childless;
    size_t parent; /* holder it was forked from; HOLDERS: none of them, or it was not forked */
    int64_t forked;
};

struct comparison {
    struct build *b;
    struct holder *holder;
    size_t holders;
    uint64_t word[HOLDERS][WORDS], birth[HOLDERS][WORDS]; /* of one half page */
    bool known[HOLDERS], birth_known[HOLDERS];
    uint64_t file[WORDS]; /* as it was loaded */
    bool file_known;
    uint64_t whole; /* the variable named last */
    size_t parts;   /* named of it */
    global_id first;
    size_t found;
    uint64_t work;
};

static void spread(const struct pictured *p, ft_ref *block, bool *alone)
{
    memset(block, 0, HALVES_MOST * sizeof *block);
    for (uint32_t i = 0; p && i < p->record.count; i++) {
        struct ft_c_part part;
        memcpy(&part, &p->part[i], sizeof part);
        if (part.at >> 1 >= HALVES_MOST) continue;
        block[part.at >> 1] = part.block ? part.block : LOST;
        if (alone) alone[part.at >> 1] = part.at & FT_C_ALONE;
    }
}

/* The words of a half page. False: they are not known. */
static bool decode(const struct build *b, ft_ref ref, const struct object *o, uint64_t address,
                   uint64_t *word)
{
    memset(word, 0, FT_C_BLOCK_SIZE);
    if (ref == LOST) return false;
    if (ref == NOT_WRITTEN) {
        for (unsigned i = 0; i < WORDS && o; i++)
            word[i] = b->files->bytes(o, address - o->bias + i * 8, &word[i], 8) ? ft_masked(word[i]) : 0;
        return o;
    }
    const struct ft_head *record = ft_reader_find(b->t->reader, ref, FT_C_BLOCK);
    if (!record) return false;
    struct ft_c_block block = FT_GET(c_block, record);
    size_t length, n = 0;
    const uint64_t *kept = ft_tail(record, sizeof block, &length);
    if (block.address != address) return false;
    for (unsigned i = 0; i < WORDS; i++)
        if (block.used[i / 64] >> i % 64 & 1 && n < length / 8) word[i] = kept[n++];
    return true;
}

/* --- values ----------------------------------------------------------------------------------- */

/* As memory.c keeps them; what may be two small numbers side by side is not taken for one. */
static bool is_address(uint64_t word) { return word >> 47 == 0 && word >> 40 && (uint32_t)word >> 24; }

static struct value value_of(struct build *b, uint64_t word, const struct timeline_variable *v)
{
    unsigned shift = (unsigned)(v->start & 7) * 8, size = (unsigned)v->size;
    struct value value = {.kind = v->kind, .known = true, .size = (uint8_t)size};
    if (FT_C_IS_MASKED(word)) {
        value.kind = FT_PY_KIND_secret;
        value.bits = word; /* to be told apart */
        return value;
    }
    struct ft_c_global like = {.size = size, .kind = v->kind};
    uint64_t bits = word >> shift;
    if (size < 8) bits &= (1ull << size * 8) - 1;
    /* without a type: what looks like one is an address */
    if (size == 8 && v->kind == FT_C_KIND_signed && is_address(bits)) like.kind = FT_C_KIND_pointer;
    struct defined d = {.record = like};
    return watched_value(b, &d, 0, size, bits);
}

static bool differ(const struct comparison *c, unsigned word, uint64_t mask)
{
    const uint64_t *first = NULL;
    for (size_t i = 0; i < c->holders; i++) {
        if (!c->known[i]) continue;
        const uint64_t *its = &c->word[i][word];
        bool masked = first && (FT_C_IS_MASKED(*first) || FT_C_IS_MASKED(*its));
        if (first && ((*first ^ *its) & (masked ? ~0ull : mask))) return true;
        if (!first) first = its;
    }
    return false;
}

/* --- globals and copies ----------------------------------------------------------------------- */

static void born(struct build *b, struct copy *copy, const struct pictured *p)
{
    const struct process *process = &b->t->processes[p->process];
    bool forked = process->image_inherited && !p->image;
    copy->birth = forked ? COPY_BY_FORK : p->image ? COPY_BY_EXEC : COPY_BY_LOAD;
    copy->born =
        p->image < process->image_count && !forked ? process->images[p->image].start : process->start;
}

/* What the parent had, which this process began with, is known for certain. */
static bool is_birth_known(const struct comparison *c, size_t i, uint64_t half)
{
    return c->birth_known[i] || (c->holder[i].childless && !c->holder[i].alone[half] && c->known[i]);
}

static uint64_t birth_word(const struct comparison *c, size_t i, unsigned word)
{
    return c->birth_known[i] ? c->birth[i][word] : c->word[i][word];
}

/*
 * A parent that tidies up in the end leaves what it was loaded with, and never gave to its children: they
 * have the same then, all of them.
 */
static bool siblings_differ(const struct comparison *c, size_t parent, unsigned word, uint64_t mask)
{
    const uint64_t *first = NULL;
    for (size_t i = 0; i < c->holders; i++) {
        if (c->holder[i].parent != parent || !c->known[i]) continue;
        if (first && (*first ^ c->word[i][word]) & mask) return true;
        first = &c->word[i][word];
    }
    return false;
}

/* The parent's value before this process was forked, and after: the same. */
static bool infer_birth(const struct comparison *c, size_t i, unsigned word, uint64_t half, uint64_t mask,
                        uint64_t *value)
{
    const struct holder *h = &c->holder[i];
    if (h->parent == HOLDERS || !c->known[h->parent]) return false;
    bool before = c->file_known && siblings_differ(c, h->parent, word, mask);
    uint64_t earlier = c->file[word], later = c->word[h->parent][word];
    int64_t from = NEVER, until = INT64_MAX;
    for (size_t k = 0; k < c->holders; k++) {
        const struct holder *other = &c->holder[k];
        if (other->parent != h->parent || k == i || !is_birth_known(c, k, half)) continue;
        if (other->forked <= h->forked && other->forked > from)
            from = other->forked, earlier = birth_word(c, k, word), before = true;
        if (other->forked > h->forked && other->forked < until)
            until = other->forked, later = birth_word(c, k, word);
    }
    *value = later;
    return before && !((earlier ^ later) & (FT_C_IS_MASKED(earlier) || FT_C_IS_MASKED(later) ? ~0ull : mask));
}

static uint64_t mask_of(const struct timeline_variable *v)
{
    return v->size >= 8 ? ~0ull : ((1ull << v->size * 8) - 1) << (v->start & 7) * 8;
}

static void add_copy(struct comparison *c, size_t index, global_id global, unsigned word,
                     const struct timeline_variable *v, uint64_t half)
{
    struct build *b = c->b;
    const struct holder *h = &c->holder[index];
    copy_id id = globals_copy(b, global, h->last->process, h->last->image);
    struct copy *copy = &b->t->copies[id];
    uint64_t inferred;
    born(b, copy, h->last);
    copy->last = value_of(b, c->word[index][word], v);
    copy->sampled = h->last->ns;
    if (copy->birth != COPY_BY_FORK) return;
    if (is_birth_known(c, index, half))
        copy->at_birth = value_of(b, birth_word(c, index, word), v);
    else if (infer_birth(c, index, word, half, mask_of(v), &inferred)) {
        copy->at_birth = value_of(b, inferred, v);
        copy->birth_inferred = true;
    }
    if (copy->at_birth.known && copy->at_birth.bits != copy->last.bits) {
        copy->changes = 1;
        copy->changed = h->last->ns;
    }
}

static void relate(struct comparison *c, global_id global)
{
    struct build *b = c->b;
    for (size_t i = 0; i < c->holders; i++) {
        const struct pictured *p = c->holder[i].last;
        copy_id id = globals_copy(b, global, p->process, p->image);
        if (b->t->copies[id].birth != COPY_BY_FORK) continue;
        const struct process *process = &b->t->processes[p->process];
        uint16_t image = process->fork != NONE ? event_about(b, process->fork)->image : 0;
        for (size_t k = 0; k < c->holders; k++) {
            const struct pictured *q = c->holder[k].last;
            if (!c->known[k] || q->process != process->parent || q->image != image) continue;
            copy_id parent = globals_copy(b, global, q->process, q->image);
            struct copy *child = &b->t->copies[id], *its = &b->t->copies[parent];
            child->parent = parent;
            if (!child->at_birth.known || its->changes || child->at_birth.bits == its->last.bits) continue;
            its->changes = 1; /* it is not what it gave to its child any more */
            its->changed = q->ns;
        }
    }
}

static void add_global(struct comparison *c, const struct object *o, const struct timeline_variable *v,
                       unsigned word, uint64_t half)
{
    struct build *b = c->b;
    struct timeline *t = b->t;
    const struct pictured *p = c->holder[0].last;
    const struct process *process = &t->processes[p->process];
    const char *exe = p->image < process->image_count ? process->images[p->image].exe : NULL;
    size_t before = t->global_count;
    global_id id =
        watched_named(b, o->path, exe && strcmp(exe, o->path), build_text(b, v->name, strlen(v->name)));
    if (t->global_count == before) return; /* watched: more is known of it */
    t->globals[id].found = t->globals[id].diverged = true;
    for (size_t i = 0; i < c->holders; i++)
        if (c->known[i]) add_copy(c, i, id, word, v, half);
    relate(c, id);
    if (!c->parts++) c->first = id;
    c->found++;
}

/* --- comparing -------------------------------------------------------------------------------- */

static bool is_masked(const struct comparison *c, unsigned word)
{
    for (size_t i = 0; i < c->holders; i++)
        if (c->known[i] && FT_C_IS_MASKED(c->word[i][word])) return true;
    return false;
}

static bool has_address(const struct comparison *c, unsigned word)
{
    for (size_t i = 0; i < c->holders; i++)
        if (c->known[i] && is_address(c->word[i][word])) return true;
    return false;
}

/* Names each part of a word that is not the same everywhere. */
static void name_word(struct comparison *c, const struct object *o, uint64_t address, unsigned word,
                      uint64_t half)
{
    unsigned guess = has_address(c, word) ? 8 : 4;
    for (uint64_t at = address - o->bias, end = at + 8; at < end;) {
        struct timeline_variable v = {.size = 0};
        if (!c->b->files->variable(o, at, guess, &v)) {
            c->b->t->nameless += at + 8 == end;
            at++;
            continue;
        }
        at = v.start + v.size;
        if (v.startup || !differ(c, word, mask_of(&v))) continue;
        if (is_masked(c, word)) { /* one for all of a text */
            v.name[strcspn(v.name, "[")] = 0;
            at = end;
        }
        if (v.whole != c->whole) c->parts = 0;
        c->whole = v.whole;
        if (c->parts < PARTS_EACH && c->found < FOUND_MOST)
            add_global(c, o, &v, word, half);
        else if (c->parts)
            c->b->t->globals[c->first].others++;
    }
}

static void compare_half(struct comparison *c, const struct object *o, uint64_t half)
{
    uint64_t address = c->holder[0].last->record.start + half * FT_C_BLOCK_SIZE;
    for (size_t i = 0; i < c->holders; i++) {
        const struct holder *h = &c->holder[i];
        c->known[i] = decode(c->b, h->block[half], o, address, c->word[i]);
        c->birth_known[i] = h->born && decode(c->b, h->at_birth[half], o, address, c->birth[i]);
        /* its parent never wrote there */
        if (!c->birth_known[i] && h->parent < HOLDERS && c->holder[h->parent].block[half] == NOT_WRITTEN)
            c->birth_known[i] = decode(c->b, NOT_WRITTEN, o, address, c->birth[i]);
    }
    c->file_known = decode(c->b, NOT_WRITTEN, o, address, c->file);
    for (unsigned word = 0; word < WORDS; word++)
        if (differ(c, word, ~0ull)) name_word(c, o, address + word * 8, word, half);
}

static bool all_alike(const struct comparison *c, uint64_t half)
{
    for (size_t i = 1; i < c->holders; i++)
        if (c->holder[i].block[half] != c->holder[0].block[half]) return false;
    return true;
}

/* The picture its parent took at the fork that made it. */
static const struct pictured *at_birth(const struct build *b, const struct pictured *p,
                                       const struct pictured *group, size_t count)
{
    const struct process *process = &b->t->processes[p->process];
    if (!process->image_inherited || p->image || process->fork == NONE) return NULL;
    for (size_t i = 0; i < count; i++)
        if (group[i].fork && group[i].fork == event_about(b, process->fork)->record) return &group[i];
    return NULL;
}

static void find_parents(struct comparison *c)
{
    const struct timeline *t = c->b->t;
    for (size_t i = 0; i < c->holders; i++) {
        struct holder *h = &c->holder[i];
        const struct process *process = &t->processes[h->last->process];
        h->parent = HOLDERS;
        if (!process->image_inherited || h->last->image || process->fork == NONE) continue;
        h->forked = t->events[process->fork].ns;
        for (size_t k = 0; k < c->holders; k++)
            if (c->holder[k].last->process == process->parent &&
                c->holder[k].last->image == EVENT_AT(t, process->fork)->image)
                h->parent = k;
    }
}

static bool is_childless(const struct build *b, process_id process)
{
    for (process_id p = process + 1; p < b->t->process_count; p++) /* children come later */
        if (b->t->processes[p].parent == process) return false;
    return true;
}

static void compare(struct comparison *c, const struct pictured *group, size_t count)
{
    struct build *b = c->b;
    c->holders = 0;
    for (size_t i = 0; i < count && c->holders < HOLDERS; i++) {
        bool last = i + 1 == count || group[i + 1].process != group[i].process ||
                    group[i + 1].image != group[i].image;
        if (!last || group[i].fork) continue; /* the last, if it is that of its end */
        struct holder *h = &c->holder[c->holders++];
        *h = (struct holder){.last = &group[i], .born = at_birth(b, &group[i], group, count)};
        spread(h->last, h->block, h->alone);
        spread(h->born, h->at_birth, NULL);
        h->childless = is_childless(b, h->last->process);
    }
    if (c->holders < 2) return;
    find_parents(c);
    const struct pictured *p = c->holder[0].last;
    const struct object *o = timeline_object(b->t, p->process, p->ns, p->record.start);
    uint64_t halves = (p->record.end - p->record.start) / FT_C_BLOCK_SIZE;
    c->work += halves * c->holders;
    if (!o || !o->path || c->work > WORK_MOST) return;
    for (uint64_t half = 0; half < halves; half++)
        if (!all_alike(c, half)) compare_half(c, o, half);
}

void discovered_finish(struct build *b)
{
    if (b->picture_count < 2 || !b->files) return;
    qsort(b->pictured, b->picture_count, sizeof *b->pictured, by_range);
    struct comparison *c = build_alloc(b, sizeof *c);
    c->b = b;
    c->holder = build_alloc(b, HOLDERS * sizeof *c->holder);
    for (size_t i = 0, end; i < b->picture_count; i = end) {
        for (end = i + 1; end < b->picture_count && same_range(&b->pictured[i], &b->pictured[end]);) end++;
        compare(c, &b->pictured[i], end - i);
    }
}

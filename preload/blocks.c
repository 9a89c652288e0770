/*
 * blocks.c: see blocks.h. Text, and what may be a key, stays where it is: its
 * words are masked (trace/masked.h).
 */
#include "blocks.h"

#include <string.h>

#include "trace/masked.h"

#if defined __SSE2__
#include <emmintrin.h>
#endif

#define WORDS (FT_C_BLOCK_SIZE / 8)
#define MIX   0x9e3779b97f4a7c15u
#define STEP  0x165667b19e3779f9u

static struct ft_interned *kept; /* BLOCKS_WAYS for each place */

size_t blocks_room(void) { return BLOCKS_MOST * BLOCKS_WAYS * sizeof *kept; }
void blocks_init(void *memory) { kept = memory; }

/* --- what has been written -------------------------------------------------------------------- */

/* What all processes had at first stays in the first way; what each makes of it takes turns in the others. */
static struct ft_interned *way_of(unsigned place, uint64_t hash, unsigned turn)
{
    return &kept[place * BLOCKS_WAYS + (turn ? 1 + (hash >> 8) % (BLOCKS_WAYS - 1) : 0)];
}

static ft_ref find(unsigned place, uint64_t hash)
{
    for (unsigned turn = 0; kept && place < BLOCKS_MOST && turn < 2; turn++) {
        ft_ref ref = ft_known(&ft, way_of(place, hash, turn), hash);
        if (ref) return ref;
    }
    return 0;
}

static void remember(unsigned place, uint64_t hash, ft_ref ref)
{
    if (!kept || place >= BLOCKS_MOST) return;
    const struct ft_interned *first = way_of(place, hash, 0);
    ft_ref old = __atomic_load_n(&first->ref, __ATOMIC_RELAXED);
    bool taken = old && old != ~0u && !ft_stale(&ft, old);
    ft_remember(way_of(place, hash, taken), hash, ref);
}

/* --- half pages ------------------------------------------------------------------------------- */

/*
 * Which half page, with which content. Reads what other threads may be writing: each word is taken as it is
 * at some moment. 64 bytes at a time go into lanes that do not wait for each other (the way of XXH3): memory
 * is read as fast as it comes.
 */
#if defined __SSE2__
struct stripe {
    __m128i sum, key;
};

static inline __m128i pair(uint64_t high, uint64_t low)
{
    return _mm_set_epi64x((long long)high, (long long)low);
}

static inline void take(struct stripe *stripe, __m128i data)
{
    __m128i mixed = _mm_xor_si128(data, stripe->key);
    __m128i product = _mm_mul_epu32(mixed, _mm_srli_epi64(mixed, 32));
    __m128i swapped = _mm_shuffle_epi32(data, _MM_SHUFFLE(1, 0, 3, 2));
    stripe->sum = _mm_add_epi64(stripe->sum, _mm_add_epi64(product, swapped));
    stripe->key = _mm_add_epi64(stripe->key, pair(STEP, STEP)); /* the same elsewhere is not the same */
}

static uint64_t print_of(const volatile uint64_t *word)
{
    const __m128i *at = (const __m128i *)(uintptr_t)word;
    struct stripe a = {pair(1, 2), pair(MIX, STEP)}, b = {pair(3, 4), pair(3 * MIX, 3 * STEP)},
                  c = {pair(5, 6), pair(5 * MIX, 5 * STEP)}, d = {pair(7, 8), pair(7 * MIX, 7 * STEP)};
    for (const __m128i *end = at + FT_C_BLOCK_SIZE / sizeof *at; at < end; at += 4) {
        take(&a, _mm_load_si128(at));
        take(&b, _mm_load_si128(at + 1));
        take(&c, _mm_load_si128(at + 2));
        take(&d, _mm_load_si128(at + 3));
    }
    __m128i all[5] = {a.sum, b.sum, c.sum, d.sum, pair(0, (uintptr_t)word)};
    return ft_hash(all, sizeof all);
}
#else
static uint64_t print_of(const volatile uint64_t *word)
{
    uint64_t lane[4] = {1, 2, 3, 4};
    for (unsigned i = 0; i < WORDS; i += 4)
        for (unsigned k = 0; k < 4; k++) {
            lane[k] = (lane[k] ^ word[i + k]) * MIX;
            lane[k] ^= lane[k] >> 29;
        }
    uint64_t all[5] = {lane[0], lane[1], lane[2], lane[3], (uintptr_t)word};
    return ft_hash(all, sizeof all);
}
#endif

static ft_ref write_block(const volatile uint64_t *word, ft_ref task)
{
    uint64_t used[WORDS / 64] = {0}, now[WORDS];
    size_t count = 0;
    for (unsigned i = 0; i < WORDS; i++) {
        uint64_t w = word[i];
        used[i / 64] |= (uint64_t)(w != 0) << i % 64;
        now[count] = w;
        count += w != 0;
    }
    size_t size = sizeof(struct ft_c_block) + count * 8;
    if (!ft_picture_room(&ft, size)) return 0;
    struct ft_c_block *block = ft_begin(&ft, FT_C_BLOCK, size, task);
    if (!block) return 0;
    block->address = (uintptr_t)word;
    memcpy(block->used, used, sizeof used);
    for (size_t i = 0; i < count; i++) block->word[i] = ft_masked(now[i]);
    ft_ref ref = ft_ref_of(block);
    ft_commit(block);
    return ref;
}

ft_ref blocks_keep(const volatile uint64_t *word, unsigned place, ft_ref task)
{
    uint64_t hash = print_of(word);
    ft_ref ref = find(place, hash);
    if (ref) return ref;
    ref = write_block(word, task);
    if (ref) remember(place, hash, ref);
    return ref;
}

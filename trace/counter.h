/*
 * counter.h: the counter that all CPUs of a machine share, which costs a third
 * of what clock_gettime does: the TSC of x86-64, CNTVCT_EL0 of aarch64 (which
 * counts 24 million to a thousand million times a second: times of two records
 * may be equal).
 */
#ifndef FT_COUNTER_H
#define FT_COUNTER_H

#include <stdint.h>

#if defined __x86_64__
#define FT_COUNTER_ARCH "x86_64" /* as uname() has it, and ft_header.arch */
static inline uint64_t ft_counter(void) { return __builtin_ia32_rdtsc(); }
static inline uint64_t ft_counter_hz(void) { return 3000000000u; } /* not known to a program: thereabouts */

#elif defined __aarch64__
#define FT_COUNTER_ARCH "aarch64"
static inline uint64_t ft_counter(void)
{
    uint64_t v;
    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(v));
    return v;
}
static inline uint64_t ft_counter_hz(void)
{
    uint64_t v;
    __asm__ volatile("mrs %0, cntfrq_el0" : "=r"(v));
    return v;
}

#else /* the writer never chooses FT_CLOCK_TSC */
#define FT_COUNTER_ARCH ""
static inline uint64_t ft_counter(void) { return 0; }
static inline uint64_t ft_counter_hz(void) { return 1; }
#endif

#endif

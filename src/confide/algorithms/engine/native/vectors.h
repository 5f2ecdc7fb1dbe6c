/* Vectors of LANES floats in GCC's vector extension; what it can't say well comes as intrinsics of the path.
 *
 * A path file sets LANES and PATH(name) and, where it may, USE_AVX512 or USE_AVX2, then includes this, group.h
 * (one row per lane) and rowwise.h (one embedding per vector).
 */
#include "kernel.h"

#include <math.h>
#include <string.h>
#if defined(USE_AVX512) || defined(USE_AVX2)
#include <immintrin.h>
#endif

#define INLINE static inline __attribute__((always_inline))

/* The compiler must not merge what computed it with what uses it. */
#if defined(USE_AVX512) || defined(USE_AVX2)
#define SEPARATE(vector) __asm__("" : "+v"(vector))
#else
#define SEPARATE(vector)
#endif

typedef float vf __attribute__((vector_size(LANES * 4)));
typedef int32_t vi __attribute__((vector_size(LANES * 4)));
typedef float vf_loose __attribute__((vector_size(LANES * 4), aligned(4), may_alias));

INLINE vf load(const float *from) { return *(const vf_loose *)from; }
INLINE void store(float *to, vf value) { *(vf_loose *)to = value; }
INLINE vf all(float value) { return value - (vf){0}; }

/* The greater one; `value` where either is not a number. */
INLINE vf greater(vf floor, vf value)
{
#if defined(USE_AVX512)
    return (vf)_mm512_max_ps((__m512)floor, (__m512)value);
#elif defined(USE_AVX2)
    return (vf)_mm256_max_ps((__m256)floor, (__m256)value);
#else
    vi above = floor > value;
    return (vf)(((vi)floor & above) | ((vi)value & ~above));
#endif
}

/* The lesser one; `value` where either is not a number. */
INLINE vf lesser(vf ceiling, vf value)
{
#if defined(USE_AVX512)
    return (vf)_mm512_min_ps((__m512)ceiling, (__m512)value);
#elif defined(USE_AVX2)
    return (vf)_mm256_min_ps((__m256)ceiling, (__m256)value);
#else
    vi below = ceiling < value;
    return (vf)(((vi)ceiling & below) | ((vi)value & ~below));
#endif
}

/* e^x for x <= 0: 2^whole * 2^rest, |rest| <= 1/2, to 3e-7 near 0 and to 6e-8 |x| far from it; what would be below
 * 2^-126 is 2^-126. The polynomial has the smallest relative error of its degree, 1e-7. */
INLINE vf exponential(vf x)
{
    const float magic = 12582912.0F; /* 1.5 * 2^23: adding it rounds to a whole number, kept in the low bits */
    x = greater(all(-126.0F), x * 1.44269504088896341F);
    vf shifted = x + magic;
    vf rest = x - (shifted - magic);
    vf sum = all(1.327647129e-03F);
    sum = sum * rest + 9.675540961e-03F;
    sum = sum * rest + 5.550713092e-02F;
    sum = sum * rest + 2.402212024e-01F;
    sum = sum * rest + 6.931469440e-01F;
    sum = sum * rest + 1.000000119e+00F;
    return (vf)((vi)sum + (((vi)shifted - 0x4B400000) << 23));
}

#define LOW(d, l) (((l) & (d)) ? (l) - (d) + LANES : (l))
#define HIGH(d, l) (((l) & (d)) ? (l) + LANES : (l) + (d))
#define FOUR(M, d, l) M(d, l), M(d, (l) + 1), M(d, (l) + 2), M(d, (l) + 3)
#if LANES == 16
#define EVERY(M, d) FOUR(M, d, 0), FOUR(M, d, 4), FOUR(M, d, 8), FOUR(M, d, 12)
#elif LANES == 8
#define EVERY(M, d) FOUR(M, d, 0), FOUR(M, d, 4)
#else
#define EVERY(M, d) FOUR(M, d, 0)
#endif
#define EXCHANGE(d)                                                                    \
    for (int i = 0; i < LANES; i++)                                                    \
        if (!(i & (d))) {                                                              \
            vf upper = m[i], lower = m[i + (d)];                                       \
            m[i] = __builtin_shufflevector(upper, lower, EVERY(LOW, d));               \
            m[i + (d)] = __builtin_shufflevector(upper, lower, EVERY(HIGH, d));        \
        }

/* In place, LANES x LANES. */
INLINE void transpose(vf *m)
{
#pragma GCC unroll 16
    EXCHANGE(1)
#pragma GCC unroll 16
    EXCHANGE(2)
#if LANES >= 8
#pragma GCC unroll 16
    EXCHANGE(4)
#endif
#if LANES >= 16
#pragma GCC unroll 16
    EXCHANGE(8)
#endif
}

/* The attention layer in pairs of bfloat16: what MULTIPLY_PAIRS and PLACE_WEIGHTS of group.h stand for.
 *
 * A lane holds two neighbouring numbers of a row's product q, rounded to nearest even, and is multiplied with the
 * same two numbers of W. An odd K ends with a pair whose second number is zero.
 */

INLINE __m512bh rounded_pair(vf even, vf odd)
{
    const __m512i interleaved = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22,
                                                 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    const __m512bh both = _mm512_cvtne2ps_pbh((__m512)odd, (__m512)even);
    return (__m512bh)_mm512_permutexvar_epi16(interleaved, (__m512i)both);
}

static inline uint32_t rounded_bits(float number)
{
    uint32_t bits;
    memcpy(&bits, &number, 4);
    if ((bits & 0x7FFFFFFF) > 0x7F800000)
        return 0x7FC0;
    return (bits + 0x7FFF + (bits >> 16 & 1)) >> 16;
}

#define PLACE_PRODUCTS                                                                             \
    _Pragma("GCC unroll 2") for (ptrdiff_t k = 0; k < size; k += 2)                                \
    {                                                                                              \
        const int alone = size % 2 != 0 && k + 1 == size;                                          \
        const ptrdiff_t next = k + !alone; /* what stands there is there, and multiplied by zero */ \
        const vf p_one = load(projection + k * LANES), p_other = load(projection + next * LANES);  \
        const vf right_one = load(right[0] + k * LANES), right_other = load(right[0] + next * LANES); \
        _Pragma("GCC unroll 4") for (int s = 0; s < TILE; s++)                                     \
        {                                                                                          \
            const vf one = load(left[s] + k * LANES) * (shared ? right_one : load(right[s] + k * LANES)); \
            vf other = {0};                                                                        \
            if (!alone)                                                                            \
                other = load(left[s] + next * LANES) * (shared ? right_other : load(right[s] + next * LANES)); \
            if (first) {                                                                           \
                gain[s] += one * p_one;                                                            \
                gain[s] += other * p_other;                                                        \
            }                                                                                      \
            *(__m512bh *)(products + (k / 2 * TILE + s) * LANES) = rounded_pair(one, other);       \
        }                                                                                          \
    }

#define MULTIPLY_PAIRS                                                                             \
    _Pragma("GCC unroll 2") for (ptrdiff_t k = 0; k < size; k += 2)                                \
    {                                                                                              \
        __m512bh product[TILE];                                                                    \
        _Pragma("GCC unroll 4") for (int s = 0; s < TILE; s++)                                     \
            product[s] = *(const __m512bh *)(products + (k / 2 * TILE + s) * LANES);               \
        _Pragma("GCC unroll 8") for (int t = 0; t < UNITS; t++)                                    \
        {                                                                                          \
            const __m512bh weight = (__m512bh)_mm512_set1_ps(weights[k / 2 * UNITS + t]);          \
            _Pragma("GCC unroll 4") for (int s = 0; s < TILE; s++)                                 \
                minus_z[s][t] = (vf)_mm512_dpbf16_ps((__m512)minus_z[s][t], product[s], weight);               \
        }                                                                                          \
    }

#define PLACE_WEIGHTS                                                                              \
    for (ptrdiff_t k = 0; k < size; k += 2) {                                                      \
        const float *row = m->dense + dense_weight() + unit * size;                                \
        const uint32_t bits = rounded_bits(-row[k]) | (k + 1 < size ? rounded_bits(-row[k + 1]) << 16 : 0); \
        memcpy(&to[k / 2 * UNITS + at], &bits, 4);                                                 \
    }

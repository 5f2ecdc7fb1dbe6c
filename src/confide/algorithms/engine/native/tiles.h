/* The attention layer on AMX tiles, for K and T up to 16, as exact as float for all that matters here.
 *
 * A tile multiplies bfloat16, so each number is split in two of them: q = high + low (cut, 16 bits kept), W = high +
 * low (rounded). The depth of a tile, 32, takes both parts of q at K = 16; two products, with W's high and low part,
 * give all four: z = (W_high + W_low) (q_high + q_low), summed in float. b is where the sums start.
 *
 * Two pairs are a step. While the tiles multiply one step's products, vectors split the next step's and sum up the
 * scores of the one before: what a phase writes has reached the cache when the next reads.
 */

#define PAIRS_AT_ONCE 4 /* of which products and sums are kept: those of two steps */
#define TILE_FLOATS 256 /* 16 rows of 64 bytes */

struct tile_config {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
};

/* Order memory accesses of the compiler's with those of the tile instructions, of which it does not know. */
INLINE void fence(void) { __asm__ volatile("" ::: "memory"); }

static inline uint32_t rounded_bits(float number)
{
    uint32_t bits;
    memcpy(&bits, &number, 4);
    return (bits & 0x7F800000) == 0x7F800000 ? bits >> 16 | (bits & 0xFFFF ? 0x40 : 0)
                                             : (bits + 0x7FFF + (bits >> 16 & 1)) >> 16;
}

/* W's two parts and b as tiles, at the start of w->tiles; the rest of it is for products and sums. */
static void PATH(place_tiles)(const struct plan *plan, struct workspace *w)
{
    const struct confide_model *m = plan->model;
    const int doubles = (m->size + 1) / 2;
    uint32_t *high = (uint32_t *)w->tiles, *low = high + TILE_FLOATS;
    float *bias = w->tiles + 2 * TILE_FLOATS;
    for (int t = 0; t < m->units; t++) {
        for (int k = 0; k < 2 * doubles; k++) {
            const float weight = k < m->size ? m->dense[dense_weight() + t * m->size + k] : 0;
            const uint32_t bits = rounded_bits(weight), shifted = bits << 16;
            float head;
            memcpy(&head, &shifted, 4);
            const uint32_t rest = rounded_bits(weight - head);
            uint32_t *to_high = high + t * 16 + k / 2, *to_low = low + t * 16 + k / 2;
            to_high[0] = k % 2 ? to_high[0] | bits << 16 : bits;
            to_low[0] = k % 2 ? to_low[0] | rest << 16 : rest;
            to_high[doubles] = to_high[0];
            to_low[doubles] = to_low[0];
        }
        for (int r = 0; r < LANES; r++)
            bias[t * LANES + r] = m->dense[dense_bias(m) + t];
    }
}

/* Two neighbouring numbers of each row, cut to bfloat16, the first in the lower half. */
INLINE __m512i packed(__m512 even, __m512 odd)
{
    return _mm512_mask_shuffle_epi8((__m512i)odd, 0x3333333333333333, (__m512i)even,
                                    _mm512_broadcast_i32x4(_mm_setr_epi8(2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13)));
}

INLINE __m512 rest_of(__m512 number)
{
    return _mm512_sub_ps(number, (__m512)_mm512_and_si512((__m512i)number, _mm512_set1_epi32((int)0xFFFF0000)));
}

/* The products of a pair and the next one, split, as tiles; and their gains. `shared`: their right field is one. */
INLINE void split_products(const int shared, const struct workspace *w, ptrdiff_t pair, int size, float *tile)
{
    const int doubles = (size + 1) / 2;
    const float *left[2], *right[2];
    const float *projection = w->projection;
    vf gain[2][2] = {{{0}}};
#pragma GCC unroll 2
    for (int s = 0; s < 2; s++) {
        left[s] = w->by_lane + (ptrdiff_t)w->pairs[2 * (pair + s)] * size * LANES;
        right[s] = w->by_lane + (ptrdiff_t)w->pairs[2 * (pair + s) + 1] * size * LANES;
    }
#pragma GCC unroll 8
    for (int k = 0; k < doubles; k++) {
        const ptrdiff_t at = (ptrdiff_t)2 * k * LANES;
        const int alone = 2 * k + 1 == size;
        const vf p_even = load(projection + at), p_odd = alone ? (vf){0} : load(projection + at + LANES);
        const vf r_even = load(right[0] + at), r_odd = alone ? (vf){0} : load(right[0] + at + LANES);
#pragma GCC unroll 2
        for (int s = 0; s < 2; s++) {
            const vf even = load(left[s] + at) * (shared ? r_even : load(right[s] + at));
            const vf odd = alone ? (vf){0} : load(left[s] + at + LANES) * (shared ? r_odd : load(right[s] + at + LANES));
            gain[s][0] += even * p_even;
            if (!alone)
                gain[s][1] += odd * p_odd;
            _mm512_store_si512(tile + s * TILE_FLOATS + k * 16, packed((__m512)even, (__m512)odd));
            _mm512_store_si512(tile + s * TILE_FLOATS + (doubles + k) * 16, packed(rest_of((__m512)even), rest_of((__m512)odd)));
        }
    }
#pragma GCC unroll 2
    for (int s = 0; s < 2; s++)
        store(w->gain + (pair + s) * LANES, gain[s][0] + gain[s][1]);
}

/* Add h_t ReLU(z) to the score, and bit t to the mask where z is positive. What is not a number stays so. */
INLINE void rectify(vf z, float output, int t, const int masks, vf *score, vi *positive)
{
#if defined(USE_AVX512)
    const __mmask16 on = _mm512_cmp_ps_mask((__m512)z, _mm512_setzero_ps(), _CMP_NLE_UQ);
    *score = (vf)_mm512_mask3_fmadd_ps((__m512)z, _mm512_set1_ps(output), (__m512)*score, on);
    if (masks)
        *positive = (vi)_mm512_mask_or_epi32((__m512i)*positive, on, (__m512i)*positive, _mm512_set1_epi32(1 << t));
#else
    const vi on = ~(z <= 0);
    *score += (vf)((vi)z & on) * output;
    if (masks)
        *positive |= on & (1 << t);
#endif
}

/* Scores and sign masks of two pairs from their z. */
INLINE void rectify_tiles(const int units, const int masks, const struct workspace *w, ptrdiff_t pair, const float *tile)
{
    vf score[2][2] = {{{0}}};
    vi positive[2][2] = {{{0}}};
#pragma GCC unroll 16
    for (int t = 0; t < units; t++) {
        const float output = w->unit_output[t];
#pragma GCC unroll 2
        for (int s = 0; s < 2; s++) {
            const vf z = load(tile + s * TILE_FLOATS + t * LANES);
            if (masks)
                rectify(z, output, t, 1, &score[s][t & 1], &positive[s][t & 1]);
            else
                score[s][t & 1] += greater((vf){0}, z) * output;
        }
    }
#pragma GCC unroll 2
    for (int s = 0; s < 2; s++) {
        store(w->score + (pair + s) * LANES, score[s][0] + score[s][1]);
        if (masks)
            *(vi *)(w->mask + (pair + s) * LANES) = positive[s][0] | positive[s][1];
    }
}

/* z of two pairs. */
INLINE void multiply_tiles(const float *bias, const float *products, float *sums)
{
    fence();
    _tile_loadd(0, bias, 64);
    _tile_loadd(1, products, 64);
    _tile_loadd(2, bias, 64);
    _tile_loadd(3, products + TILE_FLOATS, 64);
    _tile_dpbf16ps(0, 6, 1);
    _tile_dpbf16ps(2, 6, 3);
    _tile_dpbf16ps(0, 7, 1);
    _tile_dpbf16ps(2, 7, 3);
    _tile_stored(0, sums, 64);
    _tile_stored(2, sums + TILE_FLOATS, 64);
    fence();
}

INLINE void tile_phases(const int size, const int units, const int masks, const struct plan *plan, struct workspace *w)
{
    const ptrdiff_t prefetches = plan->model->fields * LANES * 2 / plan->pairs + 1, last = plan->padded_pairs / 2;
    float *products = w->tiles + 3 * TILE_FLOATS, *sums = products + 4 * TILE_FLOATS;
    for (ptrdiff_t step = 0; step < last + 2; step++) {
        const ptrdiff_t slot = step % 2 * 2 * TILE_FLOATS, other = 2 * TILE_FLOATS - slot;
        if (step && step <= last)
            multiply_tiles(w->tiles + 2 * TILE_FLOATS, products + other, sums + other);
        if (step < last) {
            if (w->pairs[4 * step + 1] == w->pairs[4 * step + 3])
                split_products(1, w, 2 * step, size, products + slot);
            else
                split_products(0, w, 2 * step, size, products + slot);
        }
        if (step > 1)
            rectify_tiles(units, masks, w, 2 * (step - 2), sums + slot);
        prefetch_records(plan, w, step * prefetches, prefetches);
    }
}

static void PATH(tile_pairs)(const struct plan *plan, struct workspace *w, int masks)
{
    const int doubles = (plan->model->size + 1) / 2;
    struct tile_config config = {.palette = 1};
    for (int sum = 0; sum < 6; sum += 2) {
        config.rows[sum] = (uint8_t)plan->block;
        config.row_bytes[sum] = 64;
        config.rows[sum + 1] = (uint8_t)(2 * doubles);
        config.row_bytes[sum + 1] = 64;
    }
    for (int weight = 6; weight < 8; weight++) {
        config.rows[weight] = (uint8_t)plan->block;
        config.row_bytes[weight] = (uint16_t)(8 * doubles);
    }
    fence();
    _tile_loadconfig(&config);
    _tile_loadd(6, w->tiles, 64);
    _tile_loadd(7, w->tiles + TILE_FLOATS, 64);
    const int size = plan->model->size;
    if (size == 16 && plan->block == 16 && masks)
        tile_phases(16, 16, 1, plan, w);
    else if (size == 16 && plan->block == 16)
        tile_phases(16, 16, 0, plan, w);
    else
        tile_phases(size, plan->block, masks, plan, w);
    _tile_release();
}

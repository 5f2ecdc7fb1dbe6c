/* The attention layer on AMX tiles, for K and T up to 16, as exact as float for all that matters here.
 *
 * A tile multiplies bfloat16, so each number is split in two of them: q = high + low (cut, 16 bits kept), W = high +
 * low (rounded). The depth of a tile, 32, takes both parts of q at K = 16; two products, with W's high and low part,
 * give all four: z = (W_high + W_low) (q_high + q_low), summed in float. b is where the sums start.
 *
 * PAIRS_AT_ONCE pairs go through each phase together: what a phase writes has reached the cache when the next reads.
 */

#define PAIRS_AT_ONCE 8
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

/* Two neighbouring numbers of each row, the first in the lower half. */
INLINE __m512i packed(__m512 even, __m512 odd)
{
    return _mm512_mask_blend_epi16(0xAAAAAAAA, _mm512_srli_epi32((__m512i)even, 16), (__m512i)odd);
}

/* The products of one pair, split, as a tile; and its gain. */
INLINE void split_products(const struct workspace *w, ptrdiff_t pair, int size, float *tile)
{
    const int doubles = (size + 1) / 2;
    const float *left = w->by_lane + (ptrdiff_t)w->pairs[2 * pair] * size * LANES;
    const float *right = w->by_lane + (ptrdiff_t)w->pairs[2 * pair + 1] * size * LANES;
    const float *projection = w->projection;
    const __m512i upper = _mm512_set1_epi32((int)0xFFFF0000);
    vf gain[2] = {{0}, {0}};
    for (int k = 0; k < doubles; k++) {
        const ptrdiff_t at = (ptrdiff_t)2 * k * LANES;
        const int alone = 2 * k + 1 == size;
        const vf even = load(left + at) * load(right + at);
        const vf odd = alone ? (vf){0} : load(left + at + LANES) * load(right + at + LANES);
        gain[0] += even * load(projection + at);
        if (!alone)
            gain[1] += odd * load(projection + at + LANES);
        const __m512 even_rest = _mm512_sub_ps((__m512)even, (__m512)_mm512_and_si512((__m512i)even, upper));
        const __m512 odd_rest = _mm512_sub_ps((__m512)odd, (__m512)_mm512_and_si512((__m512i)odd, upper));
        _mm512_store_si512(tile + k * 16, packed((__m512)even, (__m512)odd));
        _mm512_store_si512(tile + (doubles + k) * 16, packed(even_rest, odd_rest));
    }
    store(w->gain + pair * LANES, gain[0] + gain[1]);
}

/* Score and sign mask of one pair from its z. */
INLINE void rectify_tile(const int units, const int masks, const struct workspace *w, ptrdiff_t pair, const float *tile)
{
    vf score[4] = {{0}, {0}, {0}, {0}};
    vi positive[2] = {{0}, {0}};
#pragma GCC unroll 16
    for (int t = 0; t < units; t++)
        rectify(load(tile + t * LANES), w->unit_output[t], t, masks, &score[t & 3], &positive[t & 1]);
    store(w->score + pair * LANES, (score[0] + score[1]) + (score[2] + score[3]));
    if (masks)
        *(vi *)(w->mask + pair * LANES) = positive[0] | positive[1];
}

/* z of PAIRS_AT_ONCE pairs. Six tiles in turn, so that one's load and store hide behind another's product. */
INLINE void multiply_tiles(const float *bias, const float *products, float *sums)
{
    fence();
#define ONE_PAIR(pair, sum, product)                            \
    _tile_loadd(sum, bias, 64);                                 \
    _tile_loadd(product, products + (pair)*TILE_FLOATS, 64);    \
    _tile_dpbf16ps(sum, 6, product);                            \
    _tile_dpbf16ps(sum, 7, product);                            \
    _tile_stored(sum, sums + (pair)*TILE_FLOATS, 64);
    for (int pair = 0; pair < PAIRS_AT_ONCE; pair += 2) {
        ONE_PAIR(pair, 0, 1)
        ONE_PAIR(pair + 1, 2, 3)
    }
#undef ONE_PAIR
    fence();
}

INLINE void tile_phases(const int units, const int masks, const struct plan *plan, struct workspace *w,
                        const struct group *group)
{
    const int size = plan->model->size;
    const ptrdiff_t prefetches = plan->model->fields * LANES * PAIRS_AT_ONCE / plan->pairs + 1;
    float *products = w->tiles + 3 * TILE_FLOATS, *sums = products + PAIRS_AT_ONCE * TILE_FLOATS;
    for (ptrdiff_t start = 0; start < plan->padded_pairs; start += PAIRS_AT_ONCE) {
        for (int pair = 0; pair < PAIRS_AT_ONCE; pair++)
            split_products(w, start + pair, size, products + pair * TILE_FLOATS);
        multiply_tiles(w->tiles + 2 * TILE_FLOATS, products, sums);
        for (int pair = 0; pair < PAIRS_AT_ONCE; pair++)
            rectify_tile(units, masks, w, start + pair, sums + pair * TILE_FLOATS);
        prefetch_records(plan, group, start / PAIRS_AT_ONCE * prefetches, prefetches);
    }
}

static void PATH(tile_pairs)(const struct plan *plan, struct workspace *w, const struct group *group, int masks)
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
    if (plan->block == 8 && masks)
        tile_phases(8, 1, plan, w, group);
    else if (plan->block == 8)
        tile_phases(8, 0, plan, w, group);
    else if (masks)
        tile_phases(16, 1, plan, w, group);
    else
        tile_phases(16, 0, plan, w, group);
    _tile_release();
}

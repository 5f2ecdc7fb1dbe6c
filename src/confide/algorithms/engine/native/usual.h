/* One row's pairs when most have the same sign mask, that of the biases. Included by rowwise.h for vectors of 16.
 *
 * Their direction is then the same, and what a field learns from them is p * A + direction * S, with A and S the sums of
 * the other fields' embeddings, weighted by share and by slope. Of the pairs with other masks, the exceptions, the
 * difference is added one by one.
 */

/* List the pairs of another mask; the sum of all slopes. */
INLINE ptrdiff_t ROW(list_exceptions)(const struct plan *plan, struct workspace *w, int r, VECTOR *slopes)
{
    const float *slope = w->row_slope + r * plan->padded_pairs;
    const uint32_t *mask = w->row_mask + r * plan->padded_pairs;
    const __m512i usual = _mm512_set1_epi32((int)w->usual);
    __m512i pair = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    ptrdiff_t count = 0;
    VECTOR sum = {0};
    for (ptrdiff_t at = 0; at < plan->pairs; at += 16, pair = _mm512_add_epi32(pair, _mm512_set1_epi32(16))) {
        const ptrdiff_t left = plan->pairs - at;
        const __mmask16 there = left >= 16 ? 0xFFFF : (__mmask16)((1U << left) - 1);
        const __mmask16 other = _mm512_mask_cmpneq_epi32_mask(there, _mm512_loadu_si512(mask + at), usual);
        _mm512_storeu_si512(w->exceptions + count, _mm512_maskz_compress_epi32(other, pair));
        sum += (VECTOR)_mm512_maskz_loadu_ps(there, slope + at);
        count += __builtin_popcount(other);
    }
    *slopes = (VECTOR)_mm512_set1_ps(_mm512_reduce_add_ps((__m512)sum));
    return count;
}

/* Sums of field j and of the first `width` left fields of a tile. */
INLINE void ROW(sum_field)(const int width, struct workspace *w, struct ROW(pass) *at, ptrdiff_t j, const VECTOR *left,
                           VECTOR *by_share, VECTOR *by_slope)
{
    const VECTOR right = AT(at->row + j * 16);
    VECTOR share_sum[2] = {AT(w->by_share + j * 16)}, slope_sum[2] = {AT(w->by_slope + j * 16)};
#pragma GCC unroll 4
    for (int a = 0; a < width; a++) {
        by_share[a] += right * at->share[a];
        by_slope[a] += right * at->slope[a];
        share_sum[a % 2] += left[a] * at->share[a];
        slope_sum[a % 2] += left[a] * at->slope[a];
    }
    AT(w->by_share + j * 16) = share_sum[0] + share_sum[1];
    AT(w->by_slope + j * 16) = slope_sum[0] + slope_sum[1];
    at->share += width;
    at->slope += width;
}

/* A and S of all fields; the sums over pairs of share and slope times both embeddings. */
INLINE void ROW(sum_fields)(int fields, struct workspace *w, struct ROW(pass) at, struct ROW(pass) inside, VECTOR *pooled,
                            VECTOR *sloped)
{
    memset(w->by_share, 0, (size_t)fields * 64);
    memset(w->by_slope, 0, (size_t)fields * 64);
    for (int tile = 0; tile < fields; tile += TILE) {
        VECTOR left[TILE], by_share[TILE] = {{0}}, by_slope[TILE] = {{0}};
#pragma GCC unroll 4
        for (int a = 0; a < TILE; a++)
            left[a] = AT(at.row + (ptrdiff_t)smaller(tile + a, fields - 1) * 16);
#pragma GCC unroll 4
        for (int b = 1; b < TILE; b++)
            if (tile + b < fields)
                ROW(sum_field)(b, w, &inside, tile + b, left, by_share, by_slope);
        for (int j = tile + TILE; j < fields; j++)
            ROW(sum_field)(TILE, w, &at, j, left, by_share, by_slope);
#pragma GCC unroll 4
        for (int a = 0; a < TILE; a++)
            if (tile + a < fields) {
                AT(w->by_share + (ptrdiff_t)(tile + a) * 16) += by_share[a];
                AT(w->by_slope + (ptrdiff_t)(tile + a) * 16) += by_slope[a];
                *pooled += by_share[a] * left[a];
                *sloped += by_slope[a] * left[a];
            }
    }
}

INLINE VECTOR ROW(direction_of)(const int two, const float *low, const float *high)
{
    VECTOR direction = AT(low);
    if (two)
        direction += AT(high);
    return direction;
}

/* What the exceptions say instead of the usual. */
INLINE void ROW(add_exceptions)(const int two, struct workspace *w, const struct ROW(pass) *at, ptrdiff_t count, float *out,
                                VECTOR usual_direction, VECTOR *sloped, VECTOR *slopes)
{
    VECTOR less = {0}, unit_slopes = {0};
    for (ptrdiff_t number = 0; number < count; number++) {
        const ptrdiff_t pair = w->exceptions[number];
        const uint32_t mask = at->mask[pair];
        const float slope = at->slope[pair];
        const ptrdiff_t i = (ptrdiff_t)w->pairs[2 * pair] * 16, j = (ptrdiff_t)w->pairs[2 * pair + 1] * 16;
        float *low = w->tables + (ptrdiff_t)(mask & 255) * ENTRY * 16, *high = w->tables + (ptrdiff_t)(256 + (mask >> 8)) * ENTRY * 16;
        const VECTOR left = AT(at->row + i), right = AT(at->row + j);
        const VECTOR direction = (ROW(direction_of)(two, low, high) - usual_direction) * slope;
        VECTOR weighted = left * right * slope;
        SEPARATE(weighted);
        AT(out + i) += direction * right;
        AT(out + j) += direction * left;
        low += (1 + number % COPIES) * 16;
        high += (1 + number % COPIES) * 16;
        AT(low) += weighted;
        if (two)
            AT(high) += weighted;
        less += weighted;
        *slopes -= slope;
        unit_slopes += (VECTOR)_mm512_maskz_mov_ps((__mmask16)mask, _mm512_set1_ps(slope));
    }
    *sloped -= less;
    AT(w->unit_slopes) += unit_slopes;
}

/* As few_vectors, for one vector; 0 where exceptions are too many for it to pay, and nothing was done. */
INLINE int ROW(usual_pairs)(const int two, const struct plan *plan, struct workspace *shared, int r, float *out)
{
    const int fields = plan->model->fields;
    const ptrdiff_t pairs = r * plan->padded_pairs;
    struct workspace copy = *shared, *const w = &copy;
    const struct ROW(pass) at = {.share = w->row_share + pairs,
                                 .slope = w->row_slope + pairs,
                                 .row = w->by_row + (ptrdiff_t)r * fields * 16,
                                 .mask = w->row_mask + pairs};
    struct ROW(pass) inside = at;
    VECTOR slopes, pooled = {0}, sloped = {0};
    const ptrdiff_t exceptions = ROW(list_exceptions)(plan, w, r, &slopes);
    if (exceptions * 5 > plan->pairs * 2) /* about where both ways take as long */
        return 0;
    ROW(advance)(&inside, plan->tiled_pairs);
    ROW(sum_fields)(fields, w, at, inside, &pooled, &sloped);
    float *low = w->tables + (ptrdiff_t)(w->usual & 255) * ENTRY * 16, *high = w->tables + (ptrdiff_t)(256 + (w->usual >> 8)) * ENTRY * 16;
    const VECTOR direction = ROW(direction_of)(two, low, high), projection = AT(w->row_projection + r * 16);
    for (ptrdiff_t field = 0; field < (ptrdiff_t)fields * 16; field += 16)
        AT(out + field) = projection * AT(w->by_share + field) + direction * AT(w->by_slope + field);
    ROW(add_exceptions)(two, w, &at, exceptions, out, direction, &sloped, &slopes);
    AT(low + 16) += sloped;
    if (two)
        AT(high + 16) += sloped;
    AT(w->pooled) += pooled * AT(w->kept + r * 16);
    AT(w->unit_slopes) += (VECTOR)_mm512_maskz_mov_ps((__mmask16)w->usual, (__m512)slopes);
    return 1;
}

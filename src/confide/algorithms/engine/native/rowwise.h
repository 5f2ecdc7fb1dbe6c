/* Code with one embedding per vector: gathering records, the backward pass over pairs, FM; and update.h.
 *
 * Included once per width: WIDTH floats in a vector, ROW(name) for the names. An embedding takes
 * `padded_size / WIDTH` vectors; what pads it is zero everywhere.
 */

typedef float ROW(vector) __attribute__((vector_size(WIDTH * 4)));
typedef float ROW(loose) __attribute__((vector_size(WIDTH * 4), aligned(4), may_alias));
#define VECTOR ROW(vector)
#define AT(pointer) (*(ROW(loose) *)(pointer))

/* Embeddings times values into by_row; the linear part of each row into outputs. */
static void ROW(gather)(const struct plan *plan, struct workspace *w, const struct group *group)
{
    const struct confide_model *m = plan->model;
    const int fields = m->fields, size = m->kind == KIND_LINEAR ? 0 : m->size, padded = plan->padded_size;
    for (int r = 0; r < group->rows; r++) {
        const int64_t row = row_at(plan->rows, group->start + r);
        const int32_t *indices = plan->rows->indices + row * fields;
        const float *values = plan->rows->values + row * fields;
        float *to = w->by_row + (ptrdiff_t)r * fields * padded;
        float linear = 0;
        for (int f = 0; f < fields; f++, to += padded) {
            const float *record = m->records + indices[f] * m->record_stride;
            linear += m->linear[indices[f] * m->linear_stride] * values[f];
            int k = 0;
            for (; k + WIDTH <= size; k += WIDTH)
                AT(to + k) = AT(record + k) * values[f];
            for (; k < size; k++)
                to[k] = record[k] * values[f];
        }
        w->outputs[r] = linear + m->dense[0];
    }
}

/* Of a unit that nothing is said to: pairs that say little leave it so. */
static uint32_t ROW(mask_of_bias)(const struct confide_model *m)
{
    uint32_t mask = 0;
    for (int unit = 0; unit < smaller(m->units, 16); unit++)
        mask |= (uint32_t)(m->dense[dense_bias(m) + unit] > 0) << unit;
    return mask;
}

/* Sums of h_t W_t over the bits of each index, by adding one bit at a time. */
static void ROW(fill_tables)(const struct plan *plan, struct workspace *w)
{
    const struct confide_model *m = plan->model;
    const ptrdiff_t padded = plan->padded_size, entry = ENTRY * padded;
    const float *weight = m->dense + dense_weight(), *output = m->dense + dense_output(m);
    memset(w->tables, 0, ((size_t)plan->chunks << plan->chunk_bits) * (size_t)entry * 4);
    memset(w->bucket_slopes, 0, ((size_t)plan->chunks << plan->chunk_bits) * 4 * TILE);
    memset(w->unit_slopes, 0, (size_t)plan->blocks * (size_t)plan->block * 4);
    w->usual = ROW(mask_of_bias)(m);
    for (int chunk = 0; chunk < plan->chunks; chunk++) {
        float *table = w->tables + ((ptrdiff_t)chunk << plan->chunk_bits) * entry;
        for (int bit = 0; bit < plan->chunk_bits; bit++) {
            const int unit = chunk * plan->chunk_bits + bit;
            float *with = table + ((ptrdiff_t)1 << bit) * entry;
            for (int k = 0; k < m->size; k++)
                with[k] = unit < m->units ? output[unit] * weight[(ptrdiff_t)unit * m->size + k] : 0;
            for (ptrdiff_t mask = 1; mask < (ptrdiff_t)1 << bit; mask++)
                for (ptrdiff_t k = 0; k < padded; k += WIDTH)
                    AT(with + mask * entry + k) = AT(with + k) + AT(table + mask * entry + k);
        }
    }
}

/* The buckets of slope * q by mask, folded bit by bit into the gradients of W, b and h. */
static void ROW(fold_buckets)(const struct plan *plan, struct workspace *w)
{
    const struct confide_model *m = plan->model;
    const ptrdiff_t padded = plan->padded_size, entry = ENTRY * padded;
    const float *weight = m->dense + dense_weight(), *bias = m->dense + dense_bias(m);
    const float *output = m->dense + dense_output(m);
    for (int chunk = 0; chunk < plan->chunks; chunk++) {
        float *sums = w->buckets + ((ptrdiff_t)chunk << plan->chunk_bits) * entry;
        float *slopes = w->bucket_slopes + ((ptrdiff_t)chunk << plan->chunk_bits) * TILE;
        for (ptrdiff_t at = 0; at < entry << plan->chunk_bits; at += entry)
            for (ptrdiff_t k = 0; k < padded; k += WIDTH)
                for (int copy = 1; copy < COPIES; copy++)
                    AT(sums + at + k) += AT(sums + at + copy * padded + k);
        for (ptrdiff_t mask = 0; mask < (ptrdiff_t)1 << plan->chunk_bits; mask++)
            slopes[mask] = slopes[mask * TILE] + slopes[mask * TILE + 1] + slopes[mask * TILE + 2] + slopes[mask * TILE + 3];
        for (int bit = plan->chunk_bits - 1; bit >= 0; bit--) {
            const int unit = chunk * plan->chunk_bits + bit;
            const ptrdiff_t half = (ptrdiff_t)1 << bit;
            float *active = sums + half * entry;
            float slope = slopes[half], along = 0;
            for (ptrdiff_t mask = 1; mask < half; mask++) {
                slope += slopes[half + mask];
                slopes[mask] += slopes[half + mask];
                for (ptrdiff_t k = 0; k < padded; k += WIDTH) {
                    VECTOR part = AT(active + mask * entry + k);
                    AT(active + k) += part;
                    AT(sums + mask * entry + k) += part;
                }
            }
            if (unit >= m->units)
                continue;
            for (int k = 0; k < m->size; k++) {
                along += weight[(ptrdiff_t)unit * m->size + k] * active[k];
                w->gradient[dense_weight() + (ptrdiff_t)unit * m->size + k] = output[unit] * active[k];
            }
            slope += w->unit_slopes[unit];
            w->gradient[dense_bias(m) + unit] = output[unit] * slope;
            w->gradient[dense_output(m) + unit] = along + bias[unit] * slope;
        }
    }
    for (int k = 0; k < m->size; k++)
        w->gradient[dense_projection(m) + k] = w->pooled[k];
}

/* One vector of the pair of two embeddings of `vectors` vectors, whose mask has one or two bytes. */
INLINE void ROW(add_vector)(const int two, const int vectors, int copy, struct workspace *w, int v, ptrdiff_t low, ptrdiff_t high,
                            float share, float slope, VECTOR left, VECTOR right, VECTOR projection, VECTOR *left_slope,
                            VECTOR *right_slope, VECTOR *pooled)
{
    const ptrdiff_t low_at = (ENTRY * low * vectors + v) * WIDTH, high_at = (ENTRY * high * vectors + v) * WIDTH, beside = (1 + copy) * vectors * WIDTH;
    VECTOR direction = AT(w->tables + low_at);
    if (two)
        direction += AT(w->tables + high_at);
    const VECTOR product = left * right;
    VECTOR weighted = product * slope;
    SEPARATE(weighted); /* one product and two sums, not two multiply-adds */
    const VECTOR product_slope = projection * share + direction * slope;
    *pooled += product * share;
    *left_slope += product_slope * right;
    *right_slope += product_slope * left;
    AT(w->tables + low_at + beside) += weighted;
    if (two)
        AT(w->tables + high_at + beside) += weighted;
}

/* The state of one row while its pairs are worked on. */
struct ROW(pass) {
    const float *share, *slope, *row;
    const uint32_t *mask;
};

INLINE void ROW(advance)(struct ROW(pass) *at, ptrdiff_t pairs)
{
    at->mask += pairs;
    at->share += pairs;
    at->slope += pairs;
}

/* Field j with the first `width` left fields of a tile; the slope of field j goes to `right_slope`. */
INLINE void ROW(add_field)(const int two, const int vectors, int width, struct workspace *w, struct ROW(pass) *at, int j,
                           VECTOR (*left)[MOST], VECTOR (*sums)[MOST], const VECTOR *projection, VECTOR (*pooled)[MOST],
                           VECTOR *unit_slopes, VECTOR *right_slope)
{
    VECTOR right[MOST], other[MOST] = {{0}}; /* every other pair's slope: a sum waits for the one before */
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++)
        right[v] = AT(at->row + (ptrdiff_t)(j * vectors + v) * WIDTH);
#pragma GCC unroll 4
    for (int a = 0; a < TILE; a++) {
        if (a >= width)
            break;
        const ptrdiff_t low = at->mask[a] & 255, high = 256 + (at->mask[a] >> 8);
#if WIDTH == 16
        unit_slopes[a] += (VECTOR)_mm512_maskz_broadcastss_ps((__mmask16)at->mask[a], _mm_load_ss(at->slope + a));
#else
        (void)unit_slopes;
        w->bucket_slopes[low * TILE + a] += at->slope[a];
        if (two)
            w->bucket_slopes[high * TILE + a] += at->slope[a];
#endif
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++)
            ROW(add_vector)(two, vectors, a % COPIES, w, v, low, high, at->share[a], at->slope[a], left[a][v], right[v],
                            projection[v], &sums[a][v], a % 2 ? &other[v] : &right_slope[v], &pooled[a][v]);
    }
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++)
        right_slope[v] += other[v];
    ROW(advance)(at, width);
}

/* One row's pairs of such embeddings. A tile's left fields stay in registers, as far as there are enough. */
INLINE void ROW(few_vectors)(const int two, const int vectors, const struct plan *plan, struct workspace *shared, int r,
                             float *out)
{
    const int fields = plan->model->fields;
    const ptrdiff_t padded = vectors * WIDTH, pairs = r * plan->padded_pairs;
    struct workspace copy = *shared, *const w = &copy; /* its pointers can then stay in registers */
    const struct ROW(pass) start = {.share = w->row_share + pairs,
                                    .slope = w->row_slope + pairs,
                                    .row = w->by_row + r * fields * padded,
                                    .mask = w->row_mask + pairs};
    struct ROW(pass) at = start, inside = start;
    ROW(advance)(&inside, plan->tiled_pairs);
    VECTOR projection[MOST], pooled[TILE][MOST] = {{{0}}}, unit_slopes[TILE] = {{0}};
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++) {
        projection[v] = AT(w->row_projection + r * padded + v * WIDTH);
    }
    for (int tile = 0; tile < fields; tile += TILE) {
        VECTOR left[TILE][MOST], sums[TILE][MOST];
#pragma GCC unroll 4
        for (int a = 0; a < TILE; a++)
#pragma GCC unroll 4
            for (int v = 0; v < vectors; v++) {
                const ptrdiff_t place = smaller(tile + a, fields - 1) * padded + v * WIDTH;
                left[a][v] = AT(start.row + place);
                sums[a][v] = AT(out + place);
            }
#pragma GCC unroll 4
        for (int b = 1; b < TILE; b++)
            if (tile + b < fields)
                ROW(add_field)(two, vectors, b, w, &inside, tile + b, left, sums, projection, pooled, unit_slopes, sums[b]);
        for (int j = tile + TILE; j < fields; j++) {
            VECTOR right_slope[MOST];
#pragma GCC unroll 4
            for (int v = 0; v < vectors; v++)
                right_slope[v] = AT(out + j * padded + v * WIDTH);
            ROW(add_field)(two, vectors, TILE, w, &at, j, left, sums, projection, pooled, unit_slopes, right_slope);
#pragma GCC unroll 4
            for (int v = 0; v < vectors; v++)
                AT(out + j * padded + v * WIDTH) = right_slope[v];
        }
#pragma GCC unroll 4
        for (int a = 0; a < TILE; a++)
#pragma GCC unroll 4
            for (int v = 0; v < vectors; v++)
                if (tile + a < fields)
                    AT(out + (tile + a) * padded + v * WIDTH) = sums[a][v];
    }
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++)
        AT(w->pooled + v * WIDTH) += ((pooled[0][v] + pooled[1][v]) + (pooled[2][v] + pooled[3][v])) * AT(w->kept + r * padded + v * WIDTH);
#if WIDTH == 16
    AT(w->unit_slopes) += (unit_slopes[0] + unit_slopes[1]) + (unit_slopes[2] + unit_slopes[3]);
#endif
}

#if WIDTH == 16
#include "usual.h"
#endif

/* Where the chunks of the mask of (row, pair) stand in tables and buckets, in entries. */
INLINE void ROW(entries_of)(const struct plan *plan, const struct workspace *w, int r, ptrdiff_t pair, ptrdiff_t *entries)
{
    const int bits = plan->chunk_bits, per_block = plan->block / bits;
    for (int chunk = 0; chunk < plan->chunks; chunk++) {
        const int block = chunk / per_block;
        const uint32_t mask = w->row_mask[((ptrdiff_t)block * plan->lanes + r) * plan->padded_pairs + pair];
        const uint32_t index = mask >> (chunk % per_block * bits) & ((1U << bits) - 1);
        entries[chunk] = ((ptrdiff_t)chunk << bits) + (ptrdiff_t)index;
    }
}

/* One row's pairs, any sizes. */
static void ROW(any_pairs)(const struct plan *plan, struct workspace *w, int r, float *out)
{
    const int fields = plan->model->fields, chunks = plan->chunks;
    const ptrdiff_t padded = plan->padded_size;
    const float *restrict row = w->by_row + (ptrdiff_t)r * fields * padded, *tables = w->tables;
    const float *restrict projection = w->row_projection + r * padded, *restrict kept = w->kept + r * padded;
    float *buckets = w->buckets, *restrict pooled = w->pooled, *restrict embedded = out;
    ptrdiff_t entries[256 / 4];
    for (ptrdiff_t pair = 0; pair < plan->pairs; pair++) {
        const ptrdiff_t i = w->pairs[2 * pair] * padded, j = w->pairs[2 * pair + 1] * padded;
        const float share = w->row_share[r * plan->padded_pairs + pair];
        const float slope = w->row_slope[r * plan->padded_pairs + pair];
        ROW(entries_of)(plan, w, r, pair, entries);
        for (int chunk = 0; chunk < chunks; chunk++)
            w->bucket_slopes[entries[chunk] * TILE + pair % TILE] += slope;
        for (ptrdiff_t k = 0; k < padded; k += WIDTH) {
            const VECTOR left = AT(row + i + k), right = AT(row + j + k);
            const VECTOR product = left * right, weighted = product * slope;
            VECTOR direction = {0};
            for (int chunk = 0; chunk < chunks; chunk++) {
                direction += AT(tables + entries[chunk] * ENTRY * padded + k);
                AT(buckets + entries[chunk] * ENTRY * padded + k) += weighted;
            }
            const VECTOR product_slope = AT(projection + k) * share + direction * slope;
            AT(pooled + k) += product * share * AT(kept + k);
            AT(embedded + i + k) += product_slope * right;
            AT(embedded + j + k) += product_slope * left;
        }
    }
}

static void ROW(backward_pairs)(const struct plan *plan, struct workspace *w, int r, float *embedded)
{
    const int vectors = plan->padded_size / WIDTH, chunks = plan->chunk_bits == 8 ? plan->chunks : 0;
#if WIDTH == 16
    w->mostly_usual |= r == 0; /* each group tries anew */
    if (vectors == 1 && chunks && w->mostly_usual) {
        w->mostly_usual = chunks == 1 ? ROW(usual_pairs)(0, plan, w, r, embedded) : ROW(usual_pairs)(1, plan, w, r, embedded);
        if (w->mostly_usual)
            return;
    }
#endif
    if (vectors == 1 && chunks == 1)
        ROW(few_vectors)(0, 1, plan, w, r, embedded);
    else if (vectors == 1 && chunks == 2)
        ROW(few_vectors)(1, 1, plan, w, r, embedded);
    else if (vectors == 2 && chunks == 1)
        ROW(few_vectors)(0, 2, plan, w, r, embedded);
    else if (vectors == 2 && chunks == 2)
        ROW(few_vectors)(1, 2, plan, w, r, embedded);
    else if (WIDTH == 4 && vectors == 4 && chunks == 2)
        ROW(few_vectors)(1, 4, plan, w, r, embedded);
    else
        ROW(any_pairs)(plan, w, r, embedded);
}

/* FM: the sum over pairs of e_i * e_j is (s * s - sum of e * e) / 2 with s the sum of e (Rendle 2010). */
static void ROW(add_fm)(const struct plan *plan, struct workspace *w, int rows)
{
    const int fields = plan->model->fields;
    const ptrdiff_t padded = plan->padded_size;
    for (int r = 0; r < rows; r++) {
        const float *row = w->by_row + (ptrdiff_t)r * fields * padded;
        float output = 0;
        for (ptrdiff_t k = 0; k < padded; k += WIDTH) {
            VECTOR sum = {0}, pairs = {0};
            for (int f = 0; f < fields; f++) {
                const VECTOR here = AT(row + f * padded + k);
                pairs += here * sum;
                sum += here;
            }
            pairs *= AT(w->kept + r * padded + k);
            for (int lane = 0; lane < WIDTH; lane++)
                output += pairs[lane];
        }
        w->outputs[r] += output;
    }
}

static void ROW(backward_fm)(const struct plan *plan, const struct workspace *w, int r, float slope, float *embedded)
{
    const int fields = plan->model->fields;
    const ptrdiff_t padded = plan->padded_size;
    const float *row = w->by_row + (ptrdiff_t)r * fields * padded;
    for (ptrdiff_t k = 0; k < padded; k += WIDTH) {
        const VECTOR factor = AT(w->kept + r * padded + k) * slope;
        VECTOR sum = {0};
        for (int f = 0; f < fields; f++)
            sum += AT(row + f * padded + k);
        for (int f = 0; f < fields; f++)
            AT(embedded + f * padded + k) = factor * (sum - AT(row + f * padded + k));
    }
}

#include "update.h"

#undef AT
#undef VECTOR
#undef ROW
#undef WIDTH

/* Code with one row per lane: attention over the pairs of a group of rows, and the steps of a group. */

/* Choose between the widths of rowwise.h. */
#if LANES == 16
#define BY_WIDTH(plan, name, ...) \
    ((plan)->padded_size % 16 ? PATH(small_##name)(__VA_ARGS__) : PATH(row_##name)(__VA_ARGS__))
#else
#define BY_WIDTH(plan, name, ...) PATH(row_##name)(__VA_ARGS__)
#endif

/* List what the thread's next group will gather. */
static void PATH(look_ahead)(const struct plan *plan, struct workspace *w, const struct group *group)
{
    const struct confide_rows *rows = plan->rows;
    const ptrdiff_t fields = plan->model->fields;
    ptrdiff_t there = group->next < 0 ? 0 : rows->count - group->next;
    there = there < LANES ? there : LANES;
    for (ptrdiff_t r = 0; r < there; r++)
        memcpy(w->ahead + r * fields, rows->indices + row_at(rows, group->next + r) * fields, (size_t)fields * 4);
    w->ahead_count = there * fields;
}

/* Ask for the records of `count` features of that list, from number `at` on. */
INLINE void prefetch_records(const struct plan *plan, const struct workspace *w, ptrdiff_t at, ptrdiff_t count)
{
    const struct confide_model *m = plan->model;
    const ptrdiff_t stop = at + count < w->ahead_count ? at + count : w->ahead_count;
    for (; at < stop; at++) {
        const int64_t feature = w->ahead[at];
        const char *record = (const char *)(m->records + feature * m->record_stride);
        __builtin_prefetch(m->linear + feature * m->linear_stride);
        for (int64_t byte = 0; byte < plan->gathered; byte += 64)
            __builtin_prefetch(record + byte);
    }
}

/* Ask for the rows themselves of the group after the next. */
INLINE void prefetch_rows(const struct plan *plan, const struct group *group)
{
    const struct confide_rows *rows = plan->rows;
    const int64_t fields = plan->model->fields;
    if (group->after < 0)
        return;
    for (int r = 0; r < LANES && group->after + r < rows->count; r++) {
        const int64_t start = row_at(rows, group->after + r) * fields;
        for (int64_t at = 0; at < fields + 15; at += 16) {
            __builtin_prefetch(rows->indices + start + (at < fields ? at : fields - 1));
            __builtin_prefetch(rows->values + start + (at < fields ? at : fields - 1));
        }
    }
}

/* by_row, turned: (F, K, lanes). Rows that are not there count as they were left: their slopes are zero. */
static void PATH(turn)(const struct plan *plan, struct workspace *w)
{
    const int fields = plan->model->fields, size = plan->model->size;
    const ptrdiff_t padded = plan->padded_size;
    for (int f = 0; f < fields; f++) {
        float *to = w->by_lane + (ptrdiff_t)f * size * LANES;
        for (int start = 0; start < size; start += LANES) {
            vf block[LANES];
#pragma GCC unroll 16
            for (int r = 0; r < LANES; r++)
                block[r] = load(w->by_row + ((ptrdiff_t)r * fields + f) * padded + start);
            transpose(block);
#pragma GCC unroll 16
            for (int k = 0; k < LANES; k++)
                if (start + k < size)
                    store(to + (ptrdiff_t)(start + k) * LANES, block[k]);
        }
    }
}

/* Shift sign masks of TILE pairs by one and add unit t's: 1 where -z is negative. What is not a number may count as
 * either. */
#if defined(USE_AVX512)
typedef struct {
    __m512i of[TILE / 2]; /* words of two pairs; as integers, negative floats are packed to -32768 */
} signs_of_pairs;
INLINE void add_signs(vf (*minus_z)[UNITS], int t, signs_of_pairs *signs)
{
#pragma GCC unroll 2
    for (int s = 0; s < TILE / 2; s++) {
        const __m512i packed = _mm512_packs_epi32((__m512i)minus_z[2 * s][t], (__m512i)minus_z[2 * s + 1][t]);
        const __m512i twice = _mm512_add_epi16(signs->of[s], signs->of[s]);
        signs->of[s] = _mm512_add_epi16(twice, _mm512_srli_epi16(packed, 15));
    }
}
INLINE void mask_of(const signs_of_pairs *signs, vi *positive)
{
#pragma GCC unroll 2
    for (int s = 0; s < TILE / 2; s++) {
        positive[2 * s] = (vi)_mm512_unpacklo_epi16(signs->of[s], _mm512_setzero_si512());
        positive[2 * s + 1] = (vi)_mm512_unpackhi_epi16(signs->of[s], _mm512_setzero_si512());
    }
}
#else
typedef struct {
    vi of[TILE];
} signs_of_pairs;
INLINE void add_signs(vf (*minus_z)[UNITS], int t, signs_of_pairs *signs)
{
#pragma GCC unroll 4
    for (int s = 0; s < TILE; s++)
        signs->of[s] = signs->of[s] + signs->of[s] - ((vi)minus_z[s][t] >> 31);
}
INLINE void mask_of(const signs_of_pairs *signs, vi *positive) { memcpy(positive, signs->of, sizeof signs->of); }
#endif

/* Scores, gains and sign masks of TILE pairs, for one block of `parts` times UNITS attention units: that many sums
 * stay in registers, and each weight is fetched once for TILE pairs. W, b and h come with the other sign, so what is
 * summed up is -z, whose sign bit says whether the unit is on: never -0, as b is not. `shared`: the pairs' right field is one, and
 * their left fields follow each other. */
INLINE void pairs_of_block(const int shared, const int parts, const int first, const int masks, const struct workspace *w,
                           ptrdiff_t size, ptrdiff_t pair, ptrdiff_t block, uint32_t *mask)
{
    const float *restrict left[TILE], *restrict right[TILE];
    const float *restrict projection = w->projection;
    float *restrict products = w->products;
    vf gain[TILE], score[TILE];
    vi positive[TILE];
    signs_of_pairs signs = {0};
#pragma GCC unroll 4
    for (int s = 0; s < TILE; s++) {
        const int32_t *fields = w->pairs + 2 * (pair + (shared ? 0 : s));
        left[s] = w->by_lane + (fields[0] + (shared ? s : 0)) * size * LANES;
        right[s] = w->by_lane + fields[1] * size * LANES;
        gain[s] = score[s] = (vf){0};
    }
    PLACE_PRODUCTS
#pragma GCC unroll 1
    for (int part = parts - 1; part >= 0; part--) {
        const ptrdiff_t unit = block * 16 + part * UNITS;
        const float *restrict weights = w->weights + unit * (size + 1);
        const float *restrict bias = w->unit_bias + unit, *restrict output = w->unit_output + unit;
        vf minus_z[TILE][UNITS];
#pragma GCC unroll 8
        for (int t = 0; t < UNITS; t++)
#pragma GCC unroll 4
            for (int s = 0; s < TILE; s++)
                minus_z[s][t] = all(bias[t]);
        MULTIPLY_PAIRS
#pragma GCC unroll 8
        for (int t = UNITS - 1; t >= 0; t--) {
            if (masks)
                add_signs(minus_z, t, &signs);
#pragma GCC unroll 4
            for (int s = 0; s < TILE; s++)
                score[s] += lesser((vf){0}, minus_z[s][t]) * all(output[t]);
        }
    }
    if (masks)
        mask_of(&signs, positive);
#pragma GCC unroll 4
    for (int s = 0; s < TILE; s++) {
        const ptrdiff_t at = (pair + s) * LANES;
        store(w->score + at, first ? score[s] : score[s] + load(w->score + at));
        if (first)
            store(w->gain + at, gain[s]);
        if (masks)
            *(vi *)(mask + at) = positive[s];
    }
}

/* Not inlined, so that the inner loop has the registers for itself. In turn: any pairs or those with one right field,
 * without or with masks. */
#define PAIRS_OF_BLOCK(name, known_size, parts, first, shared, masks)                                            \
    static __attribute__((noinline)) void PATH(name##_##shared##masks)(                                          \
        const struct workspace *w, ptrdiff_t size, ptrdiff_t pair, ptrdiff_t block, uint32_t *mask)              \
    {                                                                                                            \
        pairs_of_block(shared, parts, first, masks, w, known_size ? known_size : size, pair, block, mask);       \
    }
typedef void pairs_of(const struct workspace *, ptrdiff_t, ptrdiff_t, ptrdiff_t, uint32_t *);
#define EACH_PAIRS_OF_BLOCK(name, known_size, parts, first)                                                      \
    PAIRS_OF_BLOCK(name, known_size, parts, first, 0, 0)                                                         \
    PAIRS_OF_BLOCK(name, known_size, parts, first, 0, 1)                                                         \
    PAIRS_OF_BLOCK(name, known_size, parts, first, 1, 0)                                                         \
    PAIRS_OF_BLOCK(name, known_size, parts, first, 1, 1)                                                         \
    static pairs_of *const PATH(name)[2][2] = {{PATH(name##_00), PATH(name##_01)}, {PATH(name##_10), PATH(name##_11)}};
EACH_PAIRS_OF_BLOCK(sixteen, 16, 16 / UNITS, 1)
EACH_PAIRS_OF_BLOCK(narrow, 0, 8 / UNITS, 1)
EACH_PAIRS_OF_BLOCK(first, 0, 16 / UNITS, 1)
EACH_PAIRS_OF_BLOCK(later, 0, 16 / UNITS, 0)

#if defined(USE_AMX)
#include "tiles.h"
#endif

static void PATH(score_pairs)(const struct plan *plan, struct workspace *w, int masks)
{
#if defined(USE_AMX)
    if (plan->tiled) {
        PATH(tile_pairs)(plan, w, masks);
        return;
    }
#endif
    const ptrdiff_t size = plan->model->size;
    ptrdiff_t asked = 0; /* how many records of the next group */
    for (ptrdiff_t block = 0; block < plan->blocks; block++) {
        pairs_of *const(*work)[2] = block              ? PATH(later)
                                    : plan->block == 8 ? PATH(narrow)
                                    : size == 16       ? PATH(sixteen)
                                                       : PATH(first);
        uint32_t *mask = masks ? w->mask + block * plan->padded_pairs * LANES : NULL;
        for (ptrdiff_t pair = 0; pair < plan->padded_pairs; pair += TILE) {
            work[pair < plan->tiled_pairs][masks](w, size, pair, block, mask);
            if (block == 0 && asked * plan->pairs <= pair * plan->model->fields * LANES) {
                prefetch_records(plan, w, asked, BURST);
                asked += BURST;
            }
        }
    }
}

/* A score becomes attention before division. */
INLINE void weigh(float *score, const float *gain, vf highest, vf *total, vf *attended)
{
    const vf weight = exponential(load(score) - highest);
    store(score, weight);
    *total += weight;
    *attended += weight * load(gain);
}

/* Softmax over pairs. Scores become attention before division by `sum`; the result is the attended gain. */
INLINE vf attend(const struct plan *plan, struct workspace *w, vf *sum)
{
    vf highest[4], total[2] = {{0}}, attended[2] = {{0}};
    float *restrict score = w->score;
    const float *restrict gain = w->gain;
    ptrdiff_t pair = 0;
#pragma GCC unroll 4
    for (int at = 0; at < 4; at++)
        highest[at] = load(score);
    for (; pair + 4 <= plan->pairs; pair += 4) /* a maximum waits for the one before: four in turn */
#pragma GCC unroll 4
        for (int at = 0; at < 4; at++)
            highest[at] = greater(highest[at], load(score + (pair + at) * LANES));
    for (; pair < plan->pairs; pair++)
        highest[0] = greater(highest[0], load(score + pair * LANES));
    highest[0] = greater(greater(highest[0], highest[1]), greater(highest[2], highest[3]));
    for (pair = 0; pair + 2 <= plan->pairs; pair += 2)
#pragma GCC unroll 2
        for (int at = 0; at < 2; at++)
            weigh(score + (pair + at) * LANES, gain + (pair + at) * LANES, highest[0], &total[at], &attended[at]);
    if (pair < plan->pairs)
        weigh(score + pair * LANES, gain + pair * LANES, highest[0], &total[0], &attended[0]);
    *sum = total[0] + total[1];
    return (attended[0] + attended[1]) / *sum;
}

/* For each row: the dropout mask, and p times it. */
static void PATH(drop_out)(const struct plan *plan, struct workspace *w, const struct group *group)
{
    const struct confide_rows *rows = plan->rows;
    const int size = plan->model->size;
    if (!rows->noise)
        return;
    const float dropout = plan->model->dropout, scale = (float)(1 / (1 - (double)dropout));
    const float *p = plan->model->dense + dense_projection(plan->model);
    const int64_t start = group->start / rows->batch * rows->batch, left = rows->count - start;
    const int64_t width = left < rows->batch ? left : rows->batch;
    for (int k = 0; k < size; k++) {
        const float *noise = rows->noise + start * size + k * width + (group->start - start);
        for (int r = 0; r < group->rows; r++) {
            const float kept = noise[r] >= dropout ? scale : 0;
            w->kept[(ptrdiff_t)r * plan->padded_size + k] = kept;
            if (plan->model->kind != KIND_AFM)
                continue;
            w->row_projection[(ptrdiff_t)r * plan->padded_size + k] = p[k] * kept;
            w->projection[(ptrdiff_t)k * LANES + r] = p[k] * kept;
        }
    }
}

/* What each row says to each pair, turned so that a row's pairs follow each other. */
static void PATH(turn_slopes)(const struct plan *plan, struct workspace *w, vf slope, vf sum, vf attended)
{
    const vf factor = slope / sum;
    for (ptrdiff_t start = 0; start < plan->padded_pairs; start += LANES) {
        vf share[LANES], score[LANES];
#pragma GCC unroll 16
        for (int at = 0; at < LANES; at++) {
            share[at] = load(w->score + (start + at) * LANES) * factor;
            score[at] = share[at] * (load(w->gain + (start + at) * LANES) - attended);
        }
        transpose(share);
        transpose(score);
#pragma GCC unroll 16
        for (int r = 0; r < LANES; r++) {
            store(w->row_share + r * plan->padded_pairs + start, share[r]);
            store(w->row_slope + r * plan->padded_pairs + start, score[r]);
        }
    }
}

static void PATH(turn_masks)(const struct plan *plan, struct workspace *w)
{
    const ptrdiff_t area = plan->padded_pairs * LANES;
    for (int block = 0; block < plan->blocks; block++)
        for (ptrdiff_t start = 0; start < plan->padded_pairs; start += LANES) {
            vf mask[LANES];
#pragma GCC unroll 16
            for (int at = 0; at < LANES; at++)
                mask[at] = load((float *)w->mask + block * area + (start + at) * LANES);
            transpose(mask);
#pragma GCC unroll 16
            for (int r = 0; r < LANES; r++)
                store((float *)w->row_mask + block * area + r * plan->padded_pairs + start, mask[r]);
        }
}

/* Raw outputs of a group into w->outputs; `sum` and `attended` are of the pairs. */
INLINE void forward(const struct plan *plan, struct workspace *w, const struct group *group, int learning, vf *sum,
                    vf *attended)
{
    prefetch_rows(plan, group);
    PATH(look_ahead)(plan, w, group);
    BY_WIDTH(plan, gather, plan, w, group);
    if (learning)
        PATH(drop_out)(plan, w, group);
    if (plan->pairs) {
        PATH(turn)(plan, w);
        PATH(score_pairs)(plan, w, learning);
        *attended = attend(plan, w, sum);
        store(w->outputs, load(w->outputs) + *attended);
        return;
    }
    prefetch_records(plan, w, 0, w->ahead_count);
    if (plan->model->kind == KIND_FM)
        BY_WIDTH(plan, add_fm, plan, w, group->rows);
}

static void PATH(score)(const struct plan *plan, struct workspace *w, const struct group *group, float *outputs)
{
    vf sum = {0}, attended = {0};
    forward(plan, w, group, 0, &sum, &attended);
    memcpy(outputs, w->outputs, (size_t)group->rows * 4);
}

static void PATH(learn)(const struct plan *plan, struct workspace *w, const struct group *group,
                        const struct batch_state *batch)
{
    const struct confide_model *m = plan->model;
    const int64_t place = group->start - batch->start, row_size = (int64_t)m->fields * plan->padded_size;
    float *embedded = batch->embedded_slopes + place * row_size, slopes[LANES] = {0};
    vf sum = {0}, attended = {0};
    forward(plan, w, group, 1, &sum, &attended);
    for (int r = 0; r < group->rows; r++) {
        const int64_t row = row_at(plan->rows, group->start + r);
        const float label = plan->rows->labels[row];
        w->loss += confide_row_loss(m->loss, w->outputs[r], label, &slopes[r]);
        batch->slopes[place + r] = slopes[r];
        w->gradient[0] += slopes[r];
        memcpy(batch->features + (place + r) * m->fields, plan->rows->indices + row * m->fields, (size_t)m->fields * 4);
        memcpy(batch->values + (place + r) * m->fields, plan->rows->values + row * m->fields, (size_t)m->fields * 4);
    }
    if (m->kind == KIND_LINEAR)
        return;
    if (plan->pairs) {
        PATH(turn_slopes)(plan, w, load(slopes), sum, attended);
        PATH(turn_masks)(plan, w);
    }
    for (int r = 0; r < group->rows; r++, embedded += row_size) {
        memset(embedded, 0, (size_t)row_size * 4);
        if (m->kind == KIND_FM)
            BY_WIDTH(plan, backward_fm, plan, w, r, slopes[r], embedded);
        else if (plan->pairs)
            BY_WIDTH(plan, backward_pairs, plan, w, r, embedded);
    }
}

/* Copies of the dense numbers as the inner loops want them; done before each batch. */
static void PATH(prepare)(const struct plan *plan, struct workspace *w)
{
    const struct confide_model *m = plan->model;
    const ptrdiff_t size = m->size, padded = plan->padded_size;
    if (w->gradient) {
        memset(w->gradient, 0, (size_t)dense_count(m) * 4);
        memset(w->pooled, 0, (size_t)padded * 4);
    }
    for (ptrdiff_t k = 0; k < padded * LANES; k++)
        w->kept[k] = 1;
    if (m->kind != KIND_AFM)
        return;
    const float *p = m->dense + dense_projection(m);
    for (ptrdiff_t k = 0; k < size; k++)
        for (int r = 0; r < LANES; r++)
            w->projection[k * LANES + r] = w->row_projection[r * padded + k] = p[k];
    for (int unit = 0; unit < m->units; unit++) {
        const ptrdiff_t at = unit % UNITS;
        float *to = w->weights + (unit - at) * (size + 1);
        const float sign = plan->tiled ? 1 : -1;
        w->unit_bias[unit] = 0 + sign * m->dense[dense_bias(m) + unit];
        w->unit_output[unit] = sign * m->dense[dense_output(m) + unit];
        PLACE_WEIGHTS
    }
#if defined(USE_AMX)
    if (plan->tiled)
        PATH(place_tiles)(plan, w);
#endif
    if (w->tables)
        BY_WIDTH(plan, fill_tables, plan, w);
}

static void PATH(fold)(const struct plan *plan, struct workspace *w)
{
    if (plan->model->kind == KIND_AFM)
        BY_WIDTH(plan, fold_buckets, plan, w);
}

static void PATH(update)(const struct plan *plan, struct workspace *w, const struct batch_state *batch, int thread)
{
    BY_WIDTH(plan, update, plan, w, batch, thread);
}

const struct path CONFIDE_PATH = {
#if defined(USE_AMX)
    .tiles = 3 + 2 * PAIRS_AT_ONCE,
#endif
    .lanes = LANES,
    .small_size = LANES == 16 ? 8 : 0,
    .prepare = PATH(prepare),
    .score = PATH(score),
    .learn = PATH(learn),
    .fold = PATH(fold),
    .update = PATH(update),
};

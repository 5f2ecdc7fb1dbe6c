/* Code with one row per lane: attention over the pairs of a group of rows, and the steps of a group. */

/* Choose between the widths of rowwise.h. */
#if LANES == 16
#define BY_WIDTH(plan, name, ...) \
    ((plan)->padded_size % 16 ? PATH(small_##name)(__VA_ARGS__) : PATH(row_##name)(__VA_ARGS__))
#else
#define BY_WIDTH(plan, name, ...) PATH(row_##name)(__VA_ARGS__)
#endif

/* Ask for `count` of what the thread's next group will gather: records, by row and field, from number `at` on. */
INLINE void prefetch_records(const struct plan *plan, const struct group *group, ptrdiff_t at, ptrdiff_t count)
{
    const struct confide_model *m = plan->model;
    const struct confide_rows *rows = plan->rows;
    const ptrdiff_t fields = m->fields, there = rows->count - group->next, stop = fields * (there < LANES ? there : LANES);
    if (group->next < 0)
        return;
    for (; count > 0 && at < stop; count--, at++) {
        const ptrdiff_t r = (ptrdiff_t)((uint32_t)at / (uint32_t)fields);
        const int64_t feature = rows->indices[row_at(rows, group->next + r) * fields + (at - r * fields)];
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

/* Scores, gains and sign masks of SPAN pairs, for one block of `parts` times UNITS attention units: that many sums
 * stay in registers, and each weight is fetched once for SPAN pairs. */
INLINE void pairs_of_block(const int parts, const int first, const int masks, const struct workspace *w, ptrdiff_t size,
                           ptrdiff_t pair, ptrdiff_t block, uint32_t *mask)
{
    const float *restrict left[SPAN], *restrict right[SPAN];
    const float *restrict projection = w->projection;
    vf gain[SPAN], score[SPAN][2];
    vi positive[SPAN];
#pragma GCC unroll 4
    for (int s = 0; s < SPAN; s++) {
        left[s] = w->by_lane + w->pairs[2 * (pair + s)] * size * LANES;
        right[s] = w->by_lane + w->pairs[2 * (pair + s) + 1] * size * LANES;
        gain[s] = score[s][0] = score[s][1] = (vf){0};
        positive[s] = (vi){0};
    }
#pragma GCC unroll 2
    for (int part = 0; part < parts; part++) {
        const ptrdiff_t unit = block * 16 + part * UNITS;
        const float *restrict weights = w->weights + unit * (size + 1);
        const float *restrict bias = w->unit_bias + unit, *restrict output = w->unit_output + unit;
        const int gains = first && part == 0;
        vf z[SPAN][UNITS];
#pragma GCC unroll 8
        for (int t = 0; t < UNITS; t++)
#pragma GCC unroll 4
            for (int s = 0; s < SPAN; s++)
                z[s][t] = all(bias[t]);
        MULTIPLY_PAIRS
#pragma GCC unroll 8
        for (int t = 0; t < UNITS; t++)
#pragma GCC unroll 4
            for (int s = 0; s < SPAN; s++)
                rectify(z[s][t], output[t], part * UNITS + t, masks, &score[s][t & 1], &positive[s]);
    }
#pragma GCC unroll 4
    for (int s = 0; s < SPAN; s++) {
        const ptrdiff_t at = (pair + s) * LANES;
        const vf sum = score[s][0] + score[s][1];
        store(w->score + at, first ? sum : sum + load(w->score + at));
        if (first)
            store(w->gain + at, gain[s]);
        if (masks)
            *(vi *)(mask + at) = positive[s];
    }
}

/* Not inlined, so that the inner loop has the registers for itself. */
#define PAIRS_OF_BLOCK(name, parts, first, masks)                                                               \
    static __attribute__((noinline)) void PATH(name)(const struct workspace *w, ptrdiff_t size, ptrdiff_t pair, \
                                                     ptrdiff_t block, uint32_t *mask)                           \
    {                                                                                                           \
        pairs_of_block(parts, first, masks, w, size, pair, block, mask);                                        \
    }
PAIRS_OF_BLOCK(score_narrow, 1, 1, 0)
PAIRS_OF_BLOCK(learn_narrow, 1, 1, 1)
PAIRS_OF_BLOCK(score_first, 2, 1, 0)
PAIRS_OF_BLOCK(learn_first, 2, 1, 1)
PAIRS_OF_BLOCK(score_later, 2, 0, 0)
PAIRS_OF_BLOCK(learn_later, 2, 0, 1)

#if defined(USE_AMX)
#include "tiles.h"
#endif

static void PATH(score_pairs)(const struct plan *plan, struct workspace *w, const struct group *group, int masks)
{
#if defined(USE_AMX)
    if (plan->tiled) {
        PATH(tile_pairs)(plan, w, group, masks);
        return;
    }
#endif
    typedef void pairs_of(const struct workspace *, ptrdiff_t, ptrdiff_t, ptrdiff_t, uint32_t *);
    static pairs_of *const narrow[2] = {PATH(score_narrow), PATH(learn_narrow)};
    static pairs_of *const first[2] = {PATH(score_first), PATH(learn_first)};
    static pairs_of *const later[2] = {PATH(score_later), PATH(learn_later)};
    const ptrdiff_t prefetches = plan->model->fields * LANES * SPAN / plan->pairs + 1, size = plan->model->size;
    for (ptrdiff_t block = 0; block < plan->blocks; block++) {
        pairs_of *const work = (block ? later : plan->block == 8 ? narrow : first)[masks];
        uint32_t *mask = masks ? w->mask + block * plan->padded_pairs * LANES : NULL;
        for (ptrdiff_t pair = 0; pair < plan->padded_pairs; pair += SPAN) {
            work(w, size, pair, block, mask);
            if (block == 0)
                prefetch_records(plan, group, pair / SPAN * prefetches, prefetches);
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
    BY_WIDTH(plan, gather, plan, w, group);
    if (learning)
        PATH(drop_out)(plan, w, group);
    if (plan->pairs) {
        PATH(turn)(plan, w);
        PATH(score_pairs)(plan, w, group, learning);
        *attended = attend(plan, w, sum);
        store(w->outputs, load(w->outputs) + *attended);
        return;
    }
    prefetch_records(plan, group, 0, (ptrdiff_t)plan->model->fields * LANES);
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
        const float label = plan->rows->labels[row_at(plan->rows, group->start + r)];
        w->loss += confide_row_loss(m->loss, w->outputs[r], label, &slopes[r]);
        batch->slopes[place + r] = slopes[r];
        w->gradient[0] += slopes[r];
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
        w->unit_bias[unit] = m->dense[dense_bias(m) + unit];
        w->unit_output[unit] = m->dense[dense_output(m) + unit];
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

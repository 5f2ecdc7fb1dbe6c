/* The update of a batch's features by Adagrad, each by one thread. Included by rowwise.h, once per width. */

INLINE VECTOR ROW(inverse_root)(VECTOR x)
{
#if defined(USE_AVX512) && WIDTH == 16
    const VECTOR guess = (VECTOR)_mm512_rsqrt14_ps((__m512)x);
    return guess * (1.5F - 0.5F * x * guess * guess);
#elif defined(USE_AVX512) || defined(USE_AVX2)
    const VECTOR guess = (VECTOR)_mm256_rsqrt_ps((__m256)x);
    return guess * (1.5F - 0.5F * x * guess * guess);
#else
    VECTOR result = {0};
    for (int lane = 0; lane < WIDTH; lane++)
        result[lane] = 1 / sqrtf(x[lane]);
    return result;
#endif
}

INLINE void ROW(step)(const struct confide_model *m, float *record, const float *gradient)
{
    int k = 0;
    for (; k + WIDTH <= m->size; k += WIDTH) {
        const VECTOR slope = AT(gradient + k), squares = AT(record + m->size + k) + slope * slope;
        AT(record + m->size + k) = squares;
        AT(record + k) -= m->rate * slope * ROW(inverse_root)(squares);
    }
    for (; k < m->size; k++) {
        record[m->size + k] += gradient[k] * gradient[k];
        record[k] -= m->rate * gradient[k] / sqrtf(record[m->size + k]);
    }
}

/* The places of the batch whose features this thread updates. Every thread looks at all of them: no branch depends on
 * whose a feature is. */
static uint32_t ROW(find_own)(const struct plan *plan, struct workspace *w, const struct batch_state *batch, int thread)
{
    const struct confide_model *m = plan->model;
    struct own_place *own = w->own;
    uint32_t place = 0;
    for (int64_t r = 0; r < batch->rows; r++) {
        const float slope = batch->slopes[r];
        for (int f = 0; f < m->fields; f++, place++) {
            const int32_t feature = batch->features[place];
            const float value = batch->values[place];
            const uint32_t scattered = (uint32_t)feature * 2654435769U;
            const int whose = (int)(((uint64_t)scattered * (uint64_t)m->threads) >> 32);
            *own = (struct own_place){place, feature, value, slope * value};
            own += whose == thread;
        }
    }
    return (uint32_t)(own - w->own);
}

/* Sum the batch's gradients of this thread's features, each where it occurs first. A feature is in the list iff its
 * slot points to a place of the list that names it: no slot has to be cleared between batches. */
static uint32_t ROW(sum_features)(const struct plan *plan, struct workspace *w, const struct batch_state *batch, int thread)
{
    const int padded = plan->model->kind == KIND_LINEAR ? 0 : plan->padded_size;
    struct linear_record *linear = (struct linear_record *)plan->model->linear;
    const uint32_t found = ROW(find_own)(plan, w, batch, thread);
    uint32_t count = 0;
    for (uint32_t at = 0; at < found; at++) {
        const struct own_place own = w->own[at], ahead = w->own[smaller((int)at + 12, (int)found - 1)];
        float *gradient = batch->embedded_slopes + (ptrdiff_t)own.place * padded;
        const uint32_t slot = linear[own.feature].slot;
        __builtin_prefetch(&linear[ahead.feature], 1);
        __builtin_prefetch(batch->embedded_slopes + (ptrdiff_t)ahead.place * padded, 1);
        if (slot < count && w->features[slot] == own.feature) {
            float *sum = batch->embedded_slopes + (ptrdiff_t)w->places[slot] * padded;
            for (int k = 0; k < padded; k += WIDTH)
                AT(sum + k) += AT(gradient + k) * own.value;
            w->linear_sums[slot] += own.slope;
            continue;
        }
        if (own.value != 1)
            for (int k = 0; k < padded; k += WIDTH)
                AT(gradient + k) *= own.value;
        linear[own.feature].slot = count;
        w->features[count] = own.feature;
        w->places[count] = own.place;
        w->linear_sums[count] = own.slope;
        count++;
    }
    return count;
}

/* Ask for the records and sums of the features from `slot` to `stop`. */
INLINE void ROW(prefetch_sums)(const struct plan *plan, const struct workspace *w, const struct batch_state *batch,
                               uint32_t slot, int stop)
{
    const struct confide_model *m = plan->model;
    for (; (int)slot < stop; slot++) {
        const char *record = (const char *)(m->records + w->features[slot] * m->record_stride);
        for (int64_t byte = 0; byte < plan->gathered; byte += 64)
            __builtin_prefetch(record + byte, 1);
        __builtin_prefetch(batch->embedded_slopes + (ptrdiff_t)w->places[slot] * plan->padded_size);
    }
}

static void ROW(update)(const struct plan *plan, struct workspace *w, const struct batch_state *batch, int thread)
{
    const struct confide_model *m = plan->model;
    const int learns_records = m->kind != KIND_LINEAR;
    const uint32_t count = ROW(sum_features)(plan, w, batch, thread);
    struct linear_record *linear = (struct linear_record *)m->linear;
    for (uint32_t slot = 0; slot < count; slot++) {
        const int64_t feature = w->features[slot];
        const float slope = w->linear_sums[slot];
        if (learns_records && slot % BURST == 0)
            ROW(prefetch_sums)(plan, w, batch, slot + (slot ? BURST : 0), smaller((int)count, (int)slot + 2 * BURST));
        linear[feature].squares += slope * slope;
        linear[feature].weight -= m->rate * slope / sqrtf(linear[feature].squares);
        if (learns_records)
            ROW(step)(m, m->records + feature * m->record_stride,
                      batch->embedded_slopes + (ptrdiff_t)w->places[slot] * plan->padded_size);
    }
}

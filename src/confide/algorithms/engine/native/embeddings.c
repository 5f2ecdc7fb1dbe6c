/* What DeepFM and the multilayer perceptron do with embeddings beside their matrix products: gather them, add up their
 * pairs, update those of a batch. Sums run in the order that NumPy's do (deep_embeddings.py, adagrad.py), and nothing
 * is fused, so an update's numbers are the same to the bit, on every processor and with any number of threads.
 */
#include "kernel.h"

#include <math.h>
#include <string.h>

#pragma GCC optimize("fp-contract=off")

#define MAX_SIZE 256 /* parameters.EmbeddingSize */

/* Rows of embeddings times their values; with `sums`, the rest of FM too: `added` is its linear part and its pairs.
 * Records are (features, size), with `sums` (features, size + 1): the linear weight last. */
int confide_embed(const float *records, const int32_t *indices, const float *values, int64_t rows, int32_t fields,
                  int32_t size, float *restrict embedded, float *restrict sums, float *restrict added)
{
    const int64_t width = size + (sums != NULL), places = rows * fields;
    for (int64_t row = 0, place = 0; row < rows; row++) {
        float *restrict sum = sums ? sums + row * size : NULL, squares[MAX_SIZE] = {0}, linear = 0, pairs = 0;
        if (sums)
            memset(sum, 0, (size_t)size * sizeof *sum);
        for (int32_t field = 0; field < fields; field++, place++) {
            const float *record = records + indices[place] * width, value = values[place];
            float *restrict to = embedded + place * size;
            const int64_t ahead = place + fields < places ? place + fields : place;
            __builtin_prefetch(records + indices[ahead] * width);
            for (int32_t k = 0; k < size; k++)
                to[k] = record[k] * value;
            if (!sums)
                continue;
            for (int32_t k = 0; k < size; k++) {
                sum[k] += to[k];
                squares[k] += to[k] * to[k];
            }
            linear += record[size] * value;
        }
        if (!sums)
            continue;
        for (int32_t k = 0; k < size; k++)
            pairs += sum[k] * sum[k] - squares[k];
        added[row] = pairs / 2 + linear;
    }
    return RESULT_DONE;
}

/* The pairs' part of the slopes of embedded rows, added to them. */
int confide_add_pair_slopes(const float *embedded, const float *sums, const float *slopes, int64_t rows,
                            int32_t fields, int32_t size, float *restrict to)
{
    for (int64_t row = 0; row < rows; row++, sums += size)
        for (int32_t field = 0; field < fields; field++, embedded += size, to += size)
            for (int32_t k = 0; k < size; k++)
                to[k] += slopes[row] * (sums[k] - embedded[k]);
    return RESULT_DONE;
}

/* Mirrored by engine/embeddings.py. The places of a batch are its rows' fields, one after another. */
struct confide_update {
    float *records, *squares;     /* (features, width) */
    const int32_t *indices;       /* (places) */
    const float *values;          /* (places) */
    const float *embedded_slopes; /* (places, size) */
    const float *slopes;          /* (rows), of the outputs: there is a linear weight; NULL: there is none */
    uint32_t *first;              /* (features): where a feature of the batch stands first; what is in it does not matter */
    uint32_t *last, *next;        /* (places): of a first place, the last of its feature; of any, the one after it */
    uint32_t *following;          /* (places): of a first place, the next first one of the thread */
    int64_t places;
    int32_t fields, size, threads;
    float rate;
};

static void add_place(const struct confide_update *u, uint32_t place, double *restrict sum)
{
    const float *slopes = u->embedded_slopes + (int64_t)place * u->size, value = u->values[place];
    for (int32_t k = 0; k < u->size; k++)
        sum[k] += (double)(slopes[k] * value);
    if (u->slopes)
        sum[u->size] += (double)(u->slopes[place / (uint32_t)u->fields] * value);
}

/* Chains the places of each feature of this thread; the first place of all, or `places` where there is none. What is
 * left in `first` from another batch names no place of this feature before the current one: else it would be its own. */
static uint32_t chain(const struct confide_update *u, int32_t thread)
{
    uint32_t begin = (uint32_t)u->places, latest = 0;
    for (uint32_t place = 0; place < u->places; place++) {
        const int32_t feature = u->indices[place];
        if (((uint64_t)((uint32_t)feature * 2654435769U) * (uint64_t)u->threads) >> 32 != (uint64_t)thread)
            continue;
        const uint32_t known = u->first[feature];
        if (known < place && u->indices[known] == feature) {
            u->next[u->last[known]] = place;
            u->last[known] = place;
            continue;
        }
        u->first[feature] = u->last[place] = place;
        u->following[place] = (uint32_t)u->places;
        if (begin == u->places)
            begin = place;
        else
            u->following[latest] = place;
        latest = place;
    }
    return begin;
}

/* Goes through the places of a thread's features, feature by feature. */
struct cursor {
    uint32_t first, place; /* `places`: at the end */
};

static void advance(const struct confide_update *u, struct cursor *c)
{
    if (c->first == u->places)
        return;
    if (c->place == u->last[c->first])
        c->first = c->place = u->following[c->first];
    else
        c->place = u->next[c->place];
}

/* Ask for what is needed some places later: the memory is slower than the sums. */
static void advance_and_prefetch(const struct confide_update *u, struct cursor *c)
{
    advance(u, c);
    if (c->first == u->places)
        return;
    const char *slopes = (const char *)(u->embedded_slopes + (int64_t)c->place * u->size);
    for (int64_t byte = 0; byte < u->size * (int64_t)sizeof(float); byte += 64)
        __builtin_prefetch(slopes + byte);
    if (c->place != c->first)
        return;
    const int64_t start = (int64_t)u->indices[c->place] * (u->size + (u->slopes != NULL));
    __builtin_prefetch(u->records + start, 1);
    __builtin_prefetch(u->squares + start, 1);
}

static void step(const struct confide_update *u, int32_t feature, const double *sum)
{
    const int32_t width = u->size + (u->slopes != NULL);
    float *restrict record = u->records + (int64_t)feature * width;
    float *restrict squares = u->squares + (int64_t)feature * width;
    for (int32_t k = 0; k < width; k++) {
        const float slope = (float)sum[k];
        squares[k] += slope * slope;
        record[k] -= u->rate * slope / sqrtf(squares[k]);
    }
}

#define AHEAD 8

/* Adagrad on the records of those features of a batch that are this thread's. */
int confide_update_records(const struct confide_update *u, int32_t thread)
{
    const uint32_t begin = chain(u, thread);
    struct cursor at = {begin, begin}, ahead = at;
    double sum[MAX_SIZE + 1] = {0};
    for (int lead = 0; lead < AHEAD; lead++)
        advance_and_prefetch(u, &ahead);
    while (at.first < u->places) {
        const struct cursor now = at;
        add_place(u, now.place, sum);
        advance(u, &at);
        advance_and_prefetch(u, &ahead);
        if (at.first == now.first)
            continue;
        step(u, u->indices[now.first], sum);
        memset(sum, 0, sizeof *sum * (size_t)(u->size + 1));
    }
    return RESULT_DONE;
}

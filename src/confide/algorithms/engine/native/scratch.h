/* Sizes that follow from the model, and how the scratch memory of a call is divided. */
#ifndef CONFIDE_SCRATCH_H
#define CONFIDE_SCRATCH_H

#include "kernel.h"

#define LINE 64
#define WIDE_TABLE_NUMBERS 1024 /* T * K up to which masks are cut into bytes: tables of at most 128 KiB */

static ptrdiff_t rounded(ptrdiff_t number, ptrdiff_t step) { return (number + step - 1) / step * step; }

static struct plan plan_of(const struct confide_model *model, const struct confide_rows *rows, const struct path *path)
{
    struct plan plan = {.model = model, .rows = rows, .lanes = path->lanes};
    int vector = model->size <= path->small_size ? 8 : path->lanes;
    plan.padded_size = (int)rounded(model->size, vector);
    plan.pairs = model->kind == KIND_AFM ? (ptrdiff_t)model->fields * (model->fields - 1) / 2 : 0;
    for (int later = model->fields - TILE; plan.pairs && later > 0; later -= TILE)
        plan.tiled_pairs += TILE * later;
    plan.padded_pairs = rounded(plan.pairs, path->lanes);
    plan.gathered = 4 * (rows->order ? model->record_stride : model->size);
    if (model->kind == KIND_AFM) {
        plan.block = model->units <= 8 ? 8 : 16;
        plan.blocks = (model->units + plan.block - 1) / plan.block;
        plan.chunk_bits = (ptrdiff_t)model->units * plan.padded_size <= WIDE_TABLE_NUMBERS ? 8 : 4;
        plan.tiled = model->size <= 16 && model->units <= 16 ? path->tiles : 0;
        plan.chunks = (model->units + plan.chunk_bits - 1) / plan.chunk_bits;
    }
    return plan;
}

/* One request for zeroed memory, or, when `to` is NULL, only its size. */
struct arena {
    char *base;
    size_t used;
};

static void *take(struct arena *arena, size_t count)
{
    size_t start = arena->used;
    arena->used += (size_t)rounded((ptrdiff_t)(count * 4), LINE) + LINE; /* a vector may be read past the end */
    return arena->base ? arena->base + start : NULL;
}

static struct workspace carve(const struct plan *plan, struct arena *arena, int learning, int64_t batch)
{
    const struct confide_model *m = plan->model;
    size_t lanes = (size_t)plan->lanes, fields = (size_t)m->fields, size = (size_t)m->size;
    size_t padded = (size_t)plan->padded_size, pairs = (size_t)plan->padded_pairs * lanes;
    size_t units = (size_t)plan->blocks * (size_t)plan->block;
    size_t entries = (size_t)plan->chunks << plan->chunk_bits;
    struct workspace w = {0};
    w.by_row = take(arena, lanes * fields * padded);
    w.by_lane = take(arena, lanes * fields * size);
    w.score = take(arena, pairs);
    w.gain = take(arena, pairs);
    w.pairs = take(arena, 2 * (size_t)plan->padded_pairs);
    w.weights = take(arena, units * (size + 1));
    w.tiles = take(arena, (size_t)plan->tiled * 256);
    w.products = take(arena, TILE * size * lanes);
    w.unit_bias = take(arena, units);
    w.unit_output = take(arena, units);
    w.projection = take(arena, size * lanes);
    w.row_projection = take(arena, padded * lanes);
    w.kept = take(arena, padded * lanes);
    w.outputs = take(arena, lanes);
    w.ahead = take(arena, lanes * fields);
    if (!learning)
        return w;
    w.mask = take(arena, (size_t)plan->blocks * pairs);
    w.row_share = take(arena, pairs);
    w.row_slope = take(arena, pairs);
    w.row_mask = take(arena, (size_t)plan->blocks * pairs);
    w.tables = take(arena, entries * ENTRY * padded);
    w.buckets = w.tables ? w.tables + padded : NULL;
    w.by_share = take(arena, fields * padded);
    w.by_slope = take(arena, fields * padded);
    w.exceptions = take(arena, (size_t)plan->padded_pairs + lanes);
    w.bucket_slopes = take(arena, entries * TILE);
    w.unit_slopes = take(arena, units);
    w.pooled = take(arena, padded);
    w.gradient = take(arena, (size_t)dense_count(m));
    w.own = take(arena, ((size_t)batch * fields + 1) * (sizeof(struct own_place) / 4));
    w.features = take(arena, (size_t)batch * fields);
    w.places = take(arena, (size_t)batch * fields);
    w.linear_sums = take(arena, (size_t)batch * fields);
    return w;
}

static int32_t *put_pair(int32_t *to, int i, int j)
{
    to[0] = i;
    to[1] = j;
    return to + 2;
}

/* The order of the pairs: see TILE. */
static void list_pairs(const struct plan *plan, int32_t *pairs)
{
    const int fields = plan->pairs ? plan->model->fields : 0;
    for (int tile = 0; tile < fields; tile += TILE)
        for (int j = tile + TILE; j < fields; j++)
            for (int i = tile; i < tile + TILE; i++)
                pairs = put_pair(pairs, i, j);
    for (int tile = 0; tile < fields; tile += TILE)
        for (int j = tile + 1; j < smaller(tile + TILE, fields); j++)
            for (int i = tile; i < j; i++)
                pairs = put_pair(pairs, i, j);
}

#endif

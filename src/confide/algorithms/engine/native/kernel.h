/* The compiled core of AFM, FM and the linear model: what its parts share.
 *
 * A group is `lanes` rows, one row per lane of a vector. A batch is worked on in two steps, with a barrier after
 * each: threads split the rows of the batch and compute, then split the features of the batch and update. Nothing
 * is added atomically, so the result depends on the number of threads and on nothing else.
 *
 * The formulas are those of afm_attention.py; the names too (score, gain, slope, share).
 */
#ifndef CONFIDE_KERNEL_H
#define CONFIDE_KERNEL_H

#include <stddef.h>
#include <stdint.h>

enum confide_kind { KIND_LINEAR = 0, KIND_FM = 1, KIND_AFM = 2 };
enum confide_loss { LOSS_LOGISTIC = 0, LOSS_SQUARED = 1 };
enum confide_path { PATH_PORTABLE = 0, PATH_AVX2 = 1, PATH_AVX512 = 2, PATH_AVX512_BF16 = 3, PATH_AMX = 4 };
enum confide_result { RESULT_DONE = 0, RESULT_NO_THREAD = 1, RESULT_NO_PATH = 2 };

/* The linear weight of a feature while it is learned. */
struct linear_record {
    float weight;
    float squares;
    uint32_t slot; /* where the feature stands in its thread's list for the batch, if it does: see update.h */
};

/* Mirrored by engine/library.py. Sizes and pointers were checked there; nothing is checked again here. */
struct confide_model {
    float *records;        /* (features, record_stride): embedding; when learning, its sums of squares after it */
    float *linear;         /* (features, linear_stride): weight; when learning, a struct linear_record */
    float *dense;          /* w0; with attention, W (units, size), b (units), h (units), p (size) */
    float *dense_squares;  /* as dense */
    int64_t record_stride; /* floats */
    int64_t linear_stride; /* floats */
    int32_t kind, loss, fields, size, units, path, threads;
    float rate;         /* Adagrad's */
    float attention_l2; /* lambda of lambda ||W||^2, per batch */
    float dropout;
};

struct confide_rows {
    const int32_t *indices; /* (rows, fields) */
    const float *values;    /* (rows, fields) */
    const float *labels;    /* (rows) */
    const int64_t *order;   /* (count) which rows, in which order; NULL: 0, 1, 2, ... */
    const float *noise;     /* uniform numbers for dropout, (size, n) per batch of n rows; NULL: no dropout */
    void *scratch;          /* confide_scratch bytes, aligned to a cache line; what is in it does not matter */
    int64_t count;
    int64_t batch;
};

/* Offsets into the dense array. */
static inline ptrdiff_t dense_weight(void) { return 1; }
static inline ptrdiff_t dense_bias(const struct confide_model *m) { return 1 + (ptrdiff_t)m->units * m->size; }
static inline ptrdiff_t dense_output(const struct confide_model *m) { return dense_bias(m) + m->units; }
static inline ptrdiff_t dense_projection(const struct confide_model *m) { return dense_output(m) + m->units; }
static inline ptrdiff_t dense_count(const struct confide_model *m)
{
    return m->kind == KIND_AFM ? dense_projection(m) + m->size : 1;
}

/* Sizes derived from the model once per call. */
struct plan {
    const struct confide_model *model;
    const struct confide_rows *rows;
    int lanes;         /* rows of a group */
    int tiled;         /* tiles for the attention layer (tiles.h); 0: it is worked on in vectors */
    int padded_size;   /* K, rounded up to whole vectors */
    int block;         /* attention units in a sign mask: 8 or 16 */
    int blocks;        /* of them */
    int chunk_bits;    /* bits of a sign mask that index one table: 8 or 4 */
    int chunks;        /* tables */
    ptrdiff_t pairs;   /* F (F - 1) / 2 */
    ptrdiff_t tiled_pairs; /* of them, those that come TILE at a time with one right field */
    ptrdiff_t padded_pairs;
    ptrdiff_t gathered; /* bytes of a record that a batch touches */
};

/* A place of the batch: row, field. */
struct own_place {
    uint32_t place; /* row * F + field */
    int32_t feature;
    float value;
    float slope; /* dL/d linear weight */
};

/* What one thread owns. All arrays start on a cache line. */
struct workspace {
    float *by_lane;     /* (F, K, lanes) embedded rows */
    float *by_row;      /* (lanes, F, padded K) the same */
    float *score;       /* (padded pairs, lanes) scores, then attention before division */
    float *gain;        /* (padded pairs, lanes) p'q */
    uint32_t *mask;     /* (blocks, padded pairs, lanes) bit t: unit t of the block is positive */
    float *row_share;   /* (lanes, padded pairs) dL/d gain */
    float *row_slope;   /* (lanes, padded pairs) dL/d score */
    uint32_t *row_mask; /* (blocks, lanes, padded pairs) */
    int32_t *pairs;     /* (padded pairs, 2) their fields, in the order of tiles */
    float *weights;     /* (units / UNITS, K, UNITS) W, or pairs of bfloat16 of it */
    float *tiles;       /* (tiles of the path, 16, 16) */
    float *products;    /* (K, TILE, lanes) of the pairs at hand, as the attention layer multiplies them */
    float *unit_bias;   /* (units) padded with zeros */
    float *unit_output; /* (units) */
    float *projection;  /* (K, lanes) p, times the dropout mask of each row */
    float *row_projection; /* (lanes, padded K) the same */
    float *kept;        /* (lanes, padded K) the dropout mask, scaled */
    float *tables;      /* (chunks, 1 << chunk_bits, ENTRY, padded K) sums of h_t W_t over the bits of the index; beside each, */
    float *buckets;     /* COPIES sums of slope * q of its mask: so buckets is tables + padded K */
    uint32_t usual;     /* the sign mask that most pairs should have: see usual.h */
    int mostly_usual;   /* whether they had in the row before */
    float *by_share, *by_slope; /* (F, padded K) sums over a row's pairs */
    int32_t *exceptions; /* (padded pairs + lanes) pairs of a row with another mask */
    float *bucket_slopes; /* (chunks, 1 << chunk_bits, TILE) sums of slope, by mask; TILE partial sums each */
    float *unit_slopes; /* (units) sums of slope where the unit is positive, of what is not in bucket_slopes */
    float *pooled;      /* (padded K) gradient of p */
    float *gradient;    /* as dense */
    float *outputs;     /* (lanes) */
    int32_t *ahead;     /* (lanes, F) features of the thread's next group, to prefetch; */
    ptrdiff_t ahead_count; /* so many */
    struct own_place *own; /* (batch * F) places of the batch that this thread sums up */
    int32_t *features;  /* (batch * F) distinct features of this thread */
    uint32_t *places;   /* (batch * F) where the sum of each stands in the batch's embedded slopes */
    float *linear_sums; /* (batch * F) */
    double loss;
};

/* Of one batch, shared by all threads. */
struct batch_state {
    int64_t start;         /* of the batch in the order */
    int64_t rows;
    float *slopes;         /* (rows) dL/d output */
    float *embedded_slopes; /* (rows, F, padded K) dL/d embedded */
    int32_t *features;     /* (rows, F) the rows' indices and values in the order of the batch: the update reads all */
    float *values;         /* of them, the rows themselves lie scattered */
};

/* One group, and where the thread goes next (for prefetching; -1: nowhere). */
struct group {
    int64_t start; /* in the order */
    int rows;      /* at most lanes */
    int64_t next;
    int64_t after;
};

/* One instruction set's code. */
struct path {
    int lanes;
    int tiles;      /* how many it keeps; 0: it has none */
    int small_size; /* K up to which embeddings are padded to 8, not to lanes; 0: none */
    void (*prepare)(const struct plan *, struct workspace *);
    void (*score)(const struct plan *, struct workspace *, const struct group *, float *outputs);
    void (*learn)(const struct plan *, struct workspace *, const struct group *, const struct batch_state *);
    void (*fold)(const struct plan *, struct workspace *);
    void (*update)(const struct plan *, struct workspace *, const struct batch_state *, int thread);
};

extern const struct path confide_path_portable;
#if defined(__x86_64__)
extern const struct path confide_path_avx2;
extern const struct path confide_path_avx512;
extern const struct path confide_path_avx512_bf16;
extern const struct path confide_path_amx;
#endif

/* Pairs (i, j), i < j, are worked on in tiles of TILE left fields: for each later field j its TILE pairs. What is read
 * for j then serves TILE times. The pairs inside the tiles come after all these. */
#define TILE 4
#define COPIES 2 /* buckets per mask: where neighbours have the same one, a sum waits less for the sum before */
#define ENTRY (1 + COPIES)
#define MOST 4 /* vectors of an embedding that code is written out for */
#define BURST 8 /* records asked for at a time */

static inline int smaller(int one, int other) { return one < other ? one : other; }

static inline int64_t row_at(const struct confide_rows *rows, int64_t position)
{
    return rows->order ? rows->order[position] : position;
}

double confide_row_loss(int loss, float output, float label, float *slope);

#endif

/* Regression trees: sums over rows, in the order of gbdt_trees.py. Nodes and numbers were checked there. */
#include "kernel.h"

/* Mirrored by engine/trees.py. A child below 0 is a leaf: -1 - its number. */
struct tree_node {
    int32_t field;
    float threshold;
    int32_t child[2]; /* not above the threshold; above it */
};

#define BLOCK_ROWS 256 /* their numbers stay in a core's second cache while all trees look at them */

int confide_trees(const struct tree_node *nodes, const double *values, const int32_t *roots, int64_t trees,
                  const float *numbers, int64_t rows, int64_t width, double *sums)
{
    for (int64_t start = 0; start < rows; start += BLOCK_ROWS) {
        const int64_t stop = start + BLOCK_ROWS < rows ? start + BLOCK_ROWS : rows;
        for (int64_t tree = 0; tree < trees; tree++)
            for (int64_t row = start; row < stop; row++) {
                const float *own = numbers + row * width;
                int32_t at = roots[tree];
                while (at >= 0)
                    at = nodes[at].child[!(own[nodes[at].field] <= nodes[at].threshold)];
                sums[row] += values[-1 - at];
            }
    }
    return RESULT_DONE;
}

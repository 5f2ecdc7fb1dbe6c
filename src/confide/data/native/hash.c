/* XXH3-64 of each cell of a column. category_hash.py has checked all sizes. */

#include "xxh3.h"

/* Cells lie one after another in `data`; cell i from offsets[i] to offsets[i + 1]. */
void confide_hash_cells32(const uint8_t *data, const int32_t *offsets, int64_t count, uint64_t *hashes)
{
    for (int64_t i = 0; i < count; i++)
        hashes[i] = xxh3_64(data + offsets[i], (size_t)(offsets[i + 1] - offsets[i]));
}

void confide_hash_cells64(const uint8_t *data, const int64_t *offsets, int64_t count, uint64_t *hashes)
{
    for (int64_t i = 0; i < count; i++)
        hashes[i] = xxh3_64(data + offsets[i], (size_t)(offsets[i + 1] - offsets[i]));
}

/* Rows of plain delimited text to columns. plain_text.py has the same structures and checks all sizes. */

#ifndef CONFIDE_ROWS_H
#define CONFIDE_ROWS_H

#include <stdint.h>

enum kind {
    SKIPPED = 0,
    CATEGORY = 1, /* values: uint64_t of each row: the category hash; 0 where missing */
    NUMBER = 2,   /* values: double of each row; not a number where missing */
    TEXT = 3,     /* bytes, one cell after another; offsets (rows + 1); missing: 1 where missing */
};

struct confide_column {
    int64_t *troubled; /* becomes 1 when a cell needs a closer look; then the values mean nothing */
    void *values;
    uint8_t *bytes;
    int32_t *offsets;
    uint8_t *missing;
    int32_t kind;
};

struct confide_text {
    const uint8_t *data;
    int64_t size;
    const uint8_t *nulls; /* spellings of a missing value, one after another, each after its length (a byte) */
    int64_t nulls_size;
    int64_t longest; /* bytes of a category */
    uint8_t delimiter;
};

/* Lines of the text, the last one counted even if nothing ends it: room enough for all rows. */
int64_t confide_count_lines(const uint8_t *data, int64_t size);

/* The number of rows, or -1 for text that is not plain: a carriage return that does not end a line.
 * Empty lines are no rows. Rows of the wrong width are skipped, and their numbers (from 1, all rows counted)
 * stand in `malformed` (room for all rows), how many in *malformed_count. */
int64_t confide_read_rows(const struct confide_text *text, const struct confide_column *columns, int32_t width,
                          int64_t *malformed, int64_t *malformed_count);

#endif

/* See rows.h. Places of delimiters and line ends are found 64 bytes at a time; each cell is then read once. */

#include <math.h>
#include <string.h>

#include "../../native/xxh3.h"
#include "rows.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum { WINDOW = 64, MOST_DIGITS = 18, MOST_DECIMALS = 22 };

/* One bit per byte of the window: whether a cell ends there. */
static inline uint64_t ends_in(const uint8_t *window, uint8_t delimiter)
{
    uint64_t found = 0;
#ifdef __SSE2__
    const __m128i mark = _mm_set1_epi8((char)delimiter), line = _mm_set1_epi8('\n'), back = _mm_set1_epi8('\r');
    for (int part = 0; part < WINDOW / 16; part++) {
        const __m128i bytes = _mm_loadu_si128((const __m128i *)(window + 16 * part));
        const __m128i ends = _mm_or_si128(_mm_cmpeq_epi8(bytes, mark),
                                          _mm_or_si128(_mm_cmpeq_epi8(bytes, line), _mm_cmpeq_epi8(bytes, back)));
        found |= (uint64_t)(uint32_t)_mm_movemask_epi8(ends) << 16 * part;
    }
#else
    for (int at = 0; at < WINDOW; at++)
        found |= (uint64_t)(window[at] == delimiter || window[at] == '\n' || window[at] == '\r') << at;
#endif
    return found;
}

static inline int is_null(const struct confide_text *text, const uint8_t *cell, int64_t size)
{
    for (int64_t at = 0; at < text->nulls_size; at += 1 + text->nulls[at])
        if (text->nulls[at] == size && !memcmp(text->nulls + at + 1, cell, (size_t)size))
            return 1;
    return 0;
}

/* Decimal digits with at most one point between them, and perhaps a minus: exact, since both the digits and the
 * power of ten are (Clinger 1990); everything else is left to a closer look. */
static inline int read_number(const uint8_t *cell, int64_t size, double *value)
{
    static const double POWERS[MOST_DECIMALS + 1] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                                     1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                                     1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    const int negative = size && cell[0] == '-';
    uint64_t digits = 0;
    int64_t at = negative, point = -1;
    if (size - at > MOST_DIGITS || at == size)
        return 0;
    for (; at < size; at++) {
        const uint8_t digit = (uint8_t)(cell[at] - '0');
        if (digit <= 9)
            digits = digits * 10 + digit;
        else if (cell[at] == '.' && point < 0 && at > negative)
            point = at;
        else
            return 0;
    }
    if (digits > 1ULL << 53 || point == size - 1)
        return 0;
    const double whole = point < 0 ? (double)digits : (double)digits / POWERS[size - 1 - point];
    *value = negative ? -whole : whole;
    return 1;
}

static inline void take(const struct confide_text *text, const struct confide_column *column, int64_t row,
                        const uint8_t *cell, int64_t size)
{
    if (column->kind == SKIPPED)
        return;
    const int missing = is_null(text, cell, size);
    if (column->kind == CATEGORY) {
        const uint64_t hash = missing ? 0 : xxh3_64(cell, (size_t)size);
        /* 0 is the code of what is missing: the one text in 2^64 that hashes to it takes its neighbour. */
        ((uint64_t *)column->values)[row] = hash | (uint64_t)(!missing & !hash);
        *column->troubled |= size > text->longest;
    } else if (column->kind == NUMBER) {
        double value = NAN;
        *column->troubled |= !missing && !read_number(cell, size, &value);
        ((double *)column->values)[row] = value;
    } else {
        const int32_t start = column->offsets[row];
        column->missing[row] = (uint8_t)missing;
        column->offsets[row + 1] = start + (missing ? 0 : (int32_t)size);
        if (!missing)
            memcpy(column->bytes + start, cell, (size_t)size);
    }
}

int64_t confide_count_lines(const uint8_t *data, int64_t size)
{
    int64_t lines = 1;
    for (int64_t at = 0; at < size; at++)
        lines += data[at] == '\n';
    return lines;
}

int64_t confide_read_rows(const struct confide_text *text, const struct confide_column *columns, int32_t width,
                          int64_t *malformed, int64_t *malformed_count)
{
    const uint8_t *const data = text->data;
    uint8_t rest[WINDOW];
    int64_t row = 0, seen = 0, start = 0, line = 0, bad = 0;
    int32_t column = 0;
    for (int64_t at = 0; at <= text->size; at += WINDOW) {
        const uint8_t *window = data + at;
        if (text->size - at < WINDOW) { /* the end of the text ends a line that nothing else has ended */
            memset(rest, 0, WINDOW);
            memcpy(rest, window, (size_t)(text->size - at));
            rest[text->size - at] = '\n';
            window = rest;
        }
        for (uint64_t ends = ends_in(window, text->delimiter); ends; ends &= ends - 1) {
            const int offset = __builtin_ctzll(ends);
            const int64_t end = at + offset;
            const uint8_t byte = window[offset];
            if (end > text->size)
                break;
            if (end < start) /* the line feed after a carriage return */
                continue;
            if (byte == '\r' && (end + 1 >= text->size || data[end + 1] != '\n'))
                return -1;
            if (end == line && byte != text->delimiter) { /* an empty line, or the end of the text */
                start = line = end + 1 + (byte == '\r');
                continue;
            }
            if (column < width)
                take(text, columns + column, row, data + start, end - start);
            column++;
            start = end + 1 + (byte == '\r');
            if (byte == text->delimiter)
                continue;
            seen++;
            if (column == width)
                row++;
            else
                malformed[bad++] = seen;
            column = 0;
            line = start;
        }
    }
    *malformed_count = bad;
    return row;
}

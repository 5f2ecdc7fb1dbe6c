/* Equal 64-bit keys, found in parts that stay in a core's cache. matching.py has checked all sizes.
 *
 * Keys are mixed by the finaliser of SplitMix64 (Steele, Lea, Flood 2014), which is a bijection: mixed keys are
 * equal exactly where keys are. Their upper bits choose the part, their lower bits the slot in its table. */

#include <stdint.h>
#include <string.h>

#define NOWHERE UINT32_MAX

static inline uint64_t mixed(uint64_t key)
{
    key = (key ^ (key >> 30)) * 0xBF58476D1CE4E5B9u;
    key = (key ^ (key >> 27)) * 0x94D049BB133111EBu;
    return key ^ (key >> 31);
}

/* Sorts `count` keys into 2^bits parts (bits > 0), each in the order of the rows; part p is found at bounds[p] to
 * bounds[p + 1], with the row of each key. `ends`: room for 2^bits. */
void confide_part(const uint64_t *keys, int64_t count, int bits, uint64_t *parted, uint32_t *rows, int64_t *bounds,
                  int64_t *ends)
{
    int64_t parts = (int64_t)1 << bits;
    int shift = 64 - bits;
    memset(bounds, 0, (size_t)(parts + 1) * sizeof *bounds);
    for (int64_t i = 0; i < count; i++)
        bounds[(mixed(keys[i]) >> shift) + 1]++;
    for (int64_t p = 0; p < parts; p++) {
        bounds[p + 1] += bounds[p];
        ends[p] = bounds[p];
    }
    for (int64_t i = 0; i < count; i++) {
        uint64_t key = mixed(keys[i]);
        int64_t at = ends[key >> shift]++;
        parted[at] = key;
        rows[at] = (uint32_t)i;
    }
}

/* One part of one side, and its table: slots is a power of two, greater than the part's size. */
struct table {
    const uint64_t *keys;
    uint32_t *at;
    uint64_t mask;
};

static struct table cleared(const uint64_t *keys, int64_t size, uint32_t *slots)
{
    uint64_t count = 2;
    while (count < 2 * (uint64_t)size)
        count *= 2;
    memset(slots, 0xff, count * sizeof *slots);
    return (struct table){keys, slots, count - 1};
}

/* The slot where the key is, or where it would go. Every step beyond the first takes one from *patience. */
static inline uint32_t *slot_of(struct table table, uint64_t key, int64_t *patience)
{
    uint64_t slot = key & table.mask;
    while (table.at[slot] != NOWHERE && table.keys[table.at[slot]] != key && --*patience > 0)
        slot = (slot + 1) & table.mask;
    return table.at + slot;
}

/* For the rows of parts `from` to `to`: first[row], the first row with the same key. `slots`: room for four times the
 * longest part, and two. Returns 1, and the result means nothing, for keys that do not spread. */
int confide_firsts(const uint64_t *keys, const uint32_t *rows, const int64_t *bounds, int64_t from, int64_t to,
                   uint32_t *slots, int64_t patience, int64_t *first)
{
    for (int64_t p = from; p < to; p++) {
        int64_t begin = bounds[p], size = bounds[p + 1] - begin;
        struct table table = cleared(keys + begin, size, slots);
        for (int64_t i = 0; i < size; i++) {
            uint32_t *slot = slot_of(table, keys[begin + i], &patience);
            if (patience <= 0)
                return 1;
            if (*slot == NOWHERE)
                *slot = (uint32_t)i;
            first[rows[begin + i]] = rows[begin + *slot];
        }
    }
    return 0;
}

/* For the rows of `wanted` in these parts: place[row], the first row of the other side with the same key, or -1. */
int confide_match(const uint64_t *wanted, const uint32_t *wanted_rows, const int64_t *wanted_bounds,
                  const uint64_t *keys, const uint32_t *rows, const int64_t *bounds, int64_t from, int64_t to,
                  uint32_t *slots, int64_t patience, int64_t *place)
{
    for (int64_t p = from; p < to; p++) {
        int64_t begin = bounds[p], size = bounds[p + 1] - begin;
        struct table table = cleared(keys + begin, size, slots);
        for (int64_t i = 0; i < size && patience > 0; i++) {
            uint32_t *slot = slot_of(table, keys[begin + i], &patience);
            if (*slot == NOWHERE)
                *slot = (uint32_t)i;
        }
        for (int64_t i = wanted_bounds[p]; i < wanted_bounds[p + 1]; i++) {
            uint32_t at = *slot_of(table, wanted[i], &patience);
            if (patience <= 0)
                return 1;
            place[wanted_rows[i]] = at == NOWHERE ? -1 : (int64_t)rows[begin + at];
        }
    }
    return patience <= 0;
}

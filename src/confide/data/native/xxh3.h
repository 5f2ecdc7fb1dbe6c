/* XXH3-64 with seed 0: the xxHash specification, "XXH3 Algorithm Description" (doc/xxhash_spec.md). */

#include <stddef.h>
#include <stdint.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "words are read as they lie in memory");

#define PRIME32_1 0x9E3779B1ULL
#define PRIME32_2 0x85EBCA77ULL
#define PRIME32_3 0xC2B2AE3DULL
#define PRIME64_1 0x9E3779B185EBCA87ULL
#define PRIME64_2 0xC2B2AE3D27D4EB4FULL
#define PRIME64_3 0x165667B19E3779F9ULL
#define PRIME64_4 0x85EBCA77C2B2AE63ULL
#define PRIME64_5 0x27D4EB2F165667C5ULL
#define PRIME_MX1 0x165667919E3779F9ULL
#define PRIME_MX2 0x9FB21C651E98DF25ULL

static const uint8_t SECRET[192] = {
    0xb8, 0xfe, 0x6c, 0x39, 0x23, 0xa4, 0x4b, 0xbe, 0x7c, 0x01, 0x81, 0x2c, 0xf7, 0x21, 0xad, 0x1c, 0xde, 0xd4,
    0x6d, 0xe9, 0x83, 0x90, 0x97, 0xdb, 0x72, 0x40, 0xa4, 0xa4, 0xb7, 0xb3, 0x67, 0x1f, 0xcb, 0x79, 0xe6, 0x4e,
    0xcc, 0xc0, 0xe5, 0x78, 0x82, 0x5a, 0xd0, 0x7d, 0xcc, 0xff, 0x72, 0x21, 0xb8, 0x08, 0x46, 0x74, 0xf7, 0x43,
    0x24, 0x8e, 0xe0, 0x35, 0x90, 0xe6, 0x81, 0x3a, 0x26, 0x4c, 0x3c, 0x28, 0x52, 0xbb, 0x91, 0xc3, 0x00, 0xcb,
    0x88, 0xd0, 0x65, 0x8b, 0x1b, 0x53, 0x2e, 0xa3, 0x71, 0x64, 0x48, 0x97, 0xa2, 0x0d, 0xf9, 0x4e, 0x38, 0x19,
    0xef, 0x46, 0xa9, 0xde, 0xac, 0xd8, 0xa8, 0xfa, 0x76, 0x3f, 0xe3, 0x9c, 0x34, 0x3f, 0xf9, 0xdc, 0xbb, 0xc7,
    0xc7, 0x0b, 0x4f, 0x1d, 0x8a, 0x51, 0xe0, 0x4b, 0xcd, 0xb4, 0x59, 0x31, 0xc8, 0x9f, 0x7e, 0xc9, 0xd9, 0x78,
    0x73, 0x64, 0xea, 0xc5, 0xac, 0x83, 0x34, 0xd3, 0xeb, 0xc3, 0xc5, 0x81, 0xa0, 0xff, 0xfa, 0x13, 0x63, 0xeb,
    0x17, 0x0d, 0xdd, 0x51, 0xb7, 0xf0, 0xda, 0x49, 0xd3, 0x16, 0x55, 0x26, 0x29, 0xd4, 0x68, 0x9e, 0x2b, 0x16,
    0xbe, 0x58, 0x7d, 0x47, 0xa1, 0xfc, 0x8f, 0xf8, 0xb8, 0xd1, 0x7a, 0xd0, 0x31, 0xce, 0x45, 0xcb, 0x3a, 0x8f,
    0x95, 0x16, 0x04, 0x28, 0xaf, 0xd7, 0xfb, 0xca, 0xbb, 0x4b, 0x40, 0x7e,
};
enum { STRIPE = 64, STRIPES_PER_BLOCK = 16, BLOCK = STRIPE * STRIPES_PER_BLOCK, LANES = 8 };

static inline uint64_t read32(const uint8_t *at)
{
    uint32_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

static inline uint64_t read64(const uint8_t *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

static inline uint64_t rotated(uint64_t word, int by)
{
    return word << by | word >> (64 - by);
}

static inline uint64_t folded_product(uint64_t left, uint64_t right)
{
    const unsigned __int128 product = (unsigned __int128)left * right;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t mixed(uint64_t word)
{
    word = (word ^ word >> 37) * PRIME_MX1;
    return word ^ word >> 32;
}

static inline uint64_t mixed_as_xxh64(uint64_t word)
{
    word = (word ^ word >> 33) * PRIME64_2;
    word = (word ^ word >> 29) * PRIME64_3;
    return word ^ word >> 32;
}

static inline uint64_t pair(const uint8_t *data, const uint8_t *secret)
{
    return folded_product(read64(data) ^ read64(secret), read64(data + 8) ^ read64(secret + 8));
}

static inline uint64_t hash_to_16(const uint8_t *data, size_t size)
{
    if (size > 8) {
        const uint64_t low = read64(data) ^ read64(SECRET + 24) ^ read64(SECRET + 32);
        const uint64_t high = read64(data + size - 8) ^ read64(SECRET + 40) ^ read64(SECRET + 48);
        return mixed(size + __builtin_bswap64(low) + high + folded_product(low, high));
    }
    if (size >= 4) {
        uint64_t word = (read32(data) << 32) + read32(data + size - 4);
        word ^= read64(SECRET + 8) ^ read64(SECRET + 16);
        word ^= rotated(word, 49) ^ rotated(word, 24);
        word *= PRIME_MX2;
        word = (word ^ ((word >> 35) + size)) * PRIME_MX2;
        return word ^ word >> 28;
    }
    if (size) {
        const uint64_t word = (uint64_t)data[0] << 16 | (uint64_t)data[size >> 1] << 24 | data[size - 1] | size << 8;
        return mixed_as_xxh64(word ^ read32(SECRET) ^ read32(SECRET + 4));
    }
    return mixed_as_xxh64(read64(SECRET + 56) ^ read64(SECRET + 64));
}

static uint64_t hash_17_to_240(const uint8_t *data, size_t size)
{
    uint64_t sum = size * PRIME64_1;
    if (size <= 128) {
        for (size_t at = (size - 1) / 32 * 16 + 16; at; at -= 16)
            sum += pair(data + at - 16, SECRET + 2 * (at - 16)) + pair(data + size - at, SECRET + 2 * (at - 16) + 16);
        return mixed(sum);
    }
    for (size_t at = 0; at < 128; at += 16)
        sum += pair(data + at, SECRET + at);
    sum = mixed(sum);
    for (size_t at = 128; at + 16 <= size; at += 16)
        sum += pair(data + at, SECRET + at - 128 + 3);
    return mixed(sum + pair(data + size - 16, SECRET + 136 - 17));
}

static inline void add_stripe(uint64_t sums[LANES], const uint8_t *data, const uint8_t *secret)
{
    for (int lane = 0; lane < LANES; lane++) {
        const uint64_t word = read64(data + 8 * lane), key = word ^ read64(secret + 8 * lane);
        sums[lane ^ 1] += word;
        sums[lane] += (key & 0xFFFFFFFF) * (key >> 32);
    }
}

static uint64_t hash_long(const uint8_t *data, size_t size)
{
    uint64_t sums[LANES] = {PRIME32_3, PRIME64_1, PRIME64_2, PRIME64_3, PRIME64_4, PRIME32_2, PRIME64_5, PRIME32_1};
    const size_t stripes = (size - 1) / STRIPE;
    for (size_t stripe = 0; stripe < stripes; stripe++) {
        add_stripe(sums, data + stripe * STRIPE, SECRET + stripe % STRIPES_PER_BLOCK * 8);
        if (stripe % STRIPES_PER_BLOCK == STRIPES_PER_BLOCK - 1)
            for (int lane = 0; lane < LANES; lane++)
                sums[lane] = (sums[lane] ^ sums[lane] >> 47 ^ read64(SECRET + 128 + 8 * lane)) * PRIME32_1;
    }
    add_stripe(sums, data + size - STRIPE, SECRET + 121);
    uint64_t sum = size * PRIME64_1;
    for (int lane = 0; lane < LANES; lane += 2) {
        const uint8_t *secret = SECRET + 11 + 8 * lane;
        sum += folded_product(sums[lane] ^ read64(secret), sums[lane + 1] ^ read64(secret + 8));
    }
    return mixed(sum);
}

static inline uint64_t xxh3_64(const uint8_t *data, size_t size)
{
    if (size <= 16)
        return hash_to_16(data, size);
    return size <= 240 ? hash_17_to_240(data, size) : hash_long(data, size);
}

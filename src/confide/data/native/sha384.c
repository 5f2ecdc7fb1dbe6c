/* SHA-384 (FIPS 180-4) of up to eight messages side by side, one in each 64-bit lane of AVX-512 registers.

   A single message is a chain of dependent steps that no vector helps; eight independent ones fill a vector.
   block_digests.py has checked all sizes. Lanes that are done, or were never used, run along over zeros; a
   mask keeps their results out. Nothing here branches, or looks anything up, by what a message holds. */

#include <stdint.h>
#include <string.h>

enum { LANES = 8, WORDS = 16, BLOCK = 128, LENGTH = 16, STATE = 8, DIGEST_WORDS = 6 };

#if defined(__x86_64__)
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw")
#include <immintrin.h>

static const uint64_t ROUND[80] = {
    0x428a2f98d728ae22, 0x7137449123ef65cd, 0xb5c0fbcfec4d3b2f, 0xe9b5dba58189dbbc, 0x3956c25bf348b538,
    0x59f111f1b605d019, 0x923f82a4af194f9b, 0xab1c5ed5da6d8118, 0xd807aa98a3030242, 0x12835b0145706fbe,
    0x243185be4ee4b28c, 0x550c7dc3d5ffb4e2, 0x72be5d74f27b896f, 0x80deb1fe3b1696b1, 0x9bdc06a725c71235,
    0xc19bf174cf692694, 0xe49b69c19ef14ad2, 0xefbe4786384f25e3, 0x0fc19dc68b8cd5b5, 0x240ca1cc77ac9c65,
    0x2de92c6f592b0275, 0x4a7484aa6ea6e483, 0x5cb0a9dcbd41fbd4, 0x76f988da831153b5, 0x983e5152ee66dfab,
    0xa831c66d2db43210, 0xb00327c898fb213f, 0xbf597fc7beef0ee4, 0xc6e00bf33da88fc2, 0xd5a79147930aa725,
    0x06ca6351e003826f, 0x142929670a0e6e70, 0x27b70a8546d22ffc, 0x2e1b21385c26c926, 0x4d2c6dfc5ac42aed,
    0x53380d139d95b3df, 0x650a73548baf63de, 0x766a0abb3c77b2a8, 0x81c2c92e47edaee6, 0x92722c851482353b,
    0xa2bfe8a14cf10364, 0xa81a664bbc423001, 0xc24b8b70d0f89791, 0xc76c51a30654be30, 0xd192e819d6ef5218,
    0xd69906245565a910, 0xf40e35855771202a, 0x106aa07032bbd1b8, 0x19a4c116b8d2d0c8, 0x1e376c085141ab53,
    0x2748774cdf8eeb99, 0x34b0bcb5e19b48a8, 0x391c0cb3c5c95a63, 0x4ed8aa4ae3418acb, 0x5b9cca4f7763e373,
    0x682e6ff3d6b2b8a3, 0x748f82ee5defb2fc, 0x78a5636f43172f60, 0x84c87814a1f0ab72, 0x8cc702081a6439ec,
    0x90befffa23631e28, 0xa4506cebde82bde9, 0xbef9a3f7b2c67915, 0xc67178f2e372532b, 0xca273eceea26619c,
    0xd186b8c721c0c207, 0xeada7dd6cde0eb1e, 0xf57d4f7fee6ed178, 0x06f067aa72176fba, 0x0a637dc5a2c898a6,
    0x113f9804bef90dae, 0x1b710b35131c471b, 0x28db77f523047d84, 0x32caab7b40c72493, 0x3c9ebe0a15c9bebc,
    0x431d67c49c100d4c, 0x4cc5d4becb3e42b6, 0x597f299cfc657e2a, 0x5fcb6fab3ad6faec, 0x6c44198c4a475817,
};

static const uint64_t START[STATE] = {
    0xcbbb9d5dc1059ed8, 0x629a292a367cd507, 0x9159015a3070dd17, 0x152fecd8f70e5939,
    0x67332667ffc00b31, 0x8eb44a8768581511, 0xdb0c2e0d64f98fa7, 0x47b5481dbefa4fa4,
};

typedef __m512i lanes;

/* Truth tables of three inputs for vpternlogq. */
enum { XOR3 = 0x96, CHOOSE = 0xca, MAJORITY = 0xe8 };

#define SUM3(a, b, c) _mm512_ternarylogic_epi64(a, b, c, XOR3)
#define TURN(x, n) _mm512_ror_epi64(x, n)
#define ADD(a, b) _mm512_add_epi64(a, b)

static inline lanes big_sigma0(lanes x) { return SUM3(TURN(x, 28), TURN(x, 34), TURN(x, 39)); }
static inline lanes big_sigma1(lanes x) { return SUM3(TURN(x, 14), TURN(x, 18), TURN(x, 41)); }
static inline lanes small_sigma0(lanes x) { return SUM3(TURN(x, 1), TURN(x, 8), _mm512_srli_epi64(x, 7)); }
static inline lanes small_sigma1(lanes x) { return SUM3(TURN(x, 19), TURN(x, 61), _mm512_srli_epi64(x, 6)); }

/* Word w of each lane's message: rows of eight lanes become columns, and big-endian. */
static inline void transpose(const uint8_t *const from[LANES], int at, lanes to[8])
{
    const lanes swap = _mm512_broadcast_i32x4(
        _mm_set_epi8(8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
    lanes row[8], pair[8], four[8];
    for (int i = 0; i < 8; i++)
        row[i] = _mm512_shuffle_epi8(_mm512_loadu_si512(from[i] + at), swap);
    for (int i = 0; i < 8; i += 2) {
        pair[i] = _mm512_unpacklo_epi64(row[i], row[i + 1]);
        pair[i + 1] = _mm512_unpackhi_epi64(row[i], row[i + 1]);
    }
    for (int i = 0; i < 8; i += 4)
        for (int j = 0; j < 2; j++) {
            four[i + j] = _mm512_shuffle_i64x2(pair[i + j], pair[i + j + 2], 0x88);
            four[i + j + 2] = _mm512_shuffle_i64x2(pair[i + j], pair[i + j + 2], 0xdd);
        }
    for (int j = 0; j < 4; j++) {
        to[j] = _mm512_shuffle_i64x2(four[j], four[j + 4], 0x88);
        to[j + 4] = _mm512_shuffle_i64x2(four[j], four[j + 4], 0xdd);
    }
}

/* One block of each lane; lanes outside `active` keep their state. */
static void compress(lanes state[STATE], const uint8_t *const from[LANES], __mmask8 active)
{
    lanes w[WORDS];
    transpose(from, 0, w);
    transpose(from, BLOCK / 2, w + 8);
    lanes a = state[0], b = state[1], c = state[2], d = state[3];
    lanes e = state[4], f = state[5], g = state[6], h = state[7];
#pragma GCC unroll 5
    for (int sixteen = 0; sixteen < 80; sixteen += WORDS) {
#pragma GCC unroll 16
        for (int i = 0; i < WORDS; i++) {
            if (sixteen)
                w[i] = ADD(ADD(w[i], small_sigma0(w[(i + 1) % WORDS])),
                           ADD(w[(i + 9) % WORDS], small_sigma1(w[(i + 14) % WORDS])));
            lanes known = ADD(ADD(h, w[i]), _mm512_set1_epi64((long long)ROUND[sixteen + i]));
            lanes first = ADD(ADD(known, _mm512_ternarylogic_epi64(e, f, g, CHOOSE)), big_sigma1(e));
            lanes second = ADD(big_sigma0(a), _mm512_ternarylogic_epi64(a, b, c, MAJORITY));
            h = g, g = f, f = e, e = ADD(d, first);
            d = c, c = b, b = a, a = ADD(first, second);
        }
    }
    const lanes after[STATE] = {a, b, c, d, e, f, g, h};
    for (int i = 0; i < STATE; i++)
        state[i] = _mm512_mask_add_epi64(state[i], active, state[i], after[i]);
}

/* The end of a message: what is left of it, one bit, zeros, its length in bits. Returns how many blocks. */
static int pad(const uint8_t *data, uint64_t size, uint8_t tail[2 * BLOCK])
{
    uint64_t left = size % BLOCK;
    int blocks = left < BLOCK - LENGTH ? 1 : 2;
    memset(tail, 0, 2 * BLOCK);
    if (left)
        memcpy(tail, data + size - left, left);
    tail[left] = 0x80;
    uint64_t bits = __builtin_bswap64(size << 3), beyond = __builtin_bswap64(size >> 61);
    memcpy(tail + blocks * BLOCK - 8, &bits, 8);
    memcpy(tail + blocks * BLOCK - 16, &beyond, 8);
    return blocks;
}

static void hash_lanes(const uint8_t *const *data, const uint64_t *sizes, int count, uint8_t *digests)
{
    static const uint8_t zeros[BLOCK];
    uint8_t tails[LANES][2 * BLOCK];
    uint64_t whole[LANES] = {0}, blocks[LANES] = {0}, most = 0;
    lanes state[STATE];
    for (int i = 0; i < STATE; i++)
        state[i] = _mm512_set1_epi64((long long)START[i]);
    for (int i = 0; i < count; i++) {
        whole[i] = sizes[i] / BLOCK;
        blocks[i] = whole[i] + (uint64_t)pad(data[i], sizes[i], tails[i]);
        most = blocks[i] > most ? blocks[i] : most;
    }
    for (uint64_t at = 0; at < most; at++) {
        const uint8_t *from[LANES];
        unsigned active = 0;
        for (int i = 0; i < LANES; i++) {
            active |= (unsigned)(at < blocks[i]) << i;
            from[i] = at < whole[i]    ? data[i] + at * BLOCK
                      : at < blocks[i] ? tails[i] + (at - whole[i]) * BLOCK
                                       : zeros;
        }
        compress(state, from, (__mmask8)active);
    }
    uint64_t words[STATE][LANES];
    for (int i = 0; i < DIGEST_WORDS; i++)
        _mm512_storeu_si512(words[i], state[i]);
    for (int i = 0; i < count; i++)
        for (int j = 0; j < DIGEST_WORDS; j++) {
            uint64_t word = __builtin_bswap64(words[j][i]);
            memcpy(digests + (i * DIGEST_WORDS + j) * 8, &word, 8);
        }
}

#pragma GCC pop_options
static int available(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw");
}
#else
static void hash_lanes(const uint8_t *const *data, const uint64_t *sizes, int count, uint8_t *digests)
{
    (void)data, (void)sizes, (void)count, (void)digests;
}

static int available(void) { return 0; }
#endif

/* How many messages at a time: 0 where the processor can't. */
int confide_sha384_lanes(void) { return available() ? LANES : 0; }

/* `count` messages, 1 to LANES; 48 bytes of `digests` for each. */
void confide_sha384(const uint8_t *const *data, const uint64_t *sizes, int count, uint8_t *digests)
{
    hash_lanes(data, sizes, count, digests);
}

/* AVX-512 with dot products of bfloat16: Cooper Lake, Sapphire Rapids, Zen 4. Sums stay in float. */
#if defined(__x86_64__)
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma")
#define USE_AVX512
#define LANES 16
#define UNITS 4 /* attention units whose sums for TILE pairs stay in registers */
#define PATH(name) avx512_bf16_##name
#define CONFIDE_PATH confide_path_avx512_bf16
#include "vectors.h"
#define WIDTH 16
#define ROW(name) avx512_bf16_row_##name
#include "rowwise.h"
#define WIDTH 8
#define ROW(name) avx512_bf16_small_##name
#include "rowwise.h"
#include "products_bf16.h"
#include "group.h"
#endif

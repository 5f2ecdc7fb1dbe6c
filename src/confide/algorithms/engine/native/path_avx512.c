/* AVX-512 as of Skylake-X (2017) and Zen 4 (2022). */
#if defined(__x86_64__)
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")
#define USE_AVX512
#define LANES 16
#define UNITS 4 /* attention units whose sums for TILE pairs stay in registers */
#define PATH(name) avx512_##name
#define CONFIDE_PATH confide_path_avx512
#include "vectors.h"
#define WIDTH 16
#define ROW(name) avx512_row_##name
#include "rowwise.h"
#define WIDTH 8
#define ROW(name) avx512_small_##name
#include "rowwise.h"
#include "products_float.h"
#include "group.h"
#endif

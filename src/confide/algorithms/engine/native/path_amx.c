/* AVX-512 with AMX tiles for the attention layer: Sapphire Rapids (2023) and later. */
#if defined(__x86_64__)
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,amx-tile,amx-bf16")
#define USE_AVX512
#define USE_AMX
#define LANES 16
#define UNITS 4 /* attention units whose sums for TILE pairs stay in registers */
#define PATH(name) amx_##name
#define CONFIDE_PATH confide_path_amx
#include "vectors.h"
#define WIDTH 16
#define ROW(name) amx_row_##name
#include "rowwise.h"
#define WIDTH 8
#define ROW(name) amx_small_##name
#include "rowwise.h"
#include "products_float.h"
#include "group.h"
#endif

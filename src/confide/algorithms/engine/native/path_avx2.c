/* AVX2 with FMA: Intel since 2013, AMD since 2015. */
#if defined(__x86_64__)
#pragma GCC target("avx2,fma")
#define USE_AVX2
#define LANES 8
#define UNITS 2 /* attention units whose sums for TILE pairs stay in registers */
#define PATH(name) avx2_##name
#define CONFIDE_PATH confide_path_avx2
#include "vectors.h"
#define WIDTH 8
#define ROW(name) avx2_row_##name
#include "rowwise.h"
#include "products_float.h"
#include "group.h"
#endif

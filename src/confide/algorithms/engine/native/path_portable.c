/* Any processor: vectors of four floats, which the compiler maps to what there is. */
#define LANES 4
#define UNITS 2 /* attention units whose sums for TILE pairs stay in registers */
#define PATH(name) portable_##name
#define CONFIDE_PATH confide_path_portable
#include "vectors.h"
#define WIDTH 4
#define ROW(name) portable_row_##name
#include "rowwise.h"
#include "products_float.h"
#include "group.h"

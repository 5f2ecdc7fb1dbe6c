/* The attention layer in float: what MULTIPLY_PAIRS and PLACE_WEIGHTS of group.h stand for. */

#define PLACE_PRODUCTS                                                                    \
    for (ptrdiff_t k = 0; k < size; k++) {                                                \
        const vf common = load(right[0] + k * LANES), p = load(projection + k * LANES);   \
        _Pragma("GCC unroll 4") for (int s = 0; s < TILE; s++)                            \
        {                                                                                 \
            const vf product = load(left[s] + k * LANES) * (shared ? common : load(right[s] + k * LANES)); \
            if (first)                                                                    \
                gain[s] += product * p;                                                   \
            store(products + (k * TILE + s) * LANES, product);                            \
        }                                                                                 \
    }

#define MULTIPLY_PAIRS                                                                    \
    _Pragma("GCC unroll 2") for (ptrdiff_t k = 0; k < size; k++) {                                                \
        vf product[TILE];                                                                 \
        _Pragma("GCC unroll 4") for (int s = 0; s < TILE; s++)                            \
            product[s] = load(products + (k * TILE + s) * LANES);                         \
        _Pragma("GCC unroll 8") for (int t = 0; t < UNITS; t++)                           \
        {                                                                                 \
            const vf weight = all(weights[k * UNITS + t]);                                \
            _Pragma("GCC unroll 4") for (int s = 0; s < TILE; s++)                        \
                minus_z[s][t] += product[s] * weight;                                           \
        }                                                                                 \
    }

#define PLACE_WEIGHTS                                                                     \
    for (ptrdiff_t k = 0; k < size; k++)                                                  \
        to[k * UNITS + at] = -m->dense[dense_weight() + unit * size + k];

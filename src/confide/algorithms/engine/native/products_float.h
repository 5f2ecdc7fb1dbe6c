/* The attention layer in float: what MULTIPLY_PAIRS and PLACE_WEIGHTS of group.h stand for. */

#define MULTIPLY_PAIRS                                                                    \
    for (int k = 0; k < size; k++) {                                                      \
        vf product[SPAN];                                                                 \
        _Pragma("GCC unroll 4") for (int s = 0; s < SPAN; s++)                            \
        {                                                                                 \
            product[s] = load(left[s] + k * LANES) * load(right[s] + k * LANES);          \
            if (gains)                                                                    \
                gain[s] += product[s] * load(projection + k * LANES);                  \
        }                                                                                 \
        _Pragma("GCC unroll 8") for (int t = 0; t < UNITS; t++)                           \
        {                                                                                 \
            const vf weight = all(weights[k * UNITS + t]);                                \
            _Pragma("GCC unroll 4") for (int s = 0; s < SPAN; s++)                        \
                z[s][t] += product[s] * weight;                                           \
        }                                                                                 \
    }

#define PLACE_WEIGHTS                                                                     \
    for (ptrdiff_t k = 0; k < size; k++)                                                  \
        to[k * UNITS + at] = m->dense[dense_weight() + unit * size + k];

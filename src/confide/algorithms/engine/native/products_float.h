/* The attention layer in float: what MULTIPLY_PAIRS and PLACE_WEIGHTS of group.h stand for. */

#define PLACE_PRODUCTS                                                                    \
    for (ptrdiff_t k = 0; k < size; k++)                                                  \
        _Pragma("GCC unroll 4") for (int s = 0; s < SPAN; s++)                            \
        {                                                                                 \
            const vf product = load(left[s] + k * LANES) * load(right[s] + k * LANES);    \
            if (first)                                                                    \
                gain[s] += product * load(projection + k * LANES);                        \
            store(products + (k * SPAN + s) * LANES, product);                            \
        }

#define MULTIPLY_PAIRS                                                                    \
    for (ptrdiff_t k = 0; k < size; k++)                                                  \
        _Pragma("GCC unroll 8") for (int t = 0; t < UNITS; t++)                           \
        {                                                                                 \
            const vf weight = all(weights[k * UNITS + t]);                                \
            _Pragma("GCC unroll 4") for (int s = 0; s < SPAN; s++)                        \
                z[s][t] += load(products + (k * SPAN + s) * LANES) * weight;              \
        }

#define PLACE_WEIGHTS                                                                     \
    for (ptrdiff_t k = 0; k < size; k++)                                                  \
        to[k * UNITS + at] = m->dense[dense_weight() + unit * size + k];

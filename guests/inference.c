/* Scores of the ten digits for small images, by a network of int8 weights.
 *
 * Each layer sums weights times inputs in 32 bits; between layers sums are shifted right and cut to
 * 0 … 127.
 */
#include "digits-weights.h"
#include "value.h"

#define SIDE 8u
#define PIXELS (SIDE * SIDE)
#define BRIGHTEST 16u
#define DIGITS 10u

/* Return a sum of products; the number of inputs is a multiple of 4. */
static inline __attribute__((always_inline)) int32_t sum_products(const int8_t *weights,
                                                                  const int32_t *inputs,
                                                                  uint32_t count) {
    int32_t total = 0;
#pragma clang loop unroll_count(16)
    for (uint32_t place = 0; place < count; place++) {
        total += weights[place] * inputs[place];
    }
    return total;
}

static int32_t cut(int32_t sum, int shift) {
    int32_t value = sum >> shift;
    return value < 0 ? 0 : value > 127 ? 127 : value;
}

static void classify(int32_t scores[DIGITS], const int32_t image[PIXELS]) {
    int32_t first[OUTPUTS_0], second[OUTPUTS_1];
    for (uint32_t k = 0; k < OUTPUTS_0; k++) {
        first[k] = cut(sum_products(weights_0 + k * INPUTS_0, image, INPUTS_0) + biases_0[k], SHIFT_0);
    }
    for (uint32_t k = 0; k < OUTPUTS_1; k++) {
        second[k] = cut(sum_products(weights_1 + k * INPUTS_1, first, INPUTS_1) + biases_1[k], SHIFT_1);
    }
    for (uint32_t k = 0; k < OUTPUTS_2; k++) {
        scores[k] = sum_products(weights_2 + k * INPUTS_2, second, INPUTS_2) + biases_2[k];
    }
}

int main(void) {
    struct value images;
    value_read_all(&images, 1);
    bool is_flat = images.dimensions == 2 && images.shape[1] == PIXELS;
    bool is_square = images.dimensions == 3 && images.shape[1] == SIDE && images.shape[2] == SIDE;
    if (images.dtype == DTYPE_TEXT || !(is_flat || is_square)) {
        return PEKANU_BAD_INPUT;
    }
    for (uint32_t place = 0; place < images.count; place++) {
        if (value_get(&images, place) > BRIGHTEST) {
            return PEKANU_BAD_INPUT;
        }
    }
    uint32_t shape[2] = {images.shape[0], DIGITS};
    int32_t *scores = value_begin(DTYPE_INT32, 2, shape);
    for (uint32_t index = 0; index < images.shape[0]; index++) {
        int32_t image[PIXELS];
        for (uint32_t place = 0; place < PIXELS; place++) {
            image[place] = (int32_t)value_get(&images, index * PIXELS + place);
        }
        classify(scores + index * DIGITS, image);
    }
    return 0;
}

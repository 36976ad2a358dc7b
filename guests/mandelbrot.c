/* Escape times of the Mandelbrot set in fixed-point arithmetic: coordinates count 2^-28.
 *
 * |z| is at most 2 before a step and 8 after it, so squares stay below 2^63.
 */
#include "value.h"

#define FRACTION_BITS 28
#define ESCAPE ((int64_t)4 << FRACTION_BITS)
/* Coordinates beyond this could overflow. */
#define LIMIT ((int64_t)4 << FRACTION_BITS)
#define MOST_PIXELS 8192

/* Return the steps before z escapes, at most `most`. */
static uint32_t iterate(int32_t c_real, int32_t c_imaginary, uint32_t most) {
    int64_t real = 0, imaginary = 0;
    uint32_t count = 0;
    while (count < most) {
        int64_t real_squared = (real * real) >> FRACTION_BITS;
        int64_t imaginary_squared = (imaginary * imaginary) >> FRACTION_BITS;
        if (real_squared + imaginary_squared > ESCAPE) {
            break;
        }
        imaginary = ((real * imaginary) >> (FRACTION_BITS - 1)) + c_imaginary;
        real = real_squared - imaginary_squared + c_real;
        count++;
    }
    return count;
}

/* Return how far a row or column lies from the middle. */
static int64_t get_offset(uint32_t place, uint32_t length, int64_t step) {
    return ((2 * (int64_t)place + 1 - length) * step) >> 1;
}

/* Return whether the pixels of a row or column stay within the limit. */
static bool is_within(int64_t center, uint32_t length, int64_t step, int sign) {
    int64_t first = center + sign * get_offset(0, length, step);
    int64_t last = center + sign * get_offset(length - 1, length, step);
    return first >= -LIMIT && first <= LIMIT && last >= -LIMIT && last <= LIMIT;
}

int main(void) {
    struct value values[6];
    value_read_all(values, 6);
    int64_t center_x = value_get_bounded(&values[0], -LIMIT, LIMIT);
    int64_t center_y = value_get_bounded(&values[1], -LIMIT, LIMIT);
    int64_t span = value_get_bounded(&values[2], 0, 2 * LIMIT);
    uint32_t width = (uint32_t)value_get_bounded(&values[3], 1, MOST_PIXELS);
    uint32_t height = (uint32_t)value_get_bounded(&values[4], 1, MOST_PIXELS);
    uint32_t most = (uint32_t)value_get_bounded(&values[5], 1, UINT16_MAX);
    int64_t step = span / (int64_t)width;
    if (step == 0 || !is_within(center_x, width, step, 1) ||
        !is_within(center_y, height, step, -1)) {
        return PEKANU_BAD_INPUT;
    }
    uint32_t shape[2] = {height, width};
    uint16_t *counts = value_begin(DTYPE_UINT16, 2, shape);
    for (uint32_t row = 0; row < height; row++) {
        int64_t y = center_y - get_offset(row, height, step);
        for (uint32_t column = 0; column < width; column++) {
            int64_t x = center_x + get_offset(column, width, step);
            *counts++ = (uint16_t)iterate((int32_t)x, (int32_t)y, most);
        }
    }
    return 0;
}

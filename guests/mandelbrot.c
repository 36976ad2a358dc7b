/* Escape times of the Mandelbrot set in fixed-point arithmetic: coordinates count 2^-28.
 *
 * |z| is at most 2 before a step and 8 after it, so squares stay below 2^63.
 */
#include "value.h"

#define FRACTION_BITS 28
#define ESCAPE ((int64_t)4 << FRACTION_BITS)

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

int main(void) {
    struct value values[6];
    value_read_all(values, 6);
    int64_t center_x = value_get_integer(&values[0]);
    int64_t center_y = value_get_integer(&values[1]);
    int64_t span = value_get_integer(&values[2]);
    uint32_t width = (uint32_t)value_get_integer(&values[3]);
    uint32_t height = (uint32_t)value_get_integer(&values[4]);
    uint32_t most = (uint32_t)value_get_integer(&values[5]);
    if (width == 0 || width > 8192 || height == 0 || height > 8192) {
        return PEKANU_BAD_INPUT;
    }
    int64_t step = span / (int64_t)width;
    uint32_t shape[2] = {height, width};
    uint16_t *counts = value_begin(DTYPE_UINT16, 2, shape);
    for (uint32_t row = 0; row < height; row++) {
        int64_t y = center_y - (((2 * (int64_t)row + 1 - height) * step) >> 1);
        for (uint32_t column = 0; column < width; column++) {
            int64_t x = center_x + (((2 * (int64_t)column + 1 - width) * step) >> 1);
            *counts++ = (uint16_t)iterate((int32_t)x, (int32_t)y, most);
        }
    }
    return 0;
}

/* The product of two integer matrices modulo 2^64.
 *
 * Rows of the left matrix are taken some at a time, so that a row of the right one, whose elements
 * may be of any width, is spread out once for all of them.
 */
#include "value.h"

#define ROWS_AT_ONCE 64u

/* Add factor * row to total, element by element. */
static void add_multiple(uint64_t *total, uint64_t factor, const uint64_t *row, uint32_t size) {
    for (uint32_t column = 0; column < size; column++) {
        total[column] += factor * row[column];
    }
}

int main(void) {
    struct value values[2];
    value_read_all(values, 2);
    const struct value *a = &values[0], *b = &values[1];
    if (a->dimensions != 2 || b->dimensions != 2 || a->shape[1] != b->shape[0]) {
        return PEKANU_BAD_INPUT;
    }
    uint32_t rows = a->shape[0], inner = a->shape[1], columns = b->shape[1];
    uint32_t shape[2] = {rows, columns};
    uint64_t *product = value_begin(DTYPE_INT64, 2, shape);
    if (rows == 0 || columns == 0) {
        return 0;
    }
    uint64_t *spread = pekanu_alloc(8 * (size_t)columns);
    for (uint32_t first = 0; first < rows; first += ROWS_AT_ONCE) {
        uint32_t last = rows - first < ROWS_AT_ONCE ? rows : first + ROWS_AT_ONCE;
        for (uint32_t k = 0; k < inner; k++) {
            for (uint32_t column = 0; column < columns; column++) {
                spread[column] = value_get(b, k * columns + column);
            }
            for (uint32_t row = first; row < last; row++) {
                add_multiple(product + (size_t)row * columns, value_get(a, row * inner + k), spread,
                             columns);
            }
        }
    }
    return 0;
}

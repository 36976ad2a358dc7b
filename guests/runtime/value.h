/* The values of a catalog function: how they lie in the input, and how its output is begun.
 *
 * The format is that of the catalog's framing: a count, then each value with its length, all
 * little-endian and padded to multiples of 8, so that elements are aligned.
 */
#ifndef VALUE_H
#define VALUE_H

#include "pekanu.h"

#define VALUE_MOST_DIMENSIONS 4

/* What the elements of a value are. */
enum dtype {
    DTYPE_TEXT = 0,
    DTYPE_INT8 = 1,
    DTYPE_INT16 = 2,
    DTYPE_INT32 = 3,
    DTYPE_INT64 = 4,
    DTYPE_UINT8 = 5,
    DTYPE_UINT16 = 6,
    DTYPE_UINT32 = 7,
    DTYPE_UINT64 = 8,
};

struct value {
    enum dtype dtype;
    uint32_t dimensions;
    uint32_t shape[VALUE_MOST_DIMENSIONS];
    /* Elements in all, row-major. */
    uint32_t count;
    const void *elements;
};

/* Read exactly `count` values of the input. Ends the program if it holds anything else. */
void value_read_all(struct value *values, uint32_t count);

/* Return the bytes of an element. */
uint32_t value_get_item_size(enum dtype dtype);

/* Return an element as 64 bits, the sign extended. */
uint64_t value_get(const struct value *value, uint32_t index);

/* Return the number in a value without dimensions. Ends the program if it is none. */
int64_t value_get_integer(const struct value *value);

/* Return that number. Ends the program if there is none, or it lies outside bounds. */
int64_t value_get_bounded(const struct value *value, int64_t least, int64_t most);

/* End the program if a value is no text, or a longer one. */
void value_require_text(const struct value *value, uint32_t most);

/* Begin the output with the header of an array; return where its elements belong. */
void *value_begin(enum dtype dtype, uint32_t dimensions, const uint32_t *shape);

/* Begin the output with the header of a text, whose length `value_end_text` sets. */
void value_begin_text(void);
void value_end_text(void);

/* Put a number behind the output in decimal digits. */
void value_write_decimal(uint64_t number);

#endif

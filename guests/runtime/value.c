/* Reading the input's frame and writing the output's header; see value.h. */
#include "value.h"

static const uint8_t item_sizes[] = {1, 1, 2, 4, 8, 1, 2, 4, 8};

static void require(bool holds) {
    if (!holds) {
        pekanu_exit(PEKANU_BAD_INPUT);
    }
}

static uint32_t load(uint32_t offset) {
    require(offset + 4 <= pekanu_input_size());
    return *(const uint32_t *)(PEKANU_INPUT + offset);
}

static uint32_t pad(uint32_t size) { return (size + 7u) & ~7u; }

uint32_t value_get_item_size(enum dtype dtype) { return item_sizes[dtype]; }

/* Return the product of some lengths, or more than any region holds. */
static uint64_t multiply(const uint32_t *shape, uint32_t dimensions, uint32_t least) {
    uint64_t product = 1;
    for (uint32_t axis = 0; axis < dimensions; axis++) {
        product *= shape[axis] < least ? least : shape[axis];
        if (product > PEKANU_MOST_BYTES) {
            return (uint64_t)PEKANU_MOST_BYTES + 1;
        }
    }
    return product;
}

/* Read the value at an offset, which lies within the input with its length. */
static void read_value(struct value *value, uint32_t offset, uint32_t length) {
    require(length >= 4);
    const uint8_t *header = PEKANU_INPUT + offset;
    require(header[0] <= DTYPE_UINT64 && header[1] <= VALUE_MOST_DIMENSIONS);
    require(header[2] == 0 && header[3] == 0);
    value->dtype = (enum dtype)header[0];
    value->dimensions = header[1];
    require(value->dtype != DTYPE_TEXT || value->dimensions == 1);
    uint32_t start = pad(4 + 4 * value->dimensions);
    require(start <= length);
    for (uint32_t axis = 0; axis < value->dimensions; axis++) {
        value->shape[axis] = load(offset + 4 + 4 * axis);
    }
    require(start == 4 + 4 * value->dimensions || load(offset + start - 4) == 0);
    require(multiply(value->shape, value->dimensions, 1) <= PEKANU_MOST_BYTES);
    uint64_t count = multiply(value->shape, value->dimensions, 0);
    require(count * item_sizes[value->dtype] == length - start);
    value->count = (uint32_t)count;
    value->elements = header + start;
}

void value_read_all(struct value *values, uint32_t count) {
    uint32_t size = pekanu_input_size();
    require(load(0) == count);
    uint32_t offset = 4;
    for (uint32_t index = 0; index < count; index++) {
        uint32_t length = load(offset);
        require(length <= size && pad(4 + length) <= size - offset);
        read_value(&values[index], offset + 4, length);
        uint32_t next = offset + pad(4 + length);
        for (uint32_t place = offset + 4 + length; place < next; place++) {
            require(PEKANU_INPUT[place] == 0);
        }
        offset = next;
    }
    require(offset == size);
}

uint64_t value_get(const struct value *value, uint32_t index) {
    switch (value->dtype) {
    case DTYPE_INT8:
        return (uint64_t)(int64_t)((const int8_t *)value->elements)[index];
    case DTYPE_INT16:
        return (uint64_t)(int64_t)((const int16_t *)value->elements)[index];
    case DTYPE_INT32:
        return (uint64_t)(int64_t)((const int32_t *)value->elements)[index];
    case DTYPE_TEXT:
    case DTYPE_UINT8:
        return ((const uint8_t *)value->elements)[index];
    case DTYPE_UINT16:
        return ((const uint16_t *)value->elements)[index];
    case DTYPE_UINT32:
        return ((const uint32_t *)value->elements)[index];
    default:
        return ((const uint64_t *)value->elements)[index];
    }
}

int64_t value_get_integer(const struct value *value) {
    require(value->dtype == DTYPE_INT64 && value->dimensions == 0);
    return *(const int64_t *)value->elements;
}

int64_t value_get_bounded(const struct value *value, int64_t least, int64_t most) {
    int64_t number = value_get_integer(value);
    require(number >= least && number <= most);
    return number;
}

void value_require_text(const struct value *value, uint32_t most) {
    require(value->dtype == DTYPE_TEXT && value->count <= most);
}

void *value_begin(enum dtype dtype, uint32_t dimensions, const uint32_t *shape) {
    uint32_t start = pad(4 + 4 * dimensions);
    uint64_t size = start + multiply(shape, dimensions, 0) * item_sizes[dtype];
    if (size > PEKANU_MOST_BYTES) {
        pekanu_exit(PEKANU_LONG_OUTPUT);
    }
    PEKANU_OUTPUT[0] = (uint8_t)dtype;
    PEKANU_OUTPUT[1] = (uint8_t)dimensions;
    for (uint32_t axis = 0; axis < dimensions; axis++) {
        ((uint32_t *)PEKANU_OUTPUT)[1 + axis] = shape[axis];
    }
    pekanu_set_output_size((uint32_t)size);
    return PEKANU_OUTPUT + start;
}

void value_begin_text(void) {
    PEKANU_OUTPUT[0] = DTYPE_TEXT;
    PEKANU_OUTPUT[1] = 1;
    pekanu_set_output_size(8);
}

void value_end_text(void) { ((uint32_t *)PEKANU_OUTPUT)[1] = pekanu_output_size() - 8; }

void value_write_decimal(uint64_t number) {
    char digits[20];
    uint32_t place = sizeof digits;
    do {
        digits[--place] = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    pekanu_write(digits + place, sizeof digits - place);
}

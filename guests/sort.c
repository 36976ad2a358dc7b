/* Stable sorting: rows of an array by a key column, or the lines of a text by their bytes.
 *
 * Rows are moved whole, byte by byte of the key from the lowest, between the output and scratch
 * memory; a byte in which all keys agree costs no move.
 */
#include "strings.h"
#include "value.h"

/* Offsets of so many lines fit scratch memory. */
#define MOST_LINES 16000000u

/* Return a byte of a row's key that orders as a number: the highest of a signed one is turned. */
static uint32_t get_digit(const uint8_t *key, uint32_t digit, uint8_t turn) {
    return key[digit] ^ turn;
}

/* Move rows, in the order of one byte of their keys; return whether they had to be moved. */
static bool move_by_digit(uint8_t *to, const uint8_t *from, uint32_t rows, uint32_t row_size,
                          uint32_t offset, uint8_t turn) {
    uint32_t places[256] = {0};
    for (uint32_t row = 0; row < rows; row++) {
        places[get_digit(from + (size_t)row * row_size, offset, turn)]++;
    }
    if (places[get_digit(from, offset, turn)] == rows) {
        return false;
    }
    uint32_t place = 0;
    for (uint32_t digit = 0; digit < 256; digit++) {
        uint32_t count = places[digit];
        places[digit] = place;
        place += count;
    }
    for (uint32_t row = 0; row < rows; row++) {
        const uint8_t *source = from + (size_t)row * row_size;
        uint8_t *target = to + (size_t)places[get_digit(source, offset, turn)]++ * row_size;
        if (row_size == 4) {
            *(uint32_t *)target = *(const uint32_t *)source;
        } else if (row_size == 8) {
            *(uint64_t *)target = *(const uint64_t *)source;
        } else {
            memcpy(target, source, row_size);
        }
    }
    return true;
}

static int sort_rows(const struct value *records, uint32_t column) {
    uint32_t rows = records->shape[0];
    uint32_t columns = records->dimensions == 1 ? 1 : records->shape[1];
    uint32_t item = value_get_item_size(records->dtype);
    if (records->dimensions == 0 || records->dimensions > 2 || column >= (columns ? columns : 1) ||
        (columns == 0 && rows != 0)) {
        return PEKANU_BAD_INPUT;
    }
    uint8_t *sorted = value_begin(records->dtype, records->dimensions, records->shape);
    uint32_t row_size = columns * item, size = rows * row_size;
    if (size == 0) {
        return 0;
    }
    memcpy(sorted, records->elements, size);
    uint8_t *other = pekanu_alloc(size), *from = sorted;
    bool is_signed = records->dtype <= DTYPE_INT64;
    for (uint32_t digit = 0; digit < item; digit++) {
        uint8_t turn = is_signed && digit == item - 1 ? 0x80 : 0;
        uint8_t *to = from == sorted ? other : sorted;
        if (move_by_digit(to, from, rows, row_size, column * item + digit, turn)) {
            from = to;
        }
    }
    if (from != sorted) {
        memcpy(sorted, from, size);
    }
    return 0;
}

static int sort_lines(const struct value *records) {
    /* The last line need not end in a newline; there is room behind the input. */
    uint8_t *text = (uint8_t *)records->elements;
    uint32_t size = records->count;
    uint32_t count = 0;
    for (uint32_t place = 0; place < size; place++) {
        count += text[place] == '\n';
    }
    if (count >= MOST_LINES) {
        return PEKANU_BAD_INPUT;
    }
    if (size != 0 && text[size - 1] != '\n') {
        text[size++] = '\n';
        count++;
    }
    uint32_t *starts = pekanu_alloc(4 * (size_t)count);
    uint32_t found = 0;
    for (uint32_t place = 0, start = 0; place < size; place++) {
        if (text[place] == '\n') {
            starts[found++] = start;
            start = place + 1;
        }
    }
    strings_sort(starts, count, text, '\n');
    value_begin_text();
    for (uint32_t line = 0; line < count; line++) {
        const uint8_t *start = text + starts[line];
        uint32_t length = 0;
        while (start[length] != '\n') {
            length++;
        }
        pekanu_write(start, length + 1);
    }
    value_end_text();
    return 0;
}

int main(void) {
    struct value values[2];
    value_read_all(values, 2);
    uint32_t column = (uint32_t)value_get_bounded(&values[1], 0, UINT32_MAX);
    if (values[0].dtype != DTYPE_TEXT) {
        return sort_rows(&values[0], column);
    }
    return column == 0 ? sort_lines(&values[0]) : PEKANU_BAD_INPUT;
}

/* Words and how often each occurs, by bytes alone: letters and digits of ASCII, upper case as
 * lower, and every byte from 0x80 on make words.
 */
#include "strings.h"
#include "value.h"

/* A word of one byte takes two bytes of the text and four of the output. */
#define MOST_TEXT ((PEKANU_MOST_BYTES - 8) / 2 - 1)

/* Return what a byte of a word becomes, 0 for what separates words. */
static uint8_t fold(uint8_t byte) {
    if (byte >= 'A' && byte <= 'Z') {
        return byte + ('a' - 'A');
    }
    bool is_word = byte >= 0x80 || (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9');
    return is_word ? byte : 0;
}

static bool is_same(const uint8_t *one, const uint8_t *other) {
    while (*one == *other && *one != 0) {
        one++;
        other++;
    }
    return *one == *other;
}

int main(void) {
    struct value input;
    value_read_all(&input, 1);
    value_require_text(&input, MOST_TEXT);
    /* The text is folded where it lies; behind it memory is zero, which ends the last word. */
    uint8_t *text = (uint8_t *)input.elements;
    uint8_t table[256];
    for (uint32_t byte = 0; byte < 256; byte++) {
        table[byte] = fold((uint8_t)byte);
    }
    uint32_t count = 0;
    uint8_t before = 0;
    for (uint32_t place = 0; place < input.count; place++) {
        uint8_t byte = table[text[place]];
        count += before == 0 && byte != 0;
        text[place] = before = byte;
    }
    uint32_t *starts = pekanu_alloc(4 * (size_t)count);
    uint32_t found = 0;
    before = 0;
    for (uint32_t place = 0; found < count; place++) {
        if (before == 0 && text[place] != 0) {
            starts[found++] = place;
        }
        before = text[place];
    }
    strings_sort(starts, count, text, 0);
    value_begin_text();
    for (uint32_t first = 0, last; first < count; first = last) {
        const uint8_t *word = text + starts[first];
        for (last = first + 1; last < count && is_same(word, text + starts[last]);) {
            last++;
        }
        uint32_t size = 0;
        while (word[size] != 0) {
            size++;
        }
        pekanu_write(word, size);
        pekanu_write("\t", 1);
        value_write_decimal(last - first);
        pekanu_write("\n", 1);
    }
    value_end_text();
    return 0;
}

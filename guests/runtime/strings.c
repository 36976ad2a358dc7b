/* Three-way radix quicksort; see strings.h. Source: Bentley and Sedgewick, "Fast Algorithms for
 * Sorting and Searching Strings", 1997. */
#include "strings.h"

/* Below this many strings, insertion is quicker. */
#define FEW 8u

static const uint8_t *text;
static uint32_t end;

/* Return the byte of a string at a depth, plus 1; 0 at its end. */
static uint32_t get(uint32_t start, uint32_t depth) {
    uint32_t byte = text[start + depth];
    return byte == end ? 0 : byte + 1;
}

static void swap(uint32_t *one, uint32_t *other) {
    uint32_t held = *one;
    *one = *other;
    *other = held;
}

/* Return whether a string comes before another that is equal up to a depth. */
static bool is_less(uint32_t one, uint32_t other, uint32_t depth) {
    for (;; depth++) {
        uint32_t first = get(one, depth), second = get(other, depth);
        if (first != second || first == 0) {
            return first < second;
        }
    }
}

static void insert(uint32_t *starts, uint32_t count, uint32_t depth) {
    for (uint32_t place = 1; place < count; place++) {
        uint32_t held = starts[place], free = place;
        while (free > 0 && is_less(held, starts[free - 1], depth)) {
            starts[free] = starts[free - 1];
            free--;
        }
        starts[free] = held;
    }
}

static uint32_t choose_pivot(const uint32_t *starts, uint32_t count, uint32_t depth) {
    uint32_t a = get(starts[0], depth), b = get(starts[count / 2], depth);
    uint32_t c = get(starts[count - 1], depth);
    if (a < b) {
        return b < c ? b : a < c ? c : a;
    }
    return a < c ? a : b < c ? c : b;
}

/* Sort strings that are equal up to a depth. Of the three parts the largest is gone on with, so
 * that calls never lie in each other deeper than a logarithm. */
static void sort(uint32_t *starts, uint32_t count, uint32_t depth) {
    while (count > FEW) {
        uint32_t pivot = choose_pivot(starts, count, depth);
        uint32_t less = 0, more = count, place = 0;
        while (place < more) {
            uint32_t byte = get(starts[place], depth);
            if (byte < pivot) {
                swap(&starts[less++], &starts[place++]);
            } else if (byte > pivot) {
                swap(&starts[place], &starts[--more]);
            } else {
                place++;
            }
        }
        uint32_t *parts[3] = {starts, starts + less, starts + more};
        uint32_t counts[3] = {less, pivot == 0 ? 0 : more - less, count - more};
        uint32_t depths[3] = {depth, depth + 1, depth};
        uint32_t largest = counts[0] > counts[1] ? 0 : 1;
        largest = counts[2] > counts[largest] ? 2 : largest;
        for (uint32_t part = 0; part < 3; part++) {
            if (part != largest) {
                sort(parts[part], counts[part], depths[part]);
            }
        }
        starts = parts[largest];
        count = counts[largest];
        depth = depths[largest];
    }
    insert(starts, count, depth);
}

void strings_sort(uint32_t *starts, uint32_t count, const uint8_t *all, uint8_t last) {
    text = all;
    end = last;
    sort(starts, count, 0);
}

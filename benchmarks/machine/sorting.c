/* Quicksort that compares through a function pointer. */
#include <stdint.h>

#define COUNT 200000

typedef int (*compare)(const void *, const void *);

static uint32_t numbers[COUNT];

static int rising(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static int by_low_half(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    uint32_t p = x << 16 | x >> 16, q = y << 16 | y >> 16;
    return p < q ? -1 : p > q;
}

static const compare orders[] = {rising, by_low_half};

static void sort(uint32_t *first, uint32_t *last, compare order) {
    while (last - first > 8) {
        uint32_t pivot = first[(last - first) / 2];
        uint32_t *low = first, *high = last - 1;
        while (low <= high) {
            while (order(low, &pivot) < 0) low++;
            while (order(high, &pivot) > 0) high--;
            if (low <= high) {
                uint32_t number = *low;
                *low++ = *high, *high-- = number;
            }
        }
        sort(first, high + 1, order);
        first = low;
    }
    for (uint32_t *at = first; at < last; at++)
        for (uint32_t *one = at; one > first && order(one, one - 1) < 0; one--) {
            uint32_t number = *one;
            *one = one[-1], one[-1] = number;
        }
}

static unsigned compute(void) {
    uint32_t seed = 7, sum = 0;
    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < COUNT; i++) {
            seed ^= seed << 13, seed ^= seed >> 17, seed ^= seed << 5;
            numbers[i] = seed;
        }
        volatile int which = round & 1;
        sort(numbers, numbers + COUNT, orders[which]);
        for (int i = 0; i < COUNT; i++) sum = sum * 33 + numbers[i];
    }
    return sum;
}

#include "finish.h"

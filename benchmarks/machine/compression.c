/* Compresses with a sliding window and expands again: copies, hashes, branches. */
#include <stdint.h>

#define SIZE (1 << 18)
#define HASHES 4096

static uint8_t source[SIZE], packed[SIZE * 2], result[SIZE];
static int32_t latest[HASHES];

static uint32_t compress(const uint8_t *from, uint32_t size, uint8_t *to) {
    uint32_t at = 0, length = 0;
    for (int i = 0; i < HASHES; i++) latest[i] = -1;
    while (at < size) {
        uint32_t match = 0;
        int32_t candidate = -1;
        if (at + 4 <= size) {
            uint32_t key = from[at] | (uint32_t)from[at + 1] << 8 | (uint32_t)from[at + 2] << 16;
            uint32_t slot = key * 2654435761u >> 20;
            candidate = latest[slot];
            latest[slot] = (int32_t)at;
            if (candidate >= 0 && at - (uint32_t)candidate < 65536)
                while (match < 255 && at + match < size
                       && from[(uint32_t)candidate + match] == from[at + match])
                    match++;
        }
        if (match >= 5) {
            uint32_t back = at - (uint32_t)candidate;
            to[length++] = 1, to[length++] = (uint8_t)match;
            to[length++] = (uint8_t)back, to[length++] = (uint8_t)(back >> 8);
            at += match;
        } else {
            to[length++] = 0, to[length++] = from[at++];
        }
    }
    return length;
}

static uint32_t expand(const uint8_t *from, uint32_t size, uint8_t *to) {
    uint32_t length = 0;
    for (uint32_t at = 0; at < size;) {
        if (from[at]) {
            uint32_t back = from[at + 2] | (uint32_t)from[at + 3] << 8;
            for (uint32_t i = from[at + 1]; i; i--) to[length] = to[length - back], length++;
            at += 4;
        } else {
            to[length++] = from[at + 1], at += 2;
        }
    }
    return length;
}

static unsigned compute(void) {
    uint32_t seed = 11, sum = 0;
    for (uint32_t i = 0; i < SIZE; i++) {
        seed = seed * 1664525u + 1013904223u;
        uint32_t back = 1 + (seed >> 20);
        source[i] = i > back && seed % 29 ? source[i - back % 61 - 1] : (uint8_t)(seed >> 24);
    }
    for (int round = 0; round < 60; round++) {
        uint32_t length = compress(source, SIZE, packed);
        uint32_t size = expand(packed, length, result);
        sum = sum * 31 + length + size + result[(uint32_t)round * 997];
        source[(uint32_t)round * 1009] ^= 1;
    }
    return sum;
}

#include "finish.h"

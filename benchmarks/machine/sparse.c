/* A sparse matrix times a vector, again and again: loads through indices. */
#include <stdint.h>

#define ROWS 20000
#define PER_ROW 12

static uint32_t first[ROWS + 1], columns[ROWS * PER_ROW], values[ROWS * PER_ROW];
static uint32_t x[ROWS], y[ROWS];

static unsigned compute(void) {
    uint32_t seed = 1, count = 0;
    for (uint32_t i = 0; i < ROWS; i++) {
        first[i] = count;
        seed = seed * 1664525u + 1013904223u;
        for (uint32_t k = (seed >> 16) % PER_ROW + 1; k; k--) {
            seed = seed * 1664525u + 1013904223u;
            columns[count] = (i + (seed >> 12) % 2000) % ROWS;
            values[count++] = seed >> 20;
        }
        x[i] = i;
    }
    first[ROWS] = count;
    for (int round = 0; round < 1000; round++) {
        for (uint32_t i = 0; i < ROWS; i++) {
            uint32_t total = 0;
            for (uint32_t k = first[i]; k < first[i + 1]; k++) total += values[k] * x[columns[k]];
            y[i] = total >> 3;
        }
        for (uint32_t i = 0; i < ROWS; i++) x[i] = y[i] ^ i;
    }
    return x[7] + x[ROWS - 1];
}

#include "finish.h"

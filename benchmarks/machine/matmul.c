/* A product of integer matrices, row by column. */
#include <stdint.h>

#define SIZE 300

static uint32_t a[SIZE][SIZE], b[SIZE][SIZE], c[SIZE][SIZE];

static unsigned compute(void) {
    uint32_t seed = 1, sum = 0;
    for (int i = 0; i < SIZE; i++)
        for (int j = 0; j < SIZE; j++) {
            seed = seed * 1664525u + 1013904223u;
            a[i][j] = seed >> 8;
            b[i][j] = seed >> 16;
        }
    for (int round = 0; round < 8; round++) {
        for (int i = 0; i < SIZE; i++)
            for (int j = 0; j < SIZE; j++) {
                uint32_t total = c[j][i];
                for (int k = 0; k < SIZE; k++) total += a[i][k] * b[k][j];
                c[i][j] = total;
            }
    }
    for (int i = 0; i < SIZE; i++)
        for (int j = 0; j < SIZE; j++) sum = sum * 31 + c[i][j];
    return sum;
}

#include "finish.h"

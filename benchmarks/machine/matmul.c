/* A product of matrices over a prime field, row by column. */
#include <stdint.h>

#define SIZE 240
#define PRIME 65521u

static uint32_t a[SIZE][SIZE], b[SIZE][SIZE], c[SIZE][SIZE];

static unsigned compute(void) {
    uint32_t seed = 1, sum = 0;
    for (int i = 0; i < SIZE; i++)
        for (int j = 0; j < SIZE; j++) {
            seed = seed * 1664525u + 1013904223u;
            a[i][j] = (seed >> 8) % PRIME;
            b[i][j] = (seed >> 12) % PRIME;
        }
    for (int round = 0; round < 6; round++) {
        for (int i = 0; i < SIZE; i++)
            for (int j = 0; j < SIZE; j++) {
                uint32_t total = c[j][i];
                for (int k = 0; k < SIZE; k++) total = (total + a[i][k] * b[k][j]) % PRIME;
                c[i][j] = total;
            }
    }
    for (int i = 0; i < SIZE; i++)
        for (int j = 0; j < SIZE; j++) sum = sum * 31 + c[i][j];
    return sum;
}

#include "finish.h"

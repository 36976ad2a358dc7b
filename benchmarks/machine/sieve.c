/* The sieve of Eratosthenes: loops with strides. */
#include <stdint.h>

#define LIMIT 1000000

static uint8_t composite[LIMIT];

static unsigned compute(void) {
    unsigned sum = 0;
    for (int round = 0; round < 60; round++) {
        for (int i = 0; i < LIMIT; i++) composite[i] = 0;
        for (unsigned i = 2; i < LIMIT; i++) {
            if (composite[i]) continue;
            sum = sum * 31 + i;
            for (unsigned j = i + i; j < LIMIT; j += i) composite[j] = 1;
        }
    }
    return sum;
}

#include "finish.h"

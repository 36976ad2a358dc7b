/* The number of ways to place queens: recursion and bits. */

static unsigned place(unsigned columns, unsigned left, unsigned right, unsigned all) {
    unsigned found = 0, free = all & ~(columns | left | right);
    if (columns == all) return 1;
    while (free) {
        unsigned bit = free & -free;
        free ^= bit;
        found += place(columns | bit, (left | bit) << 1, (right | bit) >> 1, all);
    }
    return found;
}

static unsigned compute(void) { return place(0, 0, 0, (1u << 13) - 1); }

#include "finish.h"

/* Doubly recursive Fibonacci numbers: calls and returns. */

static unsigned __attribute__((noinline)) fibonacci(unsigned n) {
    return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}

static unsigned compute(void) { return fibonacci(38); }

#include "finish.h"

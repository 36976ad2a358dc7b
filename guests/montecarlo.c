/* Payoffs of an option on simulated prices: geometric Brownian motion in fixed-point arithmetic.
 *
 * Path and step decide each random number (Philox4x32-10), so any path can be followed alone. The
 * logarithm of the price is kept to base 2, in units of 2^-32.
 * Source: Salmon, Moraes, Dror and Shaw, "Parallel Random Numbers: As Easy as 1, 2, 3", 2011.
 */
#include "normal-table.h"
#include "value.h"
#include "wide.h"

/* Prices and rates count 2^-24. */
#define FRACTION_BITS 24
#define ONE ((int64_t)1 << FRACTION_BITS)
#define MOST_PRICE (ONE << 20)
#define MOST_STEPS 365
#define MOST_PATHS (1u << 22)
/* The logarithm of e to base 2, in units of 2^-40. */
#define LOG2_E 1586259972792
/* A price grows at most so many times two. */
#define MOST_DOUBLINGS 10

enum kind { CALL, PUT, AVERAGE_CALL, AVERAGE_PUT, KINDS };

typedef _BitInt(128) long_integer;

static int64_t spot, strike;
static enum kind kind;
static uint32_t steps, key[2];
/* What a step adds to the logarithm: always, and for a deviation of 1, in units of 2^-26. */
static int64_t drift, deviation;
/* The logarithm of what money at the end is worth today. */
static int64_t discount;

/* Set four words that depend on the path, on which four steps, and on the seed. */
static void draw(uint32_t words[4], uint32_t path, uint32_t four) {
    uint32_t first = path, second = four, third = 0, fourth = 0, low = key[0], high = key[1];
    for (uint32_t round = 0; round < 10; round++) {
        uint64_t left = (uint64_t)first * 0xD2511F53u, right = (uint64_t)third * 0xCD9E8D57u;
        first = (uint32_t)(right >> 32) ^ second ^ low;
        third = (uint32_t)(left >> 32) ^ fourth ^ high;
        second = (uint32_t)right;
        fourth = (uint32_t)left;
        low += 0x9E3779B9u;
        high += 0xBB67AE85u;
    }
    words[0] = first;
    words[1] = second;
    words[2] = third;
    words[3] = fourth;
}

/* Return a normal deviate in units of 2^-28. The first bit is its sign; the others are the tail
 * that it leaves, by levels of which each is an eighth of the one before. */
static int32_t get_normal(uint32_t word) {
    uint32_t tail = word << 1 | 1, base = 10 * 224;
    while (tail < 1u << 29) {
        tail <<= 3;
        base -= 224;
    }
    const int32_t *knot = normal_table + base + (tail >> 24) - 32;
    uint32_t gap = (uint32_t)(knot[0] - knot[1]);
    int32_t size = knot[0] - (int32_t)((uint64_t)gap * (tail & 0xFFFFFFu) >> 24);
    return word >> 31 ? size : -size;
}

/* Return a value times 2 to a power, rounded down. The fraction of the power is taken by a
 * polynomial whose coefficients count 2^-31. */
static int64_t grow(int64_t value, int64_t power) {
    int32_t whole = (int32_t)(power >> 32);
    uint64_t fraction = (uint32_t)power;
    if (whole >= MOST_DOUBLINGS) {
        return value << MOST_DOUBLINGS;
    }
    if (whole < -63) {
        return 0;
    }
    uint32_t sum = 447061;
    sum = 2725622 + (uint32_t)(sum * fraction >> 32);
    sum = 20727931 + (uint32_t)(sum * fraction >> 32);
    sum = 119176803 + (uint32_t)(sum * fraction >> 32);
    sum = 515883993 + (uint32_t)(sum * fraction >> 32);
    sum = 1488522215 + (uint32_t)(sum * fraction >> 32);
    uint64_t factor = 0x80000000u + (uint32_t)(sum * fraction >> 32);
    uint64_t product = (((uint64_t)value >> 32) * factor << 1) + ((uint32_t)value * factor >> 31);
    return (int64_t)(whole < 0 ? product >> -whole : product << whole);
}

/* Return the price at a path's end, or its average over the path. */
static int64_t follow(uint32_t path) {
    uint32_t words[4];
    int64_t power = 0;
    uint64_t total = 0;
    for (uint32_t step = 0; step < steps; step++) {
        if (step % 4 == 0) {
            draw(words, path, step / 4);
        }
        power += drift + ((deviation * get_normal(words[step % 4])) >> 22);
        if (kind >= AVERAGE_CALL) {
            total += (uint64_t)grow(spot, power);
        }
    }
    return kind >= AVERAGE_CALL ? (int64_t)(total / steps) : grow(spot, power);
}

/* Set what a step does. Units: a square of the volatility counts 2^-48, a year 2^-24. */
static void set_terms(int64_t rate, int64_t dividend, int64_t volatility, int64_t years) {
    long_integer square = (long_integer)volatility * volatility;
    long_integer growth = ((long_integer)(rate - dividend) << 25) - square;
    long_integer divisor = (long_integer)steps << 81, sum = growth * years * LOG2_E;
    drift = (int64_t)(sum / divisor - (sum % divisor < 0));
    wide variance = (wide)(square * years << 40) / steps;
    deviation = (int64_t)(wide_root(variance, 2) * (wide)LOG2_E >> 70);
    discount = (int64_t)(-((long_integer)rate * years * LOG2_E) >> 56);
}

int main(void) {
    struct value values[10];
    value_read_all(values, 10);
    spot = value_get_bounded(&values[0], 1, MOST_PRICE);
    strike = value_get_bounded(&values[1], 0, MOST_PRICE);
    int64_t rate = value_get_bounded(&values[2], -(ONE / 8), ONE);
    int64_t dividend = value_get_bounded(&values[3], 0, ONE);
    int64_t volatility = value_get_bounded(&values[4], 0, 2 * ONE);
    int64_t years = value_get_bounded(&values[5], 1, 32 * ONE);
    kind = (enum kind)value_get_bounded(&values[6], 0, KINDS - 1);
    steps = (uint32_t)value_get_bounded(&values[7], 1, MOST_STEPS);
    uint32_t paths = (uint32_t)value_get_bounded(&values[8], 1, MOST_PATHS);
    uint64_t seed = (uint64_t)value_get_integer(&values[9]);
    key[0] = (uint32_t)seed;
    key[1] = (uint32_t)(seed >> 32);
    set_terms(rate, dividend, volatility, years);
    int64_t *payoffs = value_begin(DTYPE_INT64, 1, &paths);
    bool is_put = kind == PUT || kind == AVERAGE_PUT;
    for (uint32_t path = 0; path < paths; path++) {
        int64_t price = follow(path);
        int64_t gain = is_put ? strike - price : price - strike;
        payoffs[path] = gain > 0 ? grow(gain, discount) : 0;
    }
    return 0;
}

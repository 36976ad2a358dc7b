/* Numbers of 128 bits, and arithmetic modulo odd ones of them (Montgomery). */
#ifndef WIDE_H
#define WIDE_H

#include "pekanu.h"

typedef unsigned _BitInt(128) wide;

/* Set the modulus of everything below: odd, at least 3. */
void wide_set_modulus(wide modulus);

/* Return a number below the modulus as it is held in products, and back. */
wide wide_hold(wide number);
wide wide_release(wide held);

/* Return 1 as it is held. */
wide wide_one(void);

/* Return sums, differences, products and halves of numbers below the modulus. */
wide wide_add(wide a, wide b);
wide wide_subtract(wide a, wide b);
wide wide_multiply(wide a, wide b);
wide wide_halve(wide a);

/* Return the power of a held number. */
wide wide_power(wide base, wide exponent);

/* Return the greatest common divisor; of 0 and a number, that number. */
wide wide_gcd(wide a, wide b);

/* Return the largest number whose power of a degree from 2 on is at most another number. */
wide wide_root(wide number, uint32_t degree);

/* Return whether a number above 2 is prime by Baillie, Pomerance, Selfridge and Wagstaff: a strong
 * test to base 2 and a strong Lucas test. No exception is known, and there is none below 2^64.
 * Sets the modulus. */
bool wide_is_prime(wide number);

/* Put a number behind the output in decimal digits. */
void wide_write(wide number);

#endif

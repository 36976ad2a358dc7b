/* Numbers of 128 bits; see wide.h. */
#include "wide.h"

static wide modulus, one, square;
static uint32_t limbs[4], negative_inverse;
/* Whether the modulus has more than 64 bits. */
static bool is_long;

/* Return a * b / 2^(32 * count) modulo the modulus. Source: Koç, Acar and Kaliski, "Analyzing and
 * Comparing Montgomery Multiplication Algorithms", CIOS. */
static inline __attribute__((always_inline)) wide multiply(wide a, wide b, uint32_t count) {
    uint32_t total[6] = {0}, left[4];
    for (uint32_t j = 0; j < count; j++) {
        left[j] = (uint32_t)(a >> (32 * j));
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t digit = (uint32_t)(b >> (32 * i)), carry = 0;
        for (uint32_t j = 0; j < count; j++) {
            uint64_t sum = (uint64_t)left[j] * digit + total[j] + carry;
            total[j] = (uint32_t)sum;
            carry = (uint32_t)(sum >> 32);
        }
        uint64_t sum = (uint64_t)total[count] + carry;
        total[count] = (uint32_t)sum;
        total[count + 1] = (uint32_t)(sum >> 32);
        uint32_t factor = total[0] * negative_inverse;
        carry = (uint32_t)(((uint64_t)factor * limbs[0] + total[0]) >> 32);
        for (uint32_t j = 1; j < count; j++) {
            sum = (uint64_t)factor * limbs[j] + total[j] + carry;
            total[j - 1] = (uint32_t)sum;
            carry = (uint32_t)(sum >> 32);
        }
        sum = (uint64_t)total[count] + carry;
        total[count - 1] = (uint32_t)sum;
        total[count] = total[count + 1] + (uint32_t)(sum >> 32);
    }
    wide result = 0;
    for (uint32_t j = 0; j < count; j++) {
        result |= (wide)total[j] << (32 * j);
    }
    return total[count] != 0 || result >= modulus ? result - modulus : result;
}

wide wide_multiply(wide a, wide b) { return is_long ? multiply(a, b, 4) : multiply(a, b, 2); }

wide wide_add(wide a, wide b) {
    wide sum = a + b;
    return sum < a || sum >= modulus ? sum - modulus : sum;
}

wide wide_subtract(wide a, wide b) { return a >= b ? a - b : a + (modulus - b); }

wide wide_halve(wide a) { return (a >> 1) + (a & 1 ? (modulus >> 1) + 1 : 0); }

void wide_set_modulus(wide number) {
    modulus = number;
    is_long = number >> 64 != 0;
    uint32_t inverse = 1;
    for (uint32_t j = 0; j < 5; j++) {
        inverse *= 2 - (uint32_t)number * inverse;
    }
    negative_inverse = 0 - inverse;
    for (uint32_t j = 0; j < 4; j++) {
        limbs[j] = (uint32_t)(number >> (32 * j));
    }
    uint32_t bits = is_long ? 128 : 64;
    wide power = 1;
    for (uint32_t bit = 0; bit < 2 * bits; bit++) {
        power = wide_add(power, power);
        if (bit == bits - 1) {
            one = power;
        }
    }
    square = power;
}

wide wide_one(void) { return one; }

wide wide_hold(wide number) { return wide_multiply(number, square); }

wide wide_release(wide held) { return wide_multiply(held, 1); }

wide wide_power(wide base, wide exponent) {
    wide result = one;
    for (; exponent != 0; exponent >>= 1) {
        if (exponent & 1) {
            result = wide_multiply(result, base);
        }
        base = wide_multiply(base, base);
    }
    return result;
}

wide wide_gcd(wide a, wide b) {
    if (a == 0 || b == 0) {
        return a | b;
    }
    uint32_t twos = 0;
    while (((a | b) & 1) == 0) {
        a >>= 1;
        b >>= 1;
        twos++;
    }
    while ((a & 1) == 0) {
        a >>= 1;
    }
    while (b != 0) {
        while ((b & 1) == 0) {
            b >>= 1;
        }
        if (a > b) {
            wide held = a;
            a = b;
            b = held;
        }
        b -= a;
    }
    return a << twos;
}

/* Return whether a number's power is at most a limit. */
static bool is_power_within(wide number, uint32_t degree, wide limit) {
    wide rest = limit;
    for (uint32_t times = 0; times < degree; times++) {
        rest /= number;
    }
    return rest != 0;
}

wide wide_root(wide number, uint32_t degree) {
    wide root = 0;
    for (uint32_t bit = 128 / degree + 1; bit-- > 0;) {
        wide larger = root | (wide)1 << bit;
        if (is_power_within(larger, degree, number)) {
            root = larger;
        }
    }
    return root;
}

static bool is_strong_probable_prime(wide number) {
    wide odd = number - 1;
    uint32_t twos = 0;
    while ((odd & 1) == 0) {
        odd >>= 1;
        twos++;
    }
    wide minus_one = number - one;
    wide power = wide_power(wide_add(one, one), odd);
    if (power == one || power == minus_one) {
        return true;
    }
    for (uint32_t times = 1; times < twos; times++) {
        power = wide_multiply(power, power);
        if (power == minus_one) {
            return true;
        }
    }
    return false;
}

/* Return the Jacobi symbol of a number over an odd one. */
static int get_jacobi(wide a, wide n) {
    int sign = 1;
    a %= n;
    while (a != 0) {
        while ((a & 1) == 0) {
            a >>= 1;
            uint32_t last = (uint32_t)n & 7;
            sign = last == 3 || last == 5 ? -sign : sign;
        }
        wide held = a;
        a = n;
        n = held;
        sign = ((uint32_t)a & 3) == 3 && ((uint32_t)n & 3) == 3 ? -sign : sign;
        a %= n;
    }
    return n == 1 ? sign : 0;
}

/* A strong Lucas test with Selfridge's parameters: of 5, -7, 9, -11 … the first D of symbol -1,
 * P = 1 and Q = (1 - D) / 4. */
static bool is_strong_lucas_probable_prime(wide number) {
    wide root = wide_root(number, 2);
    if (root * root == number) {
        return false;
    }
    uint32_t size = 5;
    bool is_negative = false;
    for (;; size += 2, is_negative = !is_negative) {
        int symbol = get_jacobi(is_negative ? number - size % number : size % number, number);
        if (symbol == -1) {
            break;
        }
        if (symbol == 0 && size < number) {
            return false;
        }
    }
    wide d = wide_hold(is_negative ? number - size : size);
    /* Q = (1 - D) / 4, which is (1 + size) / 4 or -(size - 1) / 4. */
    wide q = wide_hold(is_negative ? (size + 1) / 4 : number - (size - 1) / 4);
    wide odd = number + 1;
    uint32_t twos = 0;
    while ((odd & 1) == 0) {
        odd >>= 1;
        twos++;
    }
    uint32_t bit = 127;
    while ((odd >> bit & 1) == 0) {
        bit--;
    }
    wide u = one, v = one, power = q;
    while (bit-- > 0) {
        u = wide_multiply(u, v);
        v = wide_subtract(wide_multiply(v, v), wide_add(power, power));
        power = wide_multiply(power, power);
        if (odd >> bit & 1) {
            wide sum = wide_add(u, v);
            v = wide_halve(wide_add(wide_multiply(d, u), v));
            u = wide_halve(sum);
            power = wide_multiply(power, q);
        }
    }
    if (u == 0 || v == 0) {
        return true;
    }
    for (uint32_t times = 1; times < twos; times++) {
        v = wide_subtract(wide_multiply(v, v), wide_add(power, power));
        if (v == 0) {
            return true;
        }
        power = wide_multiply(power, power);
    }
    return false;
}

bool wide_is_prime(wide number) {
    wide_set_modulus(number);
    return is_strong_probable_prime(number) && is_strong_lucas_probable_prime(number);
}

void wide_write(wide number) {
    char digits[40];
    uint32_t place = sizeof digits;
    do {
        digits[--place] = (char)('0' + (uint32_t)(number % 10));
        number /= 10;
    } while (number != 0);
    pekanu_write(digits + place, sizeof digits - place);
}

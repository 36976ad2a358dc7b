/* Prime factors: trial division, Brent's variant of Pollard's rho, then elliptic curves.
 *
 * A factor is taken for prime when it passes the Baillie-PSW test. The factorisation is unique,
 * so it does not matter which factor is found first.
 * Source: Brent, "An Improved Monte Carlo Factorization Algorithm", 1980; Montgomery, "Speeding the
 * Pollard and Elliptic Curve Methods of Factorization", 1987.
 */
#include "value.h"
#include "wide.h"

#define TRIAL_LIMIT 1000u
#define RHO_ITERATIONS (1u << 15)
#define RHO_BATCH 128u
/* The second stage goes this many times as far as the first, in steps of 210. */
#define SECOND_STAGE 60u
#define WHEEL 210u
#define LAST_BOUND 50000u
/* A number, its longest list of factors and a newline, so many times, fit the output. */
#define LINE_BYTES (39u + 2u + 2u * 128u)
#define MOST_NUMBERS ((PEKANU_MOST_BYTES - 8) / LINE_BYTES)
#define SIEVE_SIZE (LAST_BOUND * SECOND_STAGE + WHEEL)

/* Bounds of the first stage, and how many curves each is given. */
static const struct {
    uint32_t bound, curves;
} schedule[] = {{500, 16}, {2000, 30}, {11000, 90}, {LAST_BOUND, ~0u}};

static wide found[128];
static uint32_t found_count;
/* Not 0 where a number is composite; made when the first curve needs it. */
static uint8_t *composite;

static void add_factor(wide prime) {
    uint32_t place = found_count++;
    while (place > 0 && found[place - 1] > prime) {
        found[place] = found[place - 1];
        place--;
    }
    found[place] = prime;
}

static wide difference(wide a, wide b) { return a > b ? a - b : b - a; }

/* Return a proper divisor of the modulus, or 0. */
static wide find_by_rho(wide number) {
    for (uint32_t increment = 1; increment < 4; increment++) {
        wide c = wide_hold(increment), y = wide_hold(2), x = y, saved = y, product = wide_one();
        wide divisor = 1;
        for (uint32_t length = 1; divisor == 1 && length <= RHO_ITERATIONS; length *= 2) {
            x = y;
            for (uint32_t times = 0; times < length; times++) {
                y = wide_add(wide_multiply(y, y), c);
            }
            for (uint32_t done = 0; done < length && divisor == 1; done += RHO_BATCH) {
                saved = y;
                uint32_t batch = length - done < RHO_BATCH ? length - done : RHO_BATCH;
                for (uint32_t times = 0; times < batch; times++) {
                    y = wide_add(wide_multiply(y, y), c);
                    product = wide_multiply(product, difference(x, y));
                }
                divisor = wide_gcd(product, number);
            }
        }
        if (divisor == 1) {
            return 0;
        }
        if (divisor == number) {
            /* All factors at once: one step after the other from the last batch's beginning. */
            do {
                saved = wide_add(wide_multiply(saved, saved), c);
                divisor = wide_gcd(difference(x, saved), number);
            } while (divisor == 1);
        }
        if (divisor != number) {
            return divisor;
        }
    }
    return 0;
}

/* X : Z on a Montgomery curve, of which (A + 2) / 4 is known. */
struct point {
    wide x, z;
};

static wide a24;

static struct point double_point(struct point p) {
    wide plus = wide_add(p.x, p.z), minus = wide_subtract(p.x, p.z);
    plus = wide_multiply(plus, plus);
    minus = wide_multiply(minus, minus);
    wide gap = wide_subtract(plus, minus);
    return (struct point){
        wide_multiply(plus, minus),
        wide_multiply(gap, wide_add(minus, wide_multiply(a24, gap))),
    };
}

/* Return the sum of two points whose difference is known. */
static struct point add_points(struct point p, struct point q, struct point gap) {
    wide u = wide_multiply(wide_subtract(p.x, p.z), wide_add(q.x, q.z));
    wide v = wide_multiply(wide_add(p.x, p.z), wide_subtract(q.x, q.z));
    wide plus = wide_add(u, v), minus = wide_subtract(u, v);
    return (struct point){
        wide_multiply(gap.z, wide_multiply(plus, plus)),
        wide_multiply(gap.x, wide_multiply(minus, minus)),
    };
}

static struct point multiply_point(uint32_t scalar, struct point p) {
    if (scalar == 1) {
        return p;
    }
    struct point low = p, high = double_point(p);
    uint32_t bit = 31 - (uint32_t)__builtin_clz(scalar);
    while (bit-- > 0) {
        struct point middle = add_points(high, low, p);
        if (scalar >> bit & 1) {
            high = double_point(high);
            low = middle;
        } else {
            low = double_point(low);
            high = middle;
        }
    }
    return low;
}

static void sieve(void) {
    composite = pekanu_alloc(SIEVE_SIZE);
    for (uint32_t number = 2; number * number < SIEVE_SIZE; number++) {
        for (uint32_t multiple = number * number; !composite[number] && multiple < SIEVE_SIZE;
             multiple += number) {
            composite[multiple] = 1;
        }
    }
}

/* Return an element's inverse modulo the number, or 0 and set the divisor that forbids one. */
static wide invert(wide element, wide number, wide *divisor) {
    /* Both numbers' coefficients of the element, modulo the number. */
    wide a = wide_release(element), b = number, of_a = 1, of_b = 0;
    while (a != 0) {
        wide quotient = b / a, rest = b % a;
        b = a;
        a = rest;
        wide product = wide_release(wide_multiply(wide_hold(quotient % number), wide_hold(of_a)));
        wide next = wide_subtract(of_b, product);
        of_b = of_a;
        of_a = next;
    }
    *divisor = b;
    return b == 1 ? wide_hold(of_b) : 0;
}

/* Set the curve of a parameter from 6 on and return its point; or set a divisor that was met.
 * Source: Suyama's parametrization. */
static struct point start_curve(uint32_t parameter, wide number, wide *divisor) {
    wide sigma = wide_hold(parameter);
    wide u = wide_subtract(wide_multiply(sigma, sigma), wide_hold(5));
    wide v = wide_multiply(sigma, wide_hold(4));
    wide u_cubed = wide_multiply(wide_multiply(u, u), u);
    wide v_cubed = wide_multiply(wide_multiply(v, v), v);
    wide gap = wide_subtract(v, u);
    wide gap_cubed = wide_multiply(wide_multiply(gap, gap), gap);
    wide top = wide_multiply(gap_cubed, wide_add(wide_multiply(wide_hold(3), u), v));
    wide bottom = wide_multiply(wide_hold(16), wide_multiply(u_cubed, v));
    a24 = wide_multiply(top, invert(bottom, number, divisor));
    return (struct point){u_cubed, v_cubed};
}

/* Return the products over the primes beyond the first stage's bound, times what they meet. */
static wide run_second_stage(struct point p, uint32_t bound) {
    static struct point babies[WHEEL / 2 + 1];
    struct point two = double_point(p);
    babies[1] = p;
    babies[3] = add_points(two, p, p);
    for (uint32_t j = 5; j <= WHEEL / 2; j += 2) {
        babies[j] = add_points(babies[j - 2], two, babies[j - 4]);
    }
    struct point step = multiply_point(WHEEL, p);
    uint32_t first = (bound + WHEEL / 2) / WHEEL;
    struct point giant = multiply_point(first, step);
    struct point before = first == 1 ? (struct point){0, 0} : multiply_point(first - 1, step);
    wide product = wide_one();
    for (uint32_t m = first; m * WHEEL < bound * SECOND_STAGE; m++) {
        uint32_t center = m * WHEEL;
        for (uint32_t j = 1; j <= WHEEL / 2; j += 2) {
            if (!composite[center - j] || !composite[center + j]) {
                wide cross = wide_subtract(wide_multiply(giant.x, babies[j].z),
                                           wide_multiply(babies[j].x, giant.z));
                product = wide_multiply(product, cross);
            }
        }
        struct point next = m == 1 ? double_point(giant) : add_points(giant, step, before);
        before = giant;
        giant = next;
    }
    return product;
}

static wide find_by_curves(wide number) {
    if (composite == NULL) {
        sieve();
    }
    uint32_t parameter = 6;
    for (uint32_t stage = 0;; stage++) {
        uint32_t bound = schedule[stage].bound;
        for (uint32_t curve = 0; curve < schedule[stage].curves; curve++, parameter++) {
            wide divisor = 1;
            struct point p = start_curve(parameter, number, &divisor);
            if (divisor != 1) {
                if (divisor != number) {
                    return divisor;
                }
                continue;
            }
            for (uint32_t prime = 2; prime <= bound; prime++) {
                for (uint64_t power = prime; !composite[prime] && power <= bound; power *= prime) {
                    p = multiply_point(prime, p);
                }
            }
            divisor = wide_gcd(p.z, number);
            if (divisor == 1) {
                divisor = wide_gcd(run_second_stage(p, bound), number);
            }
            if (divisor != 1 && divisor != number) {
                return divisor;
            }
        }
    }
}

/* Return the root of a perfect power, or 0. */
static wide find_root(wide number) {
    for (uint32_t degree = 2; degree <= 12; degree++) {
        wide root = wide_root(number, degree), power = 1;
        for (uint32_t times = 0; times < degree; times++) {
            power *= root;
        }
        if (root > 1 && power == number) {
            return root;
        }
    }
    return 0;
}

/* Add the prime factors of a number without small ones. */
static void split(wide number) {
    if (number == 1) {
        return;
    }
    if (wide_is_prime(number)) {
        add_factor(number);
        return;
    }
    wide divisor = find_root(number);
    if (divisor == 0) {
        divisor = find_by_rho(number);
    }
    if (divisor == 0) {
        divisor = find_by_curves(number);
    }
    split(divisor);
    split(number / divisor);
}

static wide divide_small(wide number) {
    for (uint32_t candidate = 2; candidate < TRIAL_LIMIT && number > 1; candidate++) {
        while (number % candidate == 0) {
            add_factor(candidate);
            number /= candidate;
        }
    }
    return number;
}

static wide get_number(const struct value *numbers, uint32_t place) {
    return (wide)value_get(numbers, 2 * place + 1) << 64 | value_get(numbers, 2 * place);
}

int main(void) {
    struct value numbers;
    value_read_all(&numbers, 1);
    if (numbers.dtype != DTYPE_UINT64 || numbers.dimensions != 2 || numbers.shape[1] != 2 ||
        numbers.shape[0] > MOST_NUMBERS) {
        return PEKANU_BAD_INPUT;
    }
    for (uint32_t place = 0; place < numbers.shape[0]; place++) {
        if (get_number(&numbers, place) == 0) {
            return PEKANU_BAD_INPUT;
        }
    }
    value_begin_text();
    for (uint32_t place = 0; place < numbers.shape[0]; place++) {
        wide number = get_number(&numbers, place);
        found_count = 0;
        split(divide_small(number));
        wide_write(number);
        pekanu_write(":", 1);
        for (uint32_t factor = 0; factor < found_count; factor++) {
            pekanu_write(" ", 1);
            wide_write(found[factor]);
        }
        pekanu_write("\n", 1);
    }
    value_end_text();
    return 0;
}

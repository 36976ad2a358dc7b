/* Gaussian elimination over a prime field: a prime below 2^31, or 2^61 - 1.
 *
 * Rank, determinant and the solution with zero free variables do not depend on which rows are
 * chosen as pivots. Below 2^31 elements are held times 2^32 (Montgomery), which turns division by
 * the prime into multiplications; the prime 2 needs none.
 */
#include "value.h"

#define M61 (((uint64_t)1 << 61) - 1)
/* Elements of the matrix with its right side that fit scratch memory. */
#define MOST_ELEMENTS (1u << 23)

static uint64_t prime;
/* Of a prime p from 3 to 2^31: -1/p modulo 2^32, and 2^64 modulo p. */
static uint32_t negative_inverse, square;

/* Return a * b / 2^32 modulo the prime. */
static inline uint32_t multiply_small(uint32_t a, uint32_t b) {
    uint64_t product = (uint64_t)a * b;
    uint32_t factor = (uint32_t)product * negative_inverse;
    uint32_t result = (uint32_t)((product + (uint64_t)factor * (uint32_t)prime) >> 32);
    return result >= (uint32_t)prime ? result - (uint32_t)prime : result;
}

/* Return a * b modulo 2^61 - 1: with 2^64 = 8, and the middle sum m weighing 2^32. */
static inline uint64_t multiply_mersenne(uint64_t a, uint64_t b) {
    uint32_t a_low = (uint32_t)a, a_high = (uint32_t)(a >> 32);
    uint32_t b_low = (uint32_t)b, b_high = (uint32_t)(b >> 32);
    uint64_t low = (uint64_t)a_low * b_low, high = (uint64_t)a_high * b_high;
    uint64_t middle = (uint64_t)a_low * b_high + (uint64_t)a_high * b_low;
    uint64_t total = (low & M61) + (low >> 61) + (high << 3) + (middle >> 29);
    total += (middle << 32) & M61;
    total = (total & M61) + (total >> 61);
    return total >= M61 ? total - M61 : total;
}

/* Return the product of two elements, as they are held. */
static uint64_t multiply(uint64_t a, uint64_t b) {
    if (prime == M61) {
        return multiply_mersenne(a, b);
    }
    return prime == 2 ? a & b : multiply_small((uint32_t)a, (uint32_t)b);
}

static inline uint64_t subtract(uint64_t a, uint64_t b) { return a >= b ? a - b : a + (prime - b); }

/* Return a number below the prime as it is held, and back. */
static uint64_t hold(uint64_t number) {
    return prime == M61 || prime == 2 ? number : multiply_small((uint32_t)number, square);
}

static uint64_t release(uint64_t held) {
    return prime == M61 || prime == 2 ? held : multiply_small((uint32_t)held, 1);
}

/* Return whether a number from 2 on is one of the primes that are taken. */
static bool is_prime(uint64_t number) {
    if (number == 2 || number == M61) {
        return true;
    }
    if (number >> 31 != 0 || number % 2 == 0) {
        return false;
    }
    uint32_t small = (uint32_t)number;
    for (uint32_t divisor = 3; divisor * divisor <= small; divisor += 2) {
        if (small % divisor == 0) {
            return false;
        }
    }
    return true;
}

static void set_prime(uint64_t number) {
    prime = number;
    uint32_t inverse = 1;
    for (int doubling = 0; doubling < 5; doubling++) {
        inverse *= 2 - (uint32_t)number * inverse;
    }
    negative_inverse = 0 - inverse;
    square = (uint32_t)((0 - number) % number);
}

/* Return an element of the input below the prime, as it is held. */
static uint64_t reduce(const struct value *value, uint32_t index) {
    uint64_t number = value_get(value, index);
    if (value->dtype <= DTYPE_INT64 && (int64_t)number < 0) {
        uint64_t rest = (0 - number) % prime;
        return hold(rest == 0 ? 0 : prime - rest);
    }
    return hold(number % prime);
}

/* Return the inverse of an element other than zero: its power p - 2. */
static uint64_t invert(uint64_t element) {
    uint64_t result = hold(1);
    for (uint64_t exponent = prime - 2; exponent != 0; exponent >>= 1) {
        if (exponent & 1) {
            result = multiply(result, element);
        }
        element = multiply(element, element);
    }
    return result;
}

/* Subtract factor * other from a row, from a column on. */
static void subtract_multiple(uint64_t *row, const uint64_t *other, uint64_t factor, uint32_t from,
                              uint32_t width) {
    if (prime == M61) {
        for (uint32_t k = from; k < width; k++) {
            row[k] = subtract(row[k], multiply_mersenne(factor, other[k]));
        }
        return;
    }
    if (prime == 2) {
        for (uint32_t k = from; k < width; k++) {
            row[k] ^= factor & other[k];
        }
        return;
    }
    uint32_t small = (uint32_t)factor, modulus = (uint32_t)prime;
    for (uint32_t k = from; k < width; k++) {
        uint32_t product = multiply_small(small, (uint32_t)other[k]), value = (uint32_t)row[k];
        row[k] = value >= product ? value - product : value + (modulus - product);
    }
}

static uint64_t *matrix;
static uint32_t rows, columns, width;
static uint32_t *pivots;

static uint64_t *get_row(uint32_t row) { return matrix + (size_t)row * width; }

/* Bring the matrix to echelon form with leading ones; return the rank and set the determinant. */
static uint32_t eliminate(uint64_t *determinant) {
    uint32_t rank = 0;
    *determinant = hold(1);
    for (uint32_t column = 0; column < columns; column++) {
        uint32_t found = rank;
        while (found < rows && get_row(found)[column] == 0) {
            found++;
        }
        if (found == rows) {
            continue;
        }
        uint64_t *leading = get_row(rank);
        if (found != rank) {
            uint64_t *other = get_row(found);
            for (uint32_t k = column; k < width; k++) {
                uint64_t held = leading[k];
                leading[k] = other[k];
                other[k] = held;
            }
            *determinant = subtract(0, *determinant);
        }
        *determinant = multiply(*determinant, leading[column]);
        uint64_t inverse = invert(leading[column]);
        for (uint32_t k = column; k < width; k++) {
            leading[k] = multiply(leading[k], inverse);
        }
        for (uint32_t row = rank + 1; row < rows; row++) {
            uint64_t factor = get_row(row)[column];
            if (factor != 0) {
                subtract_multiple(get_row(row), leading, factor, column, width);
            }
        }
        pivots[rank++] = column;
    }
    return rank;
}

static bool is_solvable(uint32_t rank) {
    for (uint32_t row = rank; row < rows; row++) {
        if (get_row(row)[columns] != 0) {
            return false;
        }
    }
    return true;
}

/* Set the solution whose free variables are zero, as it is held. */
static void substitute(uint64_t *x, uint32_t rank) {
    for (uint32_t row = rank; row-- > 0;) {
        const uint64_t *leading = get_row(row);
        uint64_t total = leading[columns];
        for (uint32_t k = row + 1; k < rank; k++) {
            total = subtract(total, multiply(leading[pivots[k]], x[pivots[k]]));
        }
        x[pivots[row]] = total;
    }
}

int main(void) {
    struct value values[3];
    value_read_all(values, 3);
    const struct value *a = &values[0], *b = &values[1];
    uint64_t p = (uint64_t)value_get_bounded(&values[2], 2, M61);
    bool is_column = b->dimensions == 1 || (b->dimensions == 2 && b->shape[1] == 1);
    if (a->dimensions != 2 || b->dtype == DTYPE_TEXT || !is_column || b->shape[0] != a->shape[0] ||
        !is_prime(p)) {
        return PEKANU_BAD_INPUT;
    }
    rows = a->shape[0];
    columns = a->shape[1];
    width = columns + 1;
    if ((uint64_t)rows * width > MOST_ELEMENTS) {
        return PEKANU_BAD_INPUT;
    }
    set_prime(p);
    matrix = pekanu_alloc(8 * (size_t)rows * width);
    pivots = pekanu_alloc(4 * (size_t)(rows < columns ? rows : columns));
    for (uint32_t row = 0; row < rows; row++) {
        for (uint32_t column = 0; column < columns; column++) {
            get_row(row)[column] = reduce(a, row * columns + column);
        }
        get_row(row)[columns] = reduce(b, row);
    }
    uint64_t determinant;
    uint32_t rank = eliminate(&determinant);
    bool solvable = is_solvable(rank);
    uint32_t length = solvable ? 3 + columns : 3;
    uint64_t *output = value_begin(DTYPE_UINT64, 1, &length);
    output[0] = solvable;
    output[1] = rank;
    output[2] = rows == columns && rank == rows ? release(determinant) : 0;
    if (solvable) {
        substitute(output + 3, rank);
        for (uint32_t column = 0; column < columns; column++) {
            output[3 + column] = release(output[3 + column]);
        }
    }
    return 0;
}

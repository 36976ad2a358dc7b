/* What every program on the machine can use: its input, its output, memory, and how it ends.
 *
 * A program is an ordinary `int main(void)`; its value is the exit code. Memory begins as zero.
 * The compiler's own library brings 64-bit division and floating-point numbers in software.
 */
#ifndef PEKANU_H
#define PEKANU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes that an input or output has at most: 64 MiB less the leaf of its length. */
#define PEKANU_MOST_BYTES ((1u << 26) - 32u)

/* Exit codes of the functions below; a program's own should differ. */
enum {
    /* The input is not what the program takes. */
    PEKANU_BAD_INPUT = 100,
    /* No memory is left. */
    PEKANU_NO_MEMORY = 101,
    /* The output is longer than an output may be. */
    PEKANU_LONG_OUTPUT = 102,
};

/* The input's bytes, at an address that is a multiple of 32; not to be written. */
#define PEKANU_INPUT ((const uint8_t *)0x04000020u)

/* The output's bytes, likewise; those beyond the output's size must stay zero. */
#define PEKANU_OUTPUT ((uint8_t *)0x0C000020u)

/* Return the bytes of the input. */
static inline uint32_t pekanu_input_size(void) { return *(const uint32_t *)0x04000000u; }

/* Return the bytes of the output so far. */
static inline uint32_t pekanu_output_size(void) { return *(const uint32_t *)0x0C000000u; }

/* Say how many bytes the output has. Ends the program if that is more than an output may have. */
void pekanu_set_output_size(uint32_t size);

/* Put bytes behind the output. Ends the program if it becomes too long. */
void pekanu_write(const void *bytes, uint32_t size);

/* End the program at once. */
_Noreturn void pekanu_exit(int code);

/* Return memory that nothing else uses, zero, at a multiple of 16; there is no freeing it.
 * Ends the program if there is none left; there are about 110 MiB. */
void *pekanu_alloc(size_t size);

/* What the C library has in <string.h>. */
void *memcpy(void *restrict to, const void *restrict from, size_t size);
void *memmove(void *to, const void *from, size_t size);
void *memset(void *to, int value, size_t size);
int memcmp(const void *one, const void *other, size_t size);

#endif

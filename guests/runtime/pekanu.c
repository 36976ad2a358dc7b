/* Output, memory and exit; see pekanu.h. */
#include "pekanu.h"

/* Scratch memory, then what is left of the image's region below 16 MiB of stack. */
#define SCRATCH_BEGIN 0x08000000u
#define SCRATCH_END 0x0C000000u
#define STACK_BEGIN 0x03000000u

extern char pekanu_image_end[];

static uint32_t *const output_size = (uint32_t *)0x0C000000u;

_Noreturn void pekanu_exit(int code) {
    register int a0 __asm__("a0") = code;
    register int a7 __asm__("a7") = 93;
    __asm__ volatile("ecall" : : "r"(a0), "r"(a7) : "memory");
    __builtin_unreachable();
}

void pekanu_set_output_size(uint32_t size) {
    if (size > PEKANU_MOST_BYTES) {
        pekanu_exit(PEKANU_LONG_OUTPUT);
    }
    *output_size = size;
}

void pekanu_write(const void *bytes, uint32_t size) {
    uint32_t before = *output_size;
    if (size > PEKANU_MOST_BYTES - before) {
        pekanu_exit(PEKANU_LONG_OUTPUT);
    }
    memcpy(PEKANU_OUTPUT + before, bytes, size);
    *output_size = before + size;
}

void *pekanu_alloc(size_t size) {
    static uint32_t scratch = SCRATCH_BEGIN;
    static uint32_t image = 0;
    if (image == 0) {
        image = ((uint32_t)pekanu_image_end + 15u) & ~15u;
    }
    if (size > SCRATCH_END - SCRATCH_BEGIN) {
        pekanu_exit(PEKANU_NO_MEMORY);
    }
    uint32_t rounded = ((uint32_t)size + 15u) & ~15u;
    uint32_t *next = rounded <= SCRATCH_END - scratch ? &scratch : &image;
    uint32_t end = next == &scratch ? SCRATCH_END : STACK_BEGIN;
    if (*next > end || rounded > end - *next) {
        pekanu_exit(PEKANU_NO_MEMORY);
    }
    void *found = (void *)*next;
    *next += rounded;
    return found;
}

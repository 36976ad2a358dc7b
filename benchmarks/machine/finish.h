/* How every benchmark ends: its checksum goes to stdout natively, to the output region on the machine. */
#ifdef __riscv
int main(void) {
    volatile unsigned *output = (volatile unsigned *)0x0C000000u;
    output[8] = compute();
    output[0] = 4;
    return 0;
}
#else
#include <stdio.h>
int main(void) {
    printf("%08x\n", compute());
    return 0;
}
#endif

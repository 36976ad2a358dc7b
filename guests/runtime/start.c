/* Where every program begins: a stack, which grows down from the end of the image's region, main,
 * and exit with main's value. */
__attribute__((naked, noreturn, section(".text.start"))) void _start(void) {
    __asm__ volatile(
        "lui sp, 0x4000\n\t"
        "call main\n\t"
        "li a7, 93\n\t"
        "ecall");
}

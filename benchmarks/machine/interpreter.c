/* An interpreter of a small stack machine, with one switch: computed jumps. */
#include <stdint.h>

enum { PUSH, LOAD, STORE, ADD, SUB, MUL, XOR, SHIFT, LESS, JUMP_IF, JUMP, DUP, ROTATE, END };

static int32_t code[128];
static int length;

static void emit(int32_t word) { code[length++] = word; }

static int emit2(int32_t word, int32_t operand) {
    emit(word), emit(operand);
    return length - 1;
}

/* Assembles: mix the lengths of the Collatz sequences that begin below a limit. */
static void assemble(void) {
    emit2(PUSH, 1), emit2(STORE, 0);
    int outer = length;
    emit2(LOAD, 0), emit2(STORE, 1), emit2(PUSH, 0), emit2(STORE, 2);
    int inner = length;
    emit2(PUSH, 1), emit2(LOAD, 1), emit(LESS);
    int to_body = emit2(JUMP_IF, 0);
    int to_next = emit2(JUMP, 0);
    code[to_body] = length;
    emit2(LOAD, 1), emit2(PUSH, 31), emit(SHIFT);
    int to_odd = emit2(JUMP_IF, 0);
    emit2(LOAD, 1), emit2(PUSH, -1), emit(SHIFT), emit2(STORE, 1);
    int to_count = emit2(JUMP, 0);
    code[to_odd] = length;
    emit2(LOAD, 1), emit(DUP), emit2(PUSH, 2), emit(MUL), emit(ADD), emit2(PUSH, 1), emit(ADD);
    emit2(STORE, 1);
    code[to_count] = length;
    emit2(LOAD, 2), emit2(PUSH, -1), emit(SUB), emit2(STORE, 2), emit2(JUMP, inner);
    code[to_next] = length;
    emit2(LOAD, 3), emit2(PUSH, 5), emit(ROTATE), emit2(LOAD, 2), emit(XOR), emit2(STORE, 3);
    emit2(LOAD, 0), emit2(PUSH, 1), emit(ADD), emit(DUP), emit2(STORE, 0);
    emit2(PUSH, 30000), emit(LESS), emit2(JUMP_IF, outer), emit(END);
}

static uint32_t interpret(void) {
    uint32_t stack[16], variables[4] = {0}, *top = stack;
    const int32_t *at = code;
    for (;;) {
        switch (*at++) {
        case PUSH: *top++ = (uint32_t)*at++; break;
        case LOAD: *top++ = variables[*at++]; break;
        case STORE: variables[*at++] = *--top; break;
        case ADD: top--, top[-1] += *top; break;
        case SUB: top--, top[-1] -= *top; break;
        case MUL: top--, top[-1] *= *top; break;
        case XOR: top--, top[-1] ^= *top; break;
        case SHIFT:
            top--;
            if ((int32_t)*top < 0) top[-1] >>= -*top;
            else top[-1] <<= *top;
            break;
        case LESS: top--, top[-1] = top[-1] < *top; break;
        case JUMP_IF:
            if (*--top) at = code + *at;
            else at++;
            break;
        case JUMP: at = code + *at; break;
        case DUP: *top = top[-1], top++; break;
        case ROTATE: top--, top[-1] = top[-1] << *top | top[-1] >> (32 - *top); break;
        case END: return variables[3];
        }
    }
}

static unsigned compute(void) {
    assemble();
    return interpret();
}

#include "finish.h"

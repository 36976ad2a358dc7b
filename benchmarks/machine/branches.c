/* A text tokenizer and classifier: branches that depend on data. */
#include <stdint.h>

#define SIZE (1 << 20)

static char text[SIZE + 1];

static void write_text(void) {
    static const char letters[] = "etaoin shrdlu etaoin shrdlu 0123456789 {}();.,\n\"+-*/=<>_";
    uint32_t seed = 99;
    for (int i = 0; i < SIZE; i++) {
        seed = seed * 1103515245u + 12345u;
        text[i] = letters[(seed >> 16) % (sizeof letters - 1)];
    }
}

static unsigned classify(const char *at, uint32_t sum) {
    int depth = 0;
    while (*at) {
        char c = *at;
        if (c == ' ' || c == '\n') {
            at++;
        } else if (c >= '0' && c <= '9') {
            uint32_t value = 0;
            while (*at >= '0' && *at <= '9') value = value * 10 + (uint32_t)(*at++ - '0');
            sum = sum * 31 + value;
        } else if ((c >= 'a' && c <= 'z') || c == '_') {
            uint32_t hash = 5381;
            while ((*at >= 'a' && *at <= 'z') || *at == '_') hash = hash * 33 ^ (uint32_t)*at++;
            sum = sum * 31 + hash;
        } else if (c == '"') {
            at++;
            while (*at && *at != '"' && *at != '\n') at++;
            if (*at) at++;
            sum++;
        } else if (c == '(' || c == '{') {
            depth++, at++;
        } else if (c == ')' || c == '}') {
            if (depth > 0) depth--;
            else sum += 7;
            at++;
        } else if ((c == '<' || c == '>' || c == '=') && at[1] == '=') {
            sum ^= 0x55555555u, at += 2;
        } else if (c == '/' && at[1] == '/') {
            while (*at && *at != '\n') at++;
        } else {
            sum = sum * 17 + (uint32_t)c, at++;
        }
    }
    return sum + (uint32_t)depth;
}

static unsigned compute(void) {
    unsigned sum = 0;
    write_text();
    for (int round = 0; round < 30; round++) sum = classify(text + round, sum);
    return sum;
}

#include "finish.h"

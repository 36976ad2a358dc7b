/* The last link of a chain of SHA-256 hashes that begins with a seed. */
#include "value.h"

/* The first 32 bits of the fractional parts of the cube roots of the first 64 primes (FIPS 180-4). */
static const uint32_t constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

/* Those of the square roots of the first 8 primes. */
static const uint32_t start[8] = {
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
};

static inline uint32_t rotate(uint32_t word, int bits) { return word >> bits | word << (32 - bits); }

/* Do a round on words that the caller names, so that none has to be moved. */
static inline __attribute__((always_inline)) void mix(uint32_t a, uint32_t b, uint32_t c,
                                                      uint32_t *d, uint32_t e, uint32_t f,
                                                      uint32_t g, uint32_t *h, uint32_t added) {
    uint32_t one = *h + added + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + (g ^ (e & (f ^ g)));
    *d += one;
    *h = one + (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & b) | (c & (a | b)));
}

/* Return a word of the block, which from the second 16 rounds on is first mixed with others. */
static inline __attribute__((always_inline)) uint32_t schedule(uint32_t block[16], uint32_t place,
                                                               bool is_first) {
    if (!is_first) {
        uint32_t early = block[(place + 1) & 15], late = block[(place + 14) & 15];
        block[place] += (rotate(early, 7) ^ rotate(early, 18) ^ early >> 3) +
                        block[(place + 9) & 15] +
                        (rotate(late, 17) ^ rotate(late, 19) ^ late >> 10);
    }
    return block[place];
}

/* Mix a block of 16 words into the state. The block is overwritten. */
static void compress(uint32_t state[8], uint32_t block[16]) {
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
    uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
#define NEXT(place) (schedule(block, place, first == 0) + constants[first + (place)])
#define MIX_FOUR(place)                                                                            \
    mix(a, b, c, &d, e, f, g, &h, NEXT(place));                                                    \
    mix(h, a, b, &c, d, e, f, &g, NEXT((place) + 1));                                              \
    mix(g, h, a, &b, c, d, e, &f, NEXT((place) + 2));                                              \
    mix(f, g, h, &a, b, c, d, &e, NEXT((place) + 3))
#define MIX_EIGHT(place)                                                                           \
    MIX_FOUR(place);                                                                               \
    mix(e, f, g, &h, a, b, c, &d, NEXT((place) + 4));                                              \
    mix(d, e, f, &g, h, a, b, &c, NEXT((place) + 5));                                              \
    mix(c, d, e, &f, g, h, a, &b, NEXT((place) + 6));                                              \
    mix(b, c, d, &e, f, g, h, &a, NEXT((place) + 7))
#pragma clang loop unroll(full)
    for (uint32_t first = 0; first < 64; first += 16) {
        MIX_EIGHT(0);
        MIX_EIGHT(8);
    }
#undef NEXT
#undef MIX_FOUR
#undef MIX_EIGHT
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
    state[4] += e;
    state[5] += f;
    state[6] += g;
    state[7] += h;
}

/* Set the state to the hash of some bytes. */
static void hash(uint32_t state[8], const uint8_t *bytes, uint32_t size) {
    memcpy(state, start, sizeof start);
    /* A one bit, zeros and the length in bits fill the last block. */
    uint32_t blocks = (size + 8) / 64 + 1;
    for (uint32_t index = 0; index < blocks; index++) {
        uint32_t block[16] = {0};
        for (uint32_t place = 0; place < 64; place++) {
            uint32_t at = 64 * index + place;
            uint32_t byte = at < size ? bytes[at] : at == size ? 0x80 : 0;
            block[place / 4] |= byte << (24 - 8 * (place % 4));
        }
        if (index + 1 == blocks) {
            block[15] = 8 * size;
        }
        compress(state, block);
    }
}

int main(void) {
    struct value values[2];
    value_read_all(values, 2);
    value_require_text(&values[0], 1u << 16);
    uint32_t length = (uint32_t)value_get_bounded(&values[1], 1, 1000000000);
    uint32_t state[8];
    hash(state, values[0].elements, values[0].count);
    for (uint32_t link = 1; link < length; link++) {
        uint32_t block[16] = {0};
        memcpy(block, state, sizeof state);
        block[8] = 0x80000000u;
        block[15] = 256;
        memcpy(state, start, sizeof start);
        compress(state, block);
    }
    value_begin_text();
    for (uint32_t digit = 0; digit < 64; digit++) {
        pekanu_write(&"0123456789abcdef"[state[digit / 8] >> (28 - 4 * (digit % 8)) & 15], 1);
    }
    value_end_text();
    return 0;
}

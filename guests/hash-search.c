/* What a search evaluates on one point: the candidate of that number, hashed, and of the hash the
 * digits that matter. The search's own tables lie in the image at TABLES, put there for each search
 * (src/pekanu/catalog/hash_search/program.py); without them every point is refused.
 *
 * Input: the point, 32 bytes, big endian. Output: the digits as a number, big endian.
 * Sources: FIPS 180-4; the Keccak reference; RFC 1321.
 */
#include "pekanu.h"

#define TABLES 0x00100000u
#define MAGIC 0x53484b50u
#define MOST_CANDIDATE 128u

enum { CHOICES, NUMBERS, COUNTER };
enum { SHA256, KECCAK256, MD5 };

struct head {
    uint32_t magic;
    uint32_t algorithm;
    /* Hexadecimal digits of the hash: the first that matters, and how many do. */
    uint32_t first_digit;
    uint32_t digits;
    uint32_t shapes;
    uint32_t zeros[3];
};

/* Candidates of one shape: numbers below `end`, and not those of the shape before. */
struct shape {
    uint64_t end;
    uint32_t first_part;
    uint32_t parts;
};

struct part {
    uint32_t kind;
    uint32_t zero;
    uint64_t size;
    /* Of choices: where their table lies, from TABLES on; of numbers: the least; of a counter: its
     * bytes. */
    uint64_t base;
};

struct choice {
    uint32_t start;
    uint32_t length;
};

static const struct head *const head = (const struct head *)TABLES;

/* Words of the message, and behind it what pads it. */
static union {
    uint8_t bytes[192];
    uint32_t words[48];
} message;
static uint8_t digest[32];

static uint32_t rotate_left(uint32_t word, uint32_t by) {
    return (word << by) | (word >> (32 - by));
}

static uint32_t swap(uint32_t word) {
    return (word << 24) | ((word & 0xff00u) << 8) | ((word >> 8) & 0xff00u) | (word >> 24);
}

/* Divide by the size of a part and return the remainder; in 32 bits where that suffices. */
static uint64_t divide(uint64_t *number, uint64_t by) {
    uint64_t rest;
    if ((*number | by) >> 32 == 0) {
        rest = (uint32_t)*number % (uint32_t)by;
        *number = (uint32_t)*number / (uint32_t)by;
    } else {
        rest = *number % by;
        *number /= by;
    }
    return rest;
}

/* Write the candidate of a number below that of all candidates to the message; return its bytes. */
static uint32_t write_candidate(uint64_t number) {
    const struct shape *shape = (const struct shape *)(head + 1);
    const struct part *parts = (const struct part *)(shape + head->shapes);
    uint64_t before = 0;
    while (number >= shape->end) {
        before = shape->end;
        shape++;
    }
    number -= before;
    uint8_t text[MOST_CANDIDATE];
    uint32_t end = MOST_CANDIDATE;
    for (uint32_t left = shape->parts; left-- > 0;) {
        const struct part *part = parts + shape->first_part + left;
        uint64_t place = divide(&number, part->size);
        if (part->kind == CHOICES) {
            const uint8_t *tables = (const uint8_t *)TABLES;
            const struct choice *choice =
                (const struct choice *)(tables + (uint32_t)part->base) + (uint32_t)place;
            end -= choice->length;
            memcpy(text + end, tables + choice->start, choice->length);
        } else if (part->kind == NUMBERS) {
            uint64_t rest = part->base + place;
            do {
                text[--end] = (uint8_t)('0' + divide(&rest, 10));
            } while (rest != 0);
        } else {
            for (uint32_t byte = 0; byte < (uint32_t)part->base; byte++) {
                text[--end] = (uint8_t)place;
                place >>= 8;
            }
        }
    }
    uint32_t length = MOST_CANDIDATE - end;
    memcpy(message.bytes, text + end, length);
    return length;
}

/* Pad the message as SHA-256 and MD5 do, but for the order of the length's bytes; return its
 * blocks. */
static uint32_t pad(uint32_t length, bool is_big_endian) {
    message.bytes[length] = 0x80;
    uint32_t blocks = (length + 8) / 64 + 1;
    uint32_t bits = 8 * length;
    if (is_big_endian) {
        message.words[16 * blocks - 1] = swap(bits);
    } else {
        message.words[16 * blocks - 2] = bits;
    }
    return blocks;
}

static const uint32_t sha_round[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static void hash_sha256(uint32_t length) {
    uint32_t state[8] = {
        0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
    };
    uint32_t blocks = pad(length, true);
    for (uint32_t block = 0; block < blocks; block++) {
        uint32_t words[64];
        for (uint32_t i = 0; i < 16; i++) {
            words[i] = swap(message.words[16 * block + i]);
        }
        for (uint32_t i = 16; i < 64; i++) {
            uint32_t one = words[i - 15], two = words[i - 2];
            words[i] = words[i - 16] + words[i - 7] +
                       (rotate_left(one, 25) ^ rotate_left(one, 14) ^ (one >> 3)) +
                       (rotate_left(two, 15) ^ rotate_left(two, 13) ^ (two >> 10));
        }
        uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
        uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
        for (uint32_t i = 0; i < 64; i++) {
            uint32_t first = h + (rotate_left(e, 26) ^ rotate_left(e, 21) ^ rotate_left(e, 7)) +
                             ((e & f) ^ (~e & g)) + sha_round[i] + words[i];
            uint32_t second = (rotate_left(a, 30) ^ rotate_left(a, 19) ^ rotate_left(a, 10)) +
                              ((a & b) ^ (a & c) ^ (b & c));
            h = g;
            g = f;
            f = e;
            e = d + first;
            d = c;
            c = b;
            b = a;
            a = first + second;
        }
        uint32_t more[8] = {a, b, c, d, e, f, g, h};
        for (uint32_t i = 0; i < 8; i++) {
            state[i] += more[i];
        }
    }
    for (uint32_t i = 0; i < 8; i++) {
        state[i] = swap(state[i]);
    }
    memcpy(digest, state, 32);
}

static const uint32_t md5_round[64] = {
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
    0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
    0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
    0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
    0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
    0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
    0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
    0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391,
};
static const uint8_t md5_turn[4][4] = {{7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};

static void hash_md5(uint32_t length) {
    uint32_t state[4] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
    uint32_t blocks = pad(length, false);
    for (uint32_t block = 0; block < blocks; block++) {
        const uint32_t *words = message.words + 16 * block;
        uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
        for (uint32_t i = 0; i < 64; i++) {
            uint32_t mixed, at;
            if (i < 16) {
                mixed = (b & c) | (~b & d), at = i;
            } else if (i < 32) {
                mixed = (d & b) | (~d & c), at = (5 * i + 1) & 15;
            } else if (i < 48) {
                mixed = b ^ c ^ d, at = (3 * i + 5) & 15;
            } else {
                mixed = c ^ (b | ~d), at = (7 * i) & 15;
            }
            uint32_t turned = a + mixed + md5_round[i] + words[at];
            a = d;
            d = c;
            c = b;
            b += rotate_left(turned, md5_turn[i >> 4][i & 3]);
        }
        state[0] += a;
        state[1] += b;
        state[2] += c;
        state[3] += d;
    }
    memcpy(digest, state, 16);
}

static uint64_t rotate_lane(uint64_t lane, uint32_t by) {
    return by == 0 ? lane : (lane << by) | (lane >> (64 - by));
}

static void permute(uint64_t lanes[25]) {
    /* The reference's feedback register gives the round constants, bit by bit. */
    uint32_t feedback = 1;
    for (uint32_t round = 0; round < 24; round++) {
        uint64_t parity[5], moved[25];
        for (uint32_t x = 0; x < 5; x++) {
            parity[x] = lanes[x] ^ lanes[x + 5] ^ lanes[x + 10] ^ lanes[x + 15] ^ lanes[x + 20];
        }
        for (uint32_t x = 0; x < 5; x++) {
            uint64_t change = parity[(x + 4) % 5] ^ rotate_lane(parity[(x + 1) % 5], 1);
            for (uint32_t y = 0; y < 25; y += 5) {
                lanes[x + y] ^= change;
            }
        }
        moved[0] = lanes[0];
        for (uint32_t step = 0, x = 1, y = 0, offset = 0; step < 24; step++) {
            offset += step + 1;
            uint32_t to = (2 * x + 3 * y) % 5;
            moved[y + 5 * to] = rotate_lane(lanes[x + 5 * y], offset % 64);
            x = y;
            y = to;
        }
        for (uint32_t y = 0; y < 25; y += 5) {
            for (uint32_t x = 0; x < 5; x++) {
                lanes[x + y] = moved[x + y] ^ (~moved[(x + 1) % 5 + y] & moved[(x + 2) % 5 + y]);
            }
        }
        for (uint32_t bit = 0; bit < 7; bit++) {
            if (feedback & 1) {
                lanes[0] ^= (uint64_t)1 << ((1u << bit) - 1);
            }
            feedback = feedback << 1 ^ (feedback & 0x80 ? 0x171 : 0);
        }
    }
}

static void hash_keccak256(uint32_t length) {
    uint64_t lanes[25];
    memset(lanes, 0, sizeof lanes);
    message.bytes[length] = 1;
    memcpy(lanes, message.bytes, length + 1);
    lanes[16] ^= (uint64_t)1 << 63;
    permute(lanes);
    memcpy(digest, lanes, 32);
}

/* Write the digits that matter as a number, big endian. */
static void write_digits(void) {
    uint8_t number[32];
    uint32_t size = (head->digits + 1) / 2;
    memset(number, 0, sizeof number);
    for (uint32_t place = 0; place < head->digits; place++) {
        uint32_t from = head->first_digit + place;
        uint32_t digit = digest[from >> 1] >> (from & 1 ? 0 : 4) & 15;
        uint32_t to = 2 * size - head->digits + place;
        number[to >> 1] |= (uint8_t)(to & 1 ? digit : digit << 4);
    }
    pekanu_write(number, size);
}

int main(void) {
    if (pekanu_input_size() != 32 || head->magic != MAGIC || head->shapes == 0) {
        return PEKANU_BAD_INPUT;
    }
    uint64_t point = 0;
    for (uint32_t place = 0; place < 32; place++) {
        uint8_t byte = PEKANU_INPUT[place];
        if (place < 24 && byte != 0) {
            return PEKANU_BAD_INPUT;
        }
        point = point << 8 | byte;
    }
    if (point >= ((const struct shape *)(head + 1))[head->shapes - 1].end) {
        return PEKANU_BAD_INPUT;
    }
    uint32_t length = write_candidate(point);
    switch (head->algorithm) {
    case SHA256:
        hash_sha256(length);
        break;
    case KECCAK256:
        hash_keccak256(length);
        break;
    default:
        hash_md5(length);
    }
    write_digits();
    return 0;
}

/* Counts words in a hash table with chains: pointers and strings. */
#include <stdint.h>

#define BUCKETS 4096
#define MOST 60000

struct word {
    struct word *next;
    uint32_t count, length;
    char letters[16];
};

static struct word pool[MOST], *buckets[BUCKETS];
static uint32_t used;

static int is_same(const struct word *word, const char *letters, uint32_t length) {
    if (word->length != length) return 0;
    for (uint32_t i = 0; i < length; i++)
        if (word->letters[i] != letters[i]) return 0;
    return 1;
}

static void count(const char *letters, uint32_t length) {
    uint32_t hash = 2166136261u;
    for (uint32_t i = 0; i < length; i++) hash = (hash ^ (uint8_t)letters[i]) * 16777619u;
    struct word **at = &buckets[hash % BUCKETS];
    for (; *at; at = &(*at)->next)
        if (is_same(*at, letters, length)) {
            (*at)->count++;
            return;
        }
    if (used == MOST) return;
    struct word *word = *at = &pool[used++];
    word->count = 1, word->length = length, word->next = 0;
    for (uint32_t i = 0; i < length; i++) word->letters[i] = letters[i];
}

static unsigned compute(void) {
    uint32_t seed = 5, sum = 0;
    for (int i = 0; i < 3000000; i++) {
        char letters[16];
        seed = seed * 1664525u + 1013904223u;
        uint32_t rank = (seed >> 8) % 211, length = 0;
        rank = rank * rank % 15013;
        do {
            letters[length++] = (char)('a' + rank % 26);
            rank /= 7;
        } while (rank);
        count(letters, length);
    }
    for (uint32_t i = 0; i < used; i++) sum = sum * 31 + pool[i].count;
    return sum;
}

#include "finish.h"

/* A cyclic redundancy check by table: loads that depend on each other. */
#include <stdint.h>

#define SIZE (1 << 20)

static uint32_t table[256];
static uint8_t data[SIZE];

static unsigned compute(void) {
    uint32_t crc = 0, seed = 3;
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t value = i;
        for (int bit = 0; bit < 8; bit++) value = value >> 1 ^ (value & 1 ? 0xEDB88320u : 0);
        table[i] = value;
    }
    for (int i = 0; i < SIZE; i++) {
        seed = seed * 1664525u + 1013904223u;
        data[i] = (uint8_t)(seed >> 24);
    }
    for (int round = 0; round < 100; round++) {
        crc = ~crc;
        for (int i = 0; i < SIZE; i++) crc = crc >> 8 ^ table[(crc ^ data[i]) & 255];
        crc = ~crc;
    }
    return crc;
}

#include "finish.h"

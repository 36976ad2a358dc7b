/* Sorting strings that lie in a text and end in a certain byte. */
#ifndef STRINGS_H
#define STRINGS_H

#include "pekanu.h"

/* Sort strings by their bytes, a string before those that it begins.
 *
 * `starts` holds where each begins in the text; `end` is the byte behind each, and in none.
 */
void strings_sort(uint32_t *starts, uint32_t count, const uint8_t *text, uint8_t end);

#endif

#include "count.h"

#include <ctype.h>

int count_stream(FILE *stream, struct counts *counts)
{
	int c, in_word = 0;

	while ((c = getc(stream)) != EOF) {
		counts->bytes++;
		if (c == '\n')
			counts->lines++;
		if (isspace(c)) {
			in_word = 0;
		} else if (!in_word) {
			in_word = 1;
			counts->words++;
		}
	}
	return ferror(stream) ? -1 : 0;
}

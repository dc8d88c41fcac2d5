/* Counting lines, words and bytes of a stream. */
#ifndef COUNT_H
#define COUNT_H

#include <stdio.h>

struct counts {
	unsigned long lines;
	unsigned long words;
	unsigned long bytes;
};

/* Adds what is in the stream to the counts; 0, or -1 when it cannot be read. */
int count_stream(FILE *stream, struct counts *counts);

#endif

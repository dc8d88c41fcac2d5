#include "count.h"
#include "options.h"

#include <errno.h>
#include <string.h>

static void print(const struct options *options, const struct counts *counts)
{
	const char *separator = "";

	if (options->lines) {
		printf("%s%lu", separator, counts->lines);
		separator = " ";
	}
	if (options->words) {
		printf("%s%lu", separator, counts->words);
		separator = " ";
	}
	if (options->bytes)
		printf("%s%lu", separator, counts->bytes);
	putchar('\n');
}

int main(int argc, char **argv)
{
	struct options options;
	struct counts counts = {0};
	int i, status = 0;

	if (options_parse(argc, argv, &options) != 0) {
		fprintf(stderr, "usage: wordcount [-l] [-w] [-c] [FILE...]\n");
		return 2;
	}
	if (options.first_file == argc && count_stream(stdin, &counts) != 0)
		status = 1;
	for (i = options.first_file; i < argc; i++) {
		FILE *stream = fopen(argv[i], "r");

		if (stream == NULL || count_stream(stream, &counts) != 0) {
			fprintf(stderr, "wordcount: %s: %s\n", argv[i], strerror(errno));
			status = 1;
		}
		if (stream != NULL)
			fclose(stream);
	}
	print(&options, &counts);
	return status;
}

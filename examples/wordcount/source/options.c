#include "options.h"

#include <unistd.h>

int options_parse(int argc, char **argv, struct options *options)
{
	int option;

	*options = (struct options){0};
	while ((option = getopt(argc, argv, "lwc")) != -1) {
		switch (option) {
		case 'l':
			options->lines = 1;
			break;
		case 'w':
			options->words = 1;
			break;
		case 'c':
			options->bytes = 1;
			break;
		default:
			return -1;
		}
	}
	if (!options->lines && !options->words && !options->bytes)
		options->lines = options->words = options->bytes = 1;
	options->first_file = optind;
	return 0;
}

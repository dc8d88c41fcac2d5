/* The command line. */
#ifndef OPTIONS_H
#define OPTIONS_H

struct options {
	int lines;
	int words;
	int bytes;
	int first_file; /* index of the first file name in argv */
};

/* Reads the options; 0, or -1 when one is unknown. None of -l -w -c means all. */
int options_parse(int argc, char **argv, struct options *options);

#endif

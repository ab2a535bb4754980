#ifndef TESTS_ACTS_H
#define TESTS_ACTS_H

#include <stdbool.h>
#include <stddef.h>

/*
 * What somebody would try who has taken over one of our processes: each act
 * must fail, or end the process, behind the walls of every kind.
 */
struct acts_target {
	char file[512];   /* that anybody may read and write */
	char folder[512]; /* in which anybody may make files */
	char sock[108];   /* a listening Unix socket; "": none */
	int port;         /* a listening TCP port on loopback; 0: none */
	int pid;          /* of another process of the same uid */
	int log;          /* the log's descriptor; -1: none */
	int known;        /* descriptors 0 to this one are known, and log */
};

enum acts_set {
	ACTS_FILES = 1,   /* paths outside of what the process owns */
	ACTS_NET = 2,     /* sockets */
	ACTS_PROCESS = 4, /* other processes */
	ACTS_KERNEL = 8,  /* what exploits begin with */
	ACTS_LOG = 16,    /* harm to the log; sessions */
	ACTS_MORE = 32,   /* its own limits, code, descriptors; sessions */
};

struct act {
	const char *name;
	unsigned set;
	bool (*succeeds)(const struct acts_target *t);
};

extern const struct act acts[];
extern const size_t acts_count;

#endif

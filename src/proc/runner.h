#ifndef PROC_RUNNER_H
#define PROC_RUNNER_H

#include "base/attrs.h"
#include "base/buf.h"
#include "base/why.h"

/*
 * Running a program that is not ours: one configured by the administrator, or a
 * user's own from .qmail. It runs as whoever calls this, in a process group of
 * its own, with only the descriptors 0, 1, 2, the environment that is given, no
 * new privileges on request, and limits. When it ends, or its time is up, the
 * whole group is killed.
 */
#define RUNNER_OUTPUT_MAX (64 * 1024) /* most that may be asked to be kept */
#define RUNNER_GRACE_MS 2000          /* between SIGTERM and SIGKILL */

/* 0 means: no such limit. */
struct runner_limits {
	uint64_t wall_ms;   /* from start to end */
	uint64_t cpu_s;     /* processor time of each process */
	uint64_t memory;    /* bytes of address space of each process */
	uint64_t file;      /* bytes of the largest file written */
	uint64_t processes; /* of the user, counting what runs already */
	uint64_t files;     /* descriptors of each process */
};

struct runner_program {
	const char *const *argv; /* NULL at the end; argv[0] is a path, or found
	                          * in the directories of path */
	const char *const *env;  /* all of its environment; NULL at the end */
	const char *path;        /* where to look; NULL: /usr/local/bin:… */
	int dir;                 /* its directory; -1: ours */
	int input; /* its standard input: a file, rewound first if it can be;
	            * -1: empty */
	bool no_new_privs; /* set-uid programs give it nothing; not for
	                    * sendmail, which may be one */
	struct runner_limits limits;
	size_t output_max; /* of its output and errors together */
};

enum runner_end {
	RUNNER_EXITED,  /* by itself; status 0..255 */
	RUNNER_SIGNAL,  /* status is the signal */
	RUNNER_TIMEOUT, /* killed after wall_ms */
	RUNNER_NOT_RUN, /* status is the errno of execve() */
};

struct runner_result {
	enum runner_end end;
	int status;
	bool cut; /* it wrote more than output_max */
};

/*
 * Run it to its end.
 *
 * output  what it wrote is appended, at most output_max bytes; may be NULL
 *
 * 0, or negative errno when it could not be started at all (-EAGAIN: no
 * processes left).
 */
int runner_run(const struct runner_program *p, struct runner_result *out,
    struct buf *output, struct why *w) A_MUST_USE;

/* How it ended, for people: "exit status 1", "signal 9" … */
void runner_text(const struct runner_result *r, char out[64]);

#endif

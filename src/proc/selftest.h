#ifndef PROC_SELFTEST_H
#define PROC_SELFTEST_H

#include "base/log.h"
#include "proc/preload.h"
#include "proc/sandbox.h"

/*
 * At every start the forker tries a session's walls from the inside, in
 * children: each part that loads late must work, each forbidden act must fail
 * or end the child.
 *
 * dir   a directory to stand for an account's; nothing is written there
 * log   what is wrong is logged here
 * up    out: the walls a session has
 * How many checks failed.
 */
unsigned selftest(const struct sandbox_filter *filter, enum sandbox_mode mode,
    int dir, const struct preload *p, struct log *log, unsigned *up);

#endif

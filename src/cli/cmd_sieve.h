#ifndef CLI_CMD_SIEVE_H
#define CLI_CMD_SIEVE_H

#include "base/conf.h"

/*
 * fumi sieve compile FILE...   says what is wrong with scripts, one error a
 *                              line: FILE:line:column: text
 * fumi sieve extensions        says what scripts may require, a name a line
 * fumi sieve test FILE...      runs test files (sieve/testsuite.h): a line a
 *                              test, "ok NAME" or "not ok NAME: reason
 *                              (FILE:line)", and "N passed, N failed" at the end
 *
 * fumi sieve run ...           runs a script over existing mail: sieve_run.h
 *
 * "-" is standard input. EX_OK; EX_DATAERR: a script has errors; 1: a test has
 * failed; EX_NOINPUT: a file cannot be read; EX_USAGE.
 */
int cmd_sieve(const struct conf *conf, int argc, char **argv);

/* Bytes of a script or test file; longer ones are refused. */
#define CMD_SIEVE_FILE_MAX (1024 * 1024)

#endif

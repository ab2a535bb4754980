#ifndef CLI_CMD_SERVE_H
#define CLI_CMD_SERVE_H

#include <stddef.h>

/*
 * fumi serve [--daemon]
 *
 * Becomes the server: executes fumi-master, which lies beside this program (a
 * build directory) or in libexecdir. conf: path of the configuration, or NULL.
 * Returns only when that fails: EX_UNAVAILABLE or EX_USAGE.
 */
int cmd_serve(const char *conf, int argc, char **argv);
/* The path of one of our programs, found likewise; n: bytes of out. */
void cmd_serve_program(char *out, size_t n, const char *name);

#endif

#ifndef CLI_CMD_SESSION_H
#define CLI_CMD_SESSION_H

/*
 * fumi session --stdio --dir DIR [--create] [--round-trip] [--log LEVEL]
 *
 * One IMAP session on standard input and output, its user authenticated by
 * whoever started the program ("ssh host fumi session --stdio"). argv[0] is
 * "session". Records go to standard error. Returns the exit status: 0, 1 when
 * the account cannot be used, 64 for wrong arguments.
 */
int cmd_session(int argc, char **argv);

#endif

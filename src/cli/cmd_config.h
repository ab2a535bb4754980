#ifndef CLI_CMD_CONFIG_H
#define CLI_CMD_CONFIG_H

/*
 * fumi config check   says all errors of the configuration, with file and line, and
 *                     which certificates cannot be used (whoever may not read
 *                     a key is told so, and it is no error)
 * fumi config show    every setting in force, with its meaning and default, as
 *                     a file that reads back to the same
 * fumi config man     the manual page fumi.conf(5)
 *
 * conf: path of the configuration, or NULL. EX_CONFIG when it has errors.
 */
int cmd_config(const char *conf, int argc, char **argv);

#endif

#ifndef CLI_CMD_EXPORT_H
#define CLI_CMD_EXPORT_H

#include "base/conf.h"

/*
 * fumi export -u ACCOUNT [--format mbox|maildir|eml] DIRECTORY
 *
 * Every readable message of the account into files below DIRECTORY, which is
 * made and must be empty (store/export.h has the names; default maildir). It
 * never stops at damage: what cannot be read is said and passed over.
 *
 * EX_OK, EX_DATAERR (some could not be read), EX_CANTCREAT, EX_NOUSER,
 * EX_NOPERM, EX_IOERR. conf by proc/settings.h.
 */
int cmd_export(const struct conf *conf, int argc, char **argv);

#endif

#ifndef IMAP_CMD_H
#define IMAP_CMD_H

#include "imap/lexer.h"

/*
 * The argument parsers behind the table of command.c. Each begins right after
 * the command's name and takes the arguments with the spaces before them; what
 * is left then must be the end. False after lexer_fail(). out is zeroed but
 * for tag, kind and uid.
 */
typedef bool cmd_fn(struct lexer *lx, struct command *out);

/* cmd_login.c */
cmd_fn cmd_id, cmd_authenticate, cmd_login, cmd_enable;
/* cmd_mailbox.c */
cmd_fn cmd_select, cmd_create, cmd_mailbox, cmd_rename, cmd_status;
/* cmd_list.c */
cmd_fn cmd_list, cmd_lsub;
/* cmd_append.c */
cmd_fn cmd_append;
/* cmd_metadata.c */
cmd_fn cmd_getmetadata, cmd_setmetadata;
/* entries: one, or a list in parentheses, at most LIMITS_METADATA. */
bool cmd_entries(struct lexer *lx, const struct view **out, size_t *n)
    A_MUST_USE;
/* cmd_message.c */
cmd_fn cmd_expunge, cmd_store, cmd_copy;
/* cmd_search.c, cmd_sort.c, cmd_fetch.c */
cmd_fn cmd_search, cmd_sort, cmd_thread, cmd_fetch;

/* search-key *(SP search-key): what ends SEARCH, SORT and THREAD. */
bool cmd_search_keys(struct lexer *lx, struct searchkey *out) A_MUST_USE;

#endif

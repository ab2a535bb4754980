#ifndef CLI_LOCAL_H
#define CLI_LOCAL_H

#include "base/attrs.h"
#include "base/conf.h"
#include "base/view.h"
#include "base/why.h"

/*
 * Local delivery: what "fumi deliver" and qmail-local share. All functions
 * return an exit status of sysexits(3), EX_OK only when the message is durable,
 * and else put one line of text into *w.
 */
struct local_message {
	int fd; /* sealed memfd, without a "From " line of an mbox */
	struct view octets; /* the same, mapped */
	char from[512];     /* sender in that "From " line; "" without */
};
#define LOCAL_MESSAGE_INIT ((struct local_message){ .fd = -1 })

/* Standard input, to its end. EX_DATAERR: larger than [store] max-message. */
int local_input(const struct conf *conf, struct local_message *out,
    struct why *w) A_MUST_USE;
void local_message_fini(struct local_message *m);
#define AUTO_LOCAL_MESSAGE __attribute__((cleanup(local_message_fini)))

/* What may stand between < and > of Return-Path; at most
 * MSG_CONTROL_SENDER_MAX bytes. */
bool local_sender_ok(const char *s) A_MUST_USE;

/*
 * Into an account: through the running server, or without one by becoming the
 * owner of the mail for good.
 *
 * mailbox  of INBOX; another one only without a server: with one, EX_CONFIG
 */
int local_to_account(const struct conf *conf, const char *account,
    const char *mailbox, const char *sender, const struct local_message *m,
    struct why *w) A_MUST_USE;

/*
 * Into a file, by path as in .qmail: a maildir with a slash at its end, else an
 * mbox, with the locks and quoting of [delivery].
 *
 * dir   directory that path is relative to
 * head  lines put before the message, each with its LF
 */
int local_to_file(const struct conf *conf, int dir, const char *path,
    const char *sender, struct view head, const struct local_message *m,
    struct why *w) A_MUST_USE;

#endif

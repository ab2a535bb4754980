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

/* An envelope's address as an MTA hands it over, quoted or not, as it stands
 * between < and > of Return-Path: mail/address.h. NUL at the end. False: it has
 * control characters, or becomes longer than MSG_CONTROL_SENDER_MAX. */
struct local_address {
	char text[512 + 1];
};
bool local_address(const char *s, struct local_address *out) A_MUST_USE;

struct local_message {
	int fd; /* sealed memfd, without a "From " line of an mbox */
	struct view octets;        /* the same, mapped */
	struct local_address from; /* in that "From " line; "" without */
};
#define LOCAL_MESSAGE_INIT ((struct local_message){ .fd = -1 })

/* Standard input, to its end. EX_DATAERR: larger than [store] max-message. */
int local_input(const struct conf *conf, struct local_message *out,
    struct why *w) A_MUST_USE;
void local_message_fini(struct local_message *m);
#define AUTO_LOCAL_MESSAGE __attribute__((cleanup(local_message_fini)))

/* Whom a message is for. */
struct local_envelope {
	const char *account; /* name or alias */
	const char *mailbox; /* INBOX, or another one: see below */
	const char *sender;  /* local_address() */
	/* the same, as the sender wrote it; NULL: unknown */
	const char *recipient;
	const char *detail; /* of user+detail@domain; NULL: there is none */
};

/*
 * Into an account: through the running server, or without one by cli/alone.h,
 * for which this process gives up root for good. The user's script runs.
 *
 * Where there is no account of that name and it has a detail in it
 * ([delivery] recipient-delimiter), it is the account without the detail. A
 * detail names the mailbox when [delivery] detail-mailbox says so and there is
 * one. Another mailbox than INBOX only without a server: with one, EX_CONFIG.
 */
int local_to_account(const struct conf *conf, const struct local_envelope *e,
    const struct local_message *m, struct why *w) A_MUST_USE;

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

#ifndef PROC_OUT_SMTP_H
#define PROC_OUT_SMTP_H

#include <curl/curl.h>

#include "base/buf.h"
#include "proc/msg_deliver.h"

/*
 * One message to one recipient, with the parameters of RFC 3461, which libcurl
 * cannot say: it makes the connection (TLS, greeting, login), and what follows
 * is said here. A connection is for one message.
 */
#define OUT_SMTP_REPLY_MAX 512 /* bytes that are kept of a reply's last line */
#define OUT_SMTP_LINE_MAX 8192 /* bytes of a reply's line; more is a failure */

struct out_smtp_mail {
	struct view sender; /* empty: the null sender */
	struct view to;
	struct view octets; /* lines in CRLF */
	struct msg_deliver_dsn dsn;
};

enum out_smtp_result {
	OUT_SMTP_SENT = 0,
	OUT_SMTP_REFUSED, /* MAIL, RCPT, DATA or the message */
	OUT_SMTP_FAILED,  /* there is no connection any more, or no login */
	/* the server does not offer DSN, or not the SMTPUTF8 that an address
	 * needs: nothing was said of the message */
	OUT_SMTP_NOT_OFFERED,
};

/*
 * settings    URL, TLS and login are taken from this handle
 * names       for CURLOPT_RESOLVE; or NULL
 * timeout_ms  for the whole of it
 * code        out; of the last reply, 100..599; 0: there is none
 * reply       out; its last line, or why there is none; room for REPLY_MAX
 */
enum out_smtp_result out_smtp_send(CURL *settings, struct curl_slist *names,
    const struct out_smtp_mail *m, uint64_t timeout_ms, uint16_t *code,
    struct buf *reply) A_MUST_USE;

#endif

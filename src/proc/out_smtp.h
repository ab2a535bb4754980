#ifndef PROC_OUT_SMTP_H
#define PROC_OUT_SMTP_H

#include <curl/curl.h>

#include "base/buf.h"
#include "proc/msg_deliver.h"

/*
 * One message to one recipient, with the parameters that libcurl cannot say:
 * those of RFC 3461, BODY (RFC 6152) and SMTPUTF8 (RFC 6531) of a message that
 * needs it: by an address, or by its header when it came with SMTPUTF8. libcurl
 * makes the connection (TLS, greeting, login), and what follows is said here. A
 * connection is for one message. What the server does not offer of DSN and
 * 8BITMIME is not said, and the message sent as any other; without SMTPUTF8 one
 * that needs it is not (section 3.2 there). One that came without SMTPUTF8 goes
 * on as it came, be there UTF-8 in its header or not.
 */
#define OUT_SMTP_REPLY_MAX 512 /* bytes that are kept of a reply's last line */
#define OUT_SMTP_LINE_MAX 8192 /* bytes of a reply's line; more is a failure */

struct out_smtp_mail {
	struct view sender; /* empty: the null sender */
	struct view to;
	struct view octets; /* lines in CRLF */
	struct msg_deliver_dsn dsn;
	bool utf8; /* it came with SMTPUTF8 */
};

/* Can all of it be said only here? */
bool out_smtp_needed(const struct out_smtp_mail *m) A_MUST_USE;

enum out_smtp_result {
	OUT_SMTP_SENT = 0,
	OUT_SMTP_SENT_WITHOUT_DSN, /* the server does not offer it */
	OUT_SMTP_REFUSED,          /* MAIL, RCPT, DATA or the message */
	OUT_SMTP_FAILED, /* there is no connection any more, or no login */
	/* the server does not offer the SMTPUTF8 that the message needs: nothing
	 * was said of it */
	OUT_SMTP_NO_UTF8,
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

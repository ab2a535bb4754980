#ifndef PROC_SETTINGS_H
#define PROC_SETTINGS_H

#include "base/conf.h"

/* Every setting of fumi with its default and its meaning, in one table. */
extern const struct conf_schema settings_schema;

#define SETTINGS_FILE "/etc/fumi/fumi.conf"

/* Indices of the enums, in the order of their names. */
enum settings_sandbox {
	SETTINGS_SANDBOX_REQUIRE,
	SETTINGS_SANDBOX_BEST_EFFORT
};
/* The numbers are those of enum msg_service less one. */
enum settings_protocol {
	SETTINGS_IMAP,
	SETTINGS_POP3,
	SETTINGS_SIEVE,
	SETTINGS_LMTP,
};
enum settings_tls {
	SETTINGS_TLS_NONE,
	SETTINGS_TLS_STARTTLS,
	SETTINGS_TLS_IMPLICIT,
};
enum settings_cleartext {
	SETTINGS_CLEARTEXT_NEVER,
	SETTINGS_CLEARTEXT_LOOPBACK,
	SETTINGS_CLEARTEXT_ALWAYS,
};
enum settings_uid {
	SETTINGS_UID_LOCAL,  /* local users their own, others from the range */
	SETTINGS_UID_RANGE,  /* all from the range */
	SETTINGS_UID_VMAIL,  /* one for all: vmail-user */
	SETTINGS_UID_SERVER, /* the server's own: without root */
};
enum settings_disabled {
	SETTINGS_DISABLED_REJECT,
	SETTINGS_DISABLED_LATER,
};

enum settings_out_tls {
	SETTINGS_OUT_TLS_REQUIRE,
	SETTINGS_OUT_TLS_TRY,
	SETTINGS_OUT_TLS_NEVER,
};

/* The TCP port of [listener name]: what is given, or what is usual for its
 * protocol and its TLS. 0: any that is free. */
uint16_t settings_port(const struct conf *c, const char *name);

/* Of this server, as messages name it: [server] hostname, or the system's, or
 * "localhost". It lives as long as c and host. */
#define SETTINGS_HOST_SIZE 256 /* bytes */
struct view settings_host(const struct conf *c, char host[SETTINGS_HOST_SIZE]);

/* Is there a way out ([out] smtp or sendmail)? */
bool settings_can_send(const struct conf *c) A_MUST_USE;

/* What the table alone cannot say: settings that must fit each other. False
 * adds errors to c. */
bool settings_check(struct conf *c) A_MUST_USE;

#endif

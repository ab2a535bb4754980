#ifndef SESSION_STATE_H
#define SESSION_STATE_H

#include "session/uidmap.h"

/*
 * All that a session knows about its client and that is not in the store: what
 * must survive parking (docs/design.md section 4). Plain values; encoded it
 * is hostile input to whoever decodes it.
 */
enum state_enabled {
	STATE_REV2 = 1,     /* ENABLE IMAP4rev2 (RFC 9051 section 6.3.1) */
	STATE_METADATA = 2, /* ENABLE METADATA (RFC 5464 section 4.4) */
};

struct session_state {
	unsigned enabled; /* STATE_* */
	bool id_given;    /* the client has said ID */
	uint32_t bads;    /* commands answered BAD in a row */
	/* Modseq up to which changes of annotations are told, with
	 * STATE_METADATA. */
	uint64_t told_metadata;

	/* The selected mailbox; 0: none. */
	uint32_t mailbox;
	uint32_t uidvalidity;
	bool read_only;
	/* What the client has been told of it. flags: modseq up to which flags
	 * are told. expunges: modseq up to which expunges are told. The two
	 * differ only after commands during which EXPUNGE is forbidden (RFC
	 * 9051 section 7.5.1). */
	uint64_t told_flags, told_expunges;
	uint32_t
	    told_uidnext;     /* UIDs below it are told, or were gone already */
	uint32_t told_recent; /* in the last RECENT */
	uint32_t told_keywords; /* keywords in the last FLAGS */
	struct uidmap map;      /* the messages the client knows */
	struct uidset recent;   /* UIDs that are \Recent to this session */
	struct uidset saved;    /* "$" (RFC 9051 section 6.4.4.1) */
};

/* Empty, nothing selected. */
void state_fini(struct session_state *st);
/* Forget the mailbox: as after UNSELECT. */
void state_unselect(struct session_state *st);

/* At most STATE_MAX bytes are added. */
#define STATE_MAX ((size_t)192 << 20)
void state_encode(const struct session_state *st, struct buf *out);
/* *st must be zeroed; false leaves it so. */
bool state_decode(struct view in, struct session_state *st) A_MUST_USE;

#endif

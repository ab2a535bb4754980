#ifndef STORE_RECORD_H
#define STORE_RECORD_H

#include "base/attrs.h"
#include "base/buf.h"
#include "base/digest.h"
#include "base/wire.h"
#include "store/types.h"

/*
 * The records of the log as bytes (docs/format.md has the tables). A record is
 *
 *   u32 length of the payload, u8 type, 3 zero bytes, payload
 *
 * big-endian. Each names exactly one thing and carries its whole new state and
 * the version (modseq) of the commit that first wrote it: compaction copies
 * records into later commits without giving them a new version, and replay in
 * any order, any number of times, gives the same account.
 *
 * Nothing here does I/O. What is read is not trusted: the *_read functions
 * return false for a payload that is not exactly such a record.
 */
enum record_type {
	RECORD_BEGIN = 1, /* log.c's own: CRC of the END before */
	RECORD_END = 2,   /* log.c's own */
	RECORD_BODY = 3,
	RECORD_MESSAGE = 4,
	RECORD_STATE = 5,
	RECORD_EXPUNGE = 6,
	RECORD_MAILBOX = 7,
	RECORD_ACL = 8,
	RECORD_METADATA = 9,
	RECORD_SUBSCRIPTION = 10,
	RECORD_KEYWORD = 11,
	RECORD_SEEN = 12,
	RECORD_COUNTERS = 13,
	RECORD_DROP = 14, /* log.c heeds it too: u64 segment */
	RECORD_INTENT = 15,
};

#define RECORD_FRAME 8               /* bytes before the payload */
#define RECORD_MAX ((size_t)1 << 30) /* bytes of a payload */

/* Start a record: puts the frame and returns where it is in b; put the payload
 * straight behind, then record_close(). */
size_t record_open(struct buf *b, enum record_type type);
void record_close(struct buf *b, size_t at);

/*
 * Take one whole record from the start of *in. False, with *in left alone, when
 * there is not a whole one or the frame is not one of ours.
 */
bool record_take(struct view *in, uint8_t *type, struct view *payload)
    A_MUST_USE;

/* --- BODY: u64 number, SHA-256, u64 octets, u32 summary, u8 where, 3 zero
 * bytes, summary, octets (none when in a file log/body/<number>) --- */
#define RECORD_BODY_HEAD 56
struct record_body {
	uint64_t number; /* >= 1 */
	uint8_t digest[DIGEST_SHA256_SIZE];
	uint64_t size;       /* octets of the message */
	struct view summary; /* mail/summary.h */
	struct view octets;  /* empty with in_file */
	bool in_file;
};
void record_body_put(struct buf *b, const struct record_body *r);
/* The same without the octets, which the caller puts behind it himself. */
void record_body_head_put(struct buf *b, const struct record_body *r);
bool record_body_read(struct view payload, struct record_body *r) A_MUST_USE;
/* Of the first RECORD_BODY_HEAD bytes: octets is empty, and summary has its
 * length but no bytes (p is NULL). False when it cannot be the head of one. */
bool record_body_head_read(struct view head, struct record_body *r) A_MUST_USE;

/* --- MESSAGE: u64 version, u32 mailbox, u32 first UID, u32 saved, u32 n, then
 * n entries of RECORD_ENTRY bytes with consecutive UIDs --- */
#define RECORD_ENTRY 32
struct record_entry {
	uint64_t body;
	uint64_t thread; /* 0: none yet */
	int64_t date;    /* INTERNALDATE */
	uint32_t size;
	int16_t zone;
};
struct record_message {
	uint64_t version;
	uint32_t mailbox, first, saved, n; /* n >= 1, first + n - 1 <= 2^32-1 */
	struct view entries;               /* for record_entry() */
};
/* Starts the record; put the n entries behind, then record_close(). */
size_t record_message_open(struct buf *b, const struct record_message *r);
void record_entry_put(struct buf *b, const struct record_entry *e);
bool record_message_read(struct view payload, struct record_message *r)
    A_MUST_USE;
/* Entry i < r->n; its UID is r->first + i. */
struct record_entry record_entry(const struct record_message *r, uint32_t i);

/* --- STATE: u64 version, u32 mailbox, then groups to the end: u16 system
 * flags, 2 zero bytes, 2 u64 keywords, runs --- */
struct record_state {
	uint64_t version;
	uint32_t mailbox;
	struct wire rest; /* for record_state_next() */
};
struct record_group {
	struct store_flags flags;
	struct view runs; /* for record_run() */
	uint32_t n;       /* runs, >= 1 */
};
size_t record_state_open(struct buf *b, uint64_t version, uint32_t mailbox);
void record_group_put(struct buf *b, const struct store_flags *flags,
    const struct uid_run *runs, size_t n);
/* Checks all the groups. */
bool record_state_read(struct view payload, struct record_state *r) A_MUST_USE;
/* The next group; false at the end. */
bool record_state_next(struct record_state *r, struct record_group *g);

/* --- EXPUNGE: u64 version, u64 time, u32 mailbox, runs --- */
struct record_expunge {
	uint64_t version;
	int64_t time; /* when, seconds since the epoch */
	uint32_t mailbox;
	struct view runs;
	uint32_t n; /* >= 1 */
};
void record_expunge_put(struct buf *b, const struct record_expunge *r,
    const struct uid_run *runs, size_t n);
bool record_expunge_read(struct view payload, struct record_expunge *r)
    A_MUST_USE;

/* Run i of a group or an EXPUNGE that was read: sorted, disjoint. */
struct uid_run record_run(struct view runs, uint32_t i);

/* --- MAILBOX: u64 version, u32 id, u32 parent, u32 UIDVALIDITY, u32 uses, u8
 * state, u8 format, 2 zero bytes, u32 quota root, u32 alias, name --- */
enum record_mailbox_state {
	RECORD_MAILBOX_LIVE = 0,
	RECORD_MAILBOX_NOSELECT = 1,
	RECORD_MAILBOX_DELETED = 2,
};
struct record_mailbox {
	uint64_t version;
	uint32_t id, parent, uidvalidity, uses;
	enum record_mailbox_state state;
	uint8_t format;      /* 0: native */
	uint32_t quota_root; /* 0: the account's */
	uint32_t alias;      /* 0: none */
	struct view name;    /* of its level, 1..STORE_LEAF_MAX bytes */
};
void record_mailbox_put(struct buf *b, const struct record_mailbox *r);
bool record_mailbox_read(struct view payload, struct record_mailbox *r)
    A_MUST_USE;

/* --- KEYWORD: u64 version, u32 number, name --- */
struct record_keyword {
	uint64_t version;
	uint32_t number;  /* below STORE_KEYWORDS_MAX */
	struct view name; /* 1..STORE_KEYWORD_MAX bytes */
};
void record_keyword_put(struct buf *b, const struct record_keyword *r);
bool record_keyword_read(struct view payload, struct record_keyword *r)
    A_MUST_USE;

/* --- SUBSCRIPTION, ACL, METADATA, SEEN: u64 version, u32 length, key, u8 set,
 * value. One entry under its key; not set: it is gone. --- */
struct record_entry_kv {
	uint64_t version;
	struct view key; /* 1..RECORD_KEY_MAX bytes */
	bool set;
	struct view value; /* empty for a subscription */
};
#define RECORD_KEY_MAX 2100
#define RECORD_VALUE_MAX ((size_t)16 << 20)
void record_kv_put(
    struct buf *b, enum record_type type, const struct record_entry_kv *r);
bool record_kv_read(struct view payload, struct record_entry_kv *r) A_MUST_USE;

/* --- COUNTERS: u64 version, u32 mailbox, then of a mailbox u32 UIDNEXT, u64
 * HIGHESTMODSEQ, u64 floor; of mailbox 0 (the account) u32 next mailbox id, u64
 * next body number, u64 last UIDVALIDITY. Each only ever raises what is there.
 * --- */
struct record_counters {
	uint64_t version;
	uint32_t mailbox;
	uint32_t uidnext;       /* or next mailbox id */
	uint64_t highestmodseq; /* or next body number */
	uint64_t floor;         /* or last UIDVALIDITY */
};
void record_counters_put(struct buf *b, const struct record_counters *r);
bool record_counters_read(struct view payload, struct record_counters *r)
    A_MUST_USE;

/* --- DROP: u64 segment --- */
void record_drop_put(struct buf *b, uint64_t segment);
bool record_drop_read(struct view payload, uint64_t *segment) A_MUST_USE;

#endif

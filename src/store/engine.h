#ifndef STORE_ENGINE_H
#define STORE_ENGINE_H

#include "base/attrs.h"
#include "base/view.h"
#include "base/why.h"

/*
 * Where the segments of a log and the bodies of their own are kept. Small and
 * message-shaped (numbers, offsets and bytes), so that the same log can stand
 * on files, on files that fail on purpose, or on objects of a cluster. One
 * engine is one account's, used by one process.
 */
struct engine;

enum engine_kind {
	ENGINE_SEGMENT, /* grows by append, under the lock */
	ENGINE_BODY,    /* written once, never changed */
	ENGINE_INDEX,   /* of a segment; a cache, may be missing or rubbish */
};

enum engine_result {
	ENGINE_OK = 0,
	ENGINE_NOT_FOUND = 1, /* no such object */
	ENGINE_RACED,         /* somebody was first: look again */
	/* It cannot be said what is there after the expected position, nor
	 * whether it would survive a power cut: never write there again. */
	ENGINE_BROKEN,
	ENGINE_LOCKED, /* somebody holds the lock too long */
	/* Negative errno: failed, and all is as before the call. */
};

/* What is known of an object without reading it. */
struct engine_info {
	uint64_t number;
	uint64_t size; /* bytes, torn ones and room too */
	bool sealed;   /* engine seal() was called */
};

enum engine_flag {
	ENGINE_EMERGENCY = 1
	    << 0, /* may use the reserve, needs none behind it */
};

struct engine_ops {
	const char *name;
	/* The account's lock: one holder over all processes and hosts. */
	int (*lock)(struct engine *e, unsigned timeout_ms, struct why *w);
	void (*unlock)(struct engine *e);

	/* All objects of a kind, ascending by number; malloc'd. */
	int (*list)(struct engine *e, enum engine_kind kind,
	    struct engine_info **out, size_t *n, struct why *w);
	/* Is there one; how long. Cheap: this is also how one watches. */
	int (*stat)(struct engine *e, enum engine_kind kind, uint64_t number,
	    struct engine_info *out, struct why *w);
	/* Make a segment whose content is head, durably with its name: all or
	 * nothing. ENGINE_RACED when it exists. ENGINE_BROKEN: it may or may
	 * not be there, now or later. */
	int (*create)(struct engine *e, uint64_t number, struct view head,
	    unsigned flags, struct why *w);
	/*
	 * Write parts at offset expected of a segment and make them durable.
	 * What it leaves behind them, if anything, is room: zeros, which the
	 * next append overwrites. ENGINE_RACED when something else than room is
	 * behind expected. On negative errno (-ENOSPC, -EDQUOT, …) nothing is
	 * behind expected, durably.
	 */
	int (*append)(struct engine *e, uint64_t number, uint64_t expected,
	    const struct view *parts, size_t n, unsigned flags, struct why *w);
	/* Write an index of that number. Nothing is synced; after a crash it
	 * may hold anything. ENGINE_RACED when there is one. */
	int (*put)(struct engine *e, uint64_t number, struct view content,
	    struct why *w);
	/* Shorten a segment to length, durably. ENGINE_BROKEN. */
	int (*cut)(
	    struct engine *e, uint64_t number, uint64_t length, struct why *w);
	/* Make durable what somebody else wrote; with names also the names of
	 * all objects. ENGINE_BROKEN. */
	int (*sync)(
	    struct engine *e, uint64_t number, bool names, struct why *w);
	/* Nothing more will be appended: a hint for those who stat(). */
	void (*seal)(struct engine *e, uint64_t number);
	/* Exactly n bytes; -ENODATA when it ends before. */
	int (*read)(struct engine *e, enum engine_kind kind, uint64_t number,
	    uint64_t at, void *out, size_t n, struct why *w);
	/* The same without copying; valid until release(). fd may be NULL. */
	int (*map)(struct engine *e, enum engine_kind kind, uint64_t number,
	    uint64_t at, size_t n, struct view *out, int *fd, struct why *w);
	/* Is there a map of it; end that map and all its views at once. */
	bool (*mapped)(
	    struct engine *e, enum engine_kind kind, uint64_t number);
	void (*unmap)(struct engine *e, enum engine_kind kind, uint64_t number);
	/* Maps end, a bounded number stays cached unless trim. */
	void (*release)(struct engine *e, bool trim);
	/* Durably (an index: not); ENGINE_OK when there is none. */
	int (*remove)(struct engine *e, enum engine_kind kind, uint64_t number,
	    struct why *w);
	/* Directory where bodies are put by rename (spool.c); -1 without. */
	int (*body_dir)(const struct engine *e);
	/* Frees it. */
	void (*close)(struct engine *e);
};

struct engine {
	const struct engine_ops *ops;
};

/*
 * Files in log/ of the directory dirfd (borrowed).
 * create: make log/ and log/body/ when missing; ENGINE_NOT_FOUND without.
 */
int engine_file(int dirfd, bool create, struct engine **out, struct why *w)
    A_MUST_USE;
/* For tests: leave room behind every append, whatever the file system. */
extern bool engine_file_roomy;

/*
 * Another engine with faults. before and after, when not NULL, are asked at each
 * changing call (create, append, cut, sync, remove); what they return, if not
 * 0, is returned: by before without doing it, by after although it was done.
 * Owns inner.
 */
enum engine_call {
	ENGINE_CREATE,
	ENGINE_APPEND,
	ENGINE_CUT,
	ENGINE_SYNC,
	ENGINE_REMOVE,
};
typedef int engine_fault_fn(void *ctx, enum engine_call call, uint64_t number);
struct engine *engine_fault(struct engine *inner, engine_fault_fn *before,
    engine_fault_fn *after, void *ctx);

#endif

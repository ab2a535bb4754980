#ifndef IMAP_FRAME_H
#define IMAP_FRAME_H

#include "base/attrs.h"
#include "base/buf.h"
#include "base/view.h"

/*
 * Cuts a stream of bytes into whole commands (server) or replies (client): a
 * line, and as long as a line ends in a literal's announcement, the literal
 * and the next line (RFC 9051 section 4.3, RFC 7888, RFC 3516). It knows
 * limits and nothing of the grammar. Memory is one buf that never passes the
 * limits given.
 *
 *     frame_init(&f, FRAME_COMMAND, LIMITS_LINE, LIMITS_LITERAL);
 *     for (;;)
 *         switch (frame_feed(&f, &in)) {
 *         case FRAME_MORE:      read more into in; continue;
 *         case FRAME_DONE:      command_parse(frame_text(&f), ...); continue;
 *         case FRAME_LITERAL:   decide, see below; continue;
 *         case FRAME_TOO_LONG:
 *         case FRAME_NUL:       answer BAD; continue;
 *         }
 */
enum frame_result {
	FRAME_MORE,    /* all of in was taken, and more is needed */
	FRAME_LITERAL, /* a literal begins: f->literal; the caller must decide */
	FRAME_DONE,    /* frame_text() is whole, without the last line end */
	FRAME_TOO_LONG, /* passed f->line_max; all of it was swallowed, and
	                 * frame_text() is its beginning, good for the tag */
	FRAME_NUL,      /* has a NUL outside a literal; swallowed likewise */
};

enum frame_role {
	FRAME_COMMAND, /* what a client sends */
	FRAME_REPLY,   /* what a server sends: "{5}" at the end of the human
	                * text of a status reply announces nothing */
};

/* The literal announced by FRAME_LITERAL. */
struct frame_literal {
	uint64_t
	    size;  /* octets; UINT64_MAX when the number is larger than that:
	                * refuse it, and if not sync, end the connection */
	bool sync; /* the client waits for "+ " (always set for replies) */
	bool literal8; /* "~" was before it */
};

/* Only literal may be read from outside; the rest belongs to frame.c. */
struct frame {
	struct frame_literal literal;
	struct buf text;
	enum frame_role role;
	size_t line_max;    /* bytes without literals */
	size_t literal_max; /* bytes of inline literals */
	size_t line_n;      /* bytes of lines so far */
	size_t literal_n;   /* bytes of inline literals so far */
	size_t seg;         /* where in text the present line begins */
	uint64_t left;      /* of the literal being collected or swallowed */
	uint64_t dropped;   /* see frame_dropped() */
	unsigned state;
	unsigned tail; /* what a swallowed line ends in so far */
	uint64_t tail_size;
	enum frame_result bad;
};

/* f is the caller's storage. line_max and literal_max: LIMITS_..., >= 1. */
void frame_init(
    struct frame *f, enum frame_role role, size_t line_max, size_t literal_max);
void frame_fini(struct frame *f);
/* Forget what has been collected (STARTTLS: also throw away the rest of in)
 * and free the memory; limits stay. */
void frame_reset(struct frame *f);
/* New limits from the next command on (after login). Only between commands. */
void frame_limits(struct frame *f, size_t line_max, size_t literal_max);

/*
 * Take bytes from *in until something is to be said. *in is moved past what
 * was taken; never past the end of a command, so what is left there belongs
 * to the next. After FRAME_DONE, _TOO_LONG and _NUL the next call begins the
 * next command. A line may end in LF alone (docs/violations.md).
 *
 * After FRAME_LITERAL one of frame_inline(), frame_external() or
 * frame_refuse() must be called before the next frame_feed().
 */
enum frame_result frame_feed(struct frame *f, struct view *in) A_MUST_USE;

/*
 * The same, but one line that has no literals: the answer to "+ " of
 * AUTHENTICATE, and IDLE's DONE. Never FRAME_LITERAL. Only between commands
 * (after FRAME_DONE of the command that asked), until it returns anything but
 * FRAME_MORE.
 */
enum frame_result frame_line(struct frame *f, struct view *in) A_MUST_USE;

/* What has been collected; valid until the next call for f. At FRAME_LITERAL
 * the text before the announcement. */
struct view frame_text(const struct frame *f) A_MUST_USE;

/* Bytes swallowed since the present command was found to be too long or was
 * refused: the caller ends the connection when it has seen enough. */
uint64_t frame_dropped(const struct frame *f) A_MUST_USE;

/* Is nothing collected, so that the next byte begins a command? */
bool frame_idle(const struct frame *f) A_MUST_USE;

/* Collect the literal into the text. False when it would pass literal_max:
 * nothing has happened, refuse it. For a sync literal the caller has sent or
 * will send "+ ". */
bool frame_inline(struct frame *f) A_MUST_USE;
/* The caller takes the literal.size octets that follow in the stream itself
 * (first from what is left of in), before the next frame_feed(). The text gets
 * a mark that the grammar gives back as an external literal with this handle
 * and size. False when the text is full: refuse it. */
bool frame_external(struct frame *f, uint32_t handle) A_MUST_USE;
/* Drop the command; the caller answers it at once, tagged NO or BAD. After a
 * sync literal the stream goes on with a new command, after a non-sync one
 * frame_feed() swallows the octets, and then what follows of that command,
 * without a word. frame_text() stays as it was until the next frame_feed().
 * Also allowed after frame_external(), before an octet of it is taken: the text
 * with the mark in it is then fit for command_parse(), so that an APPEND can
 * be checked in full and refused before its literal comes. */
void frame_refuse(struct frame *f);

/*
 * Is the literal announced after text a message (APPEND, its CATENATE TEXT,
 * REPLACE), which belongs in a spool file? text as frame_text() at
 * FRAME_LITERAL. Not the name of the mailbox, nor a URL.
 */
bool frame_is_message(struct view text) A_MUST_USE;

/*
 * The tag at the start of a command's text (RFC 9051 section 9), for an answer
 * to what does not parse. Empty when there is none: no blank behind it, more
 * than LIMITS_TAG bytes, or other characters in it. Points into text.
 */
struct view frame_tag(struct view text) A_MUST_USE;

/* The mark of an external literal, as the grammar finds it in a text. It
 * begins with a NUL, which no line of a peer can hold. */
#define FRAME_MARK 15 /* bytes */
struct frame_mark {
	uint32_t handle;
	uint64_t size;
	bool literal8;
};
bool frame_take_mark(struct view *in, struct frame_mark *out) A_MUST_USE;

#endif

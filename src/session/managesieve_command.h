#ifndef SESSION_MANAGESIEVE_COMMAND_H
#define SESSION_MANAGESIEVE_COMMAND_H

#include "base/arena.h"
#include "base/attrs.h"
#include "base/buf.h"
#include "session/scripts.h"

/*
 * ManageSieve's commands: the stream is cut into whole commands, literals
 * included, and these are read (RFC 5804 sections 1.2 and 4). Does no I/O.
 */
#define MANAGESIEVE_LINE 8192   /* bytes of a command without its literals */
#define MANAGESIEVE_QUOTED 1024 /* bytes between the quotes (section 4) */
#define MANAGESIEVE_DROP (64u << 20) /* bytes swallowed of a command */
/* Bytes of all literals of a command: a name and a script. */
#define MANAGESIEVE_LITERALS (SCRIPTS_SIZE_MAX + SCRIPTS_NAME_MAX)

enum managesieve_cut {
	MANAGESIEVE_MORE, /* all of in was taken, and more is needed */
	MANAGESIEVE_DONE, /* managesieve_text() is a command */
	/* it was swallowed, with its literals: */
	MANAGESIEVE_TOO_LONG,  /* its lines */
	MANAGESIEVE_TOO_LARGE, /* its literals; answer (QUOTA/MAXSIZE) */
	/* more than MANAGESIEVE_DROP was announced: end it */
	MANAGESIEVE_FLOOD,
};

/* Nothing of it is read from outside. */
struct managesieve_frame {
	struct buf text;
	size_t line_n, literal_n; /* of the present command */
	uint64_t left;            /* of a literal */
	uint64_t dropped;
	enum managesieve_cut bad; /* MANAGESIEVE_MORE: nothing is wrong */
	uint8_t tail[24];         /* the last bytes of the line so far */
	size_t tail_n;
	bool given; /* the command in text has been given out */
};

void managesieve_frame_init(struct managesieve_frame *f);
void managesieve_frame_fini(struct managesieve_frame *f);
/* Take bytes from *in up to the end of one command. A line may end in LF alone
 * (docs/violations.md). */
enum managesieve_cut managesieve_feed(
    struct managesieve_frame *f, struct view *in) A_MUST_USE;
/* The command, without its last line end, until the next feed. */
struct view managesieve_text(const struct managesieve_frame *f) A_MUST_USE;
/* Is nothing held, so that the next byte begins a command? */
bool managesieve_idle(const struct managesieve_frame *f) A_MUST_USE;

enum managesieve_verb {
	MANAGESIEVE_AUTHENTICATE,
	MANAGESIEVE_CAPABILITY,
	MANAGESIEVE_CHECKSCRIPT,
	MANAGESIEVE_DELETESCRIPT,
	MANAGESIEVE_GETSCRIPT,
	MANAGESIEVE_HAVESPACE,
	MANAGESIEVE_LISTSCRIPTS,
	MANAGESIEVE_LOGOUT,
	MANAGESIEVE_NOOP,
	MANAGESIEVE_PUTSCRIPT,
	MANAGESIEVE_RENAMESCRIPT,
	MANAGESIEVE_SETACTIVE,
	MANAGESIEVE_STARTTLS,
};

struct managesieve_command {
	enum managesieve_verb verb;
	/* Strings in the order given: names as the client wrote them (see
	 * scripts_name_ok()), a script, NOOP's tag. They point into the text or
	 * the arena. */
	struct view string[2];
	size_t strings;
	uint32_t number; /* of HAVESPACE */
};

enum managesieve_result {
	MANAGESIEVE_OK = 0,
	MANAGESIEVE_UNKNOWN,   /* no such command */
	MANAGESIEVE_ARGUMENTS, /* its arguments are no good */
};

/* Read one command. a: for what had to be unquoted, MANAGESIEVE_LINE bytes at
 * most. c: verb is set for MANAGESIEVE_ARGUMENTS too. */
enum managesieve_result managesieve_parse(struct view text, struct arena *a,
    struct managesieve_command *c) A_MUST_USE;

/* Put a string as a server may send it: quoted, or as a literal. */
void managesieve_put_string(struct buf *b, struct view v);

#endif

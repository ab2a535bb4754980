#ifndef SIEVE_SIEVE_H
#define SIEVE_SIEVE_H

#include "base/arena.h"
#include "base/attrs.h"
#include "base/buf.h"
#include "base/view.h"

/*
 * Sieve (RFC 5228 and extensions). A script is compiled once into a program
 * that never changes, and the program is run over any number of messages. A
 * run does nothing itself: it answers with the actions that are to be done, and
 * asks its caller, through the functions of struct sieve_calls, what it cannot
 * know. No I/O, no clock.
 */

/* Limits of a script; past one of them it does not compile. */
#define SIEVE_SCRIPT_MAX ((size_t)1 << 20) /* bytes */
#define SIEVE_STRING_MAX ((size_t)1 << 17) /* bytes of one string */
#define SIEVE_NESTING_MAX 32    /* blocks in blocks, tests in tests (each) */
#define SIEVE_LIST_MAX 4096     /* strings of a list */
#define SIEVE_REQUIRE_MAX 128   /* names a script may require */
#define SIEVE_VARIABLES_MAX 256 /* names of variables (RFC 5229: >= 128) */
#define SIEVE_NAME_MAX 64       /* bytes of a variable's name (>= 32) */
#define SIEVE_PROGRAM_MAX ((size_t)64 << 20) /* bytes of memory of a program */
/* A number is at most 2^63 - 1, its K, M or G multiplied out (>= 2^31 - 1). */
#define SIEVE_NUMBER_MAX ((uint64_t)INT64_MAX)

/* Limits of a run; past SIEVE_VARIABLE_MAX a value is cut at a character, past
 * SIEVE_MATCHES_MAX and SIEVE_FLAGS_MAX the rest is left out, past one of the
 * others the run ends with an error. */
#define SIEVE_VARIABLE_MAX 65536 /* bytes of a variable (>= 4000 characters) */
#define SIEVE_MATCHES_MAX 32     /* match variables, ${0}..${31} (>= 9) */
#define SIEVE_ACTIONS_MAX 32     /* actions of a run, as Dovecot has it */
#define SIEVE_REDIRECTS_MAX 4    /* of these, redirects; likewise */
#define SIEVE_FLAGS_MAX 128      /* flags of one action or variable */
#define SIEVE_INCLUDE_MAX 10     /* scripts included within one another */
#define SIEVE_RUN_MAX ((size_t)128 << 20) /* bytes of memory of a run */
/* What a run may cost: one for each command and test, and one for each 64 bytes
 * that are compared, decoded or copied, or byte of other characters than ASCII's
 * that i;unicode-casemap makes. */
#define SIEVE_COST_MAX 50000000

#define SIEVE_ERRORS_MAX 50 /* of a script that are told; more are left out */

struct sieve_error {
	uint32_t line, column; /* from 1; column counts characters of UTF-8 */
	char text[200]; /* plain words in UTF-8, one line, no full stop */
};

struct sieve_errors {
	struct sieve_error e[SIEVE_ERRORS_MAX];
	size_t n;
};

/* What a script may use; zero is the default state. */
struct sieve_options {
	const struct view *disabled; /* extensions not to be had here */
	size_t n_disabled;
	bool test; /* in `fumi sieve test`: "vnd.dovecot.testsuite" too */
};

/* A compiled script; immutable, any number of runs may use it at once. */
struct sieve_program;

/*
 * Compile a script. Line ends are CRLF or LF.
 *
 * script   copied as far as needed
 * options  may be NULL; copied as far as needed
 * out      the program, for sieve_free(); NULL on failure
 * errors   filled: none on success, at least one on failure, in the order of
 *          the script
 *
 * O(script.n). False on failure.
 */
bool sieve_compile(struct view script, const struct sieve_options *options,
    struct sieve_program **out, struct sieve_errors *errors) A_MUST_USE;
/* *p may be NULL; sets it to NULL. */
void sieve_free(struct sieve_program **p);

/* The extensions that can be required under these options (NULL: the default),
 * each name once, a blank between: the value of ManageSieve's SIEVE capability
 * (RFC 5804 section 1.7). */
void sieve_extensions(const struct sieve_options *options, struct buf *out);

/* ---- what a run is told ---- */

/* A duplicate test that was asked (RFC 7352). */
struct sieve_duplicate {
	struct view handle; /* n 0: none */
	struct view id;     /* any bytes; never empty */
	uint64_t seconds;   /* to remember it for */
	bool last;          /* counted from its latest appearance */
};

enum sieve_script_result {
	SIEVE_SCRIPT_OK = 0,
	SIEVE_SCRIPT_MISSING, /* there is none of that name */
	SIEVE_SCRIPT_BROKEN,  /* it does not compile */
	SIEVE_SCRIPT_FAILED,  /* it cannot be had now */
};

/*
 * Questions to the caller. Any may be NULL; what then holds stands beside it.
 * Names and values are UTF-8. A value given back is copied into a or lives as
 * long as the result.
 */
struct sieve_calls {
	/* Is there such a mailbox, and may it be delivered into (RFC 5490
	 * section 3.1)? NULL: no, but INBOX. */
	bool (*mailbox_exists)(void *ctx, struct view mailbox);
	/* Has the mailbox (p NULL: any mailbox) this special use, "\Junk" (RFC
	 * 8579 section 4)? NULL: no. */
	bool (*special_use)(void *ctx, struct view mailbox, struct view use);
	/* The value of an annotation of a mailbox or (p NULL) of the server
	 * (RFC 5490 sections 3.3 and 3.5). False: there is none. NULL: none. */
	bool (*metadata)(void *ctx, struct view mailbox, struct view entry,
	    struct arena *a, struct view *out);
	/* A script to include (RFC 6609), which must live as long as the
	 * result. NULL: always SIEVE_SCRIPT_MISSING. */
	enum sieve_script_result (*script)(void *ctx, struct view name,
	    bool global, const struct sieve_program **out);
	/* Has that been seen before? Nothing is to be remembered yet: see
	 * struct sieve_result's seen. NULL: no. */
	bool (*seen)(void *ctx, const struct sieve_duplicate *d);
	/* Is value in an external list (RFC 6134), and is there such a list?
	 * NULL: no. */
	bool (*in_list)(void *ctx, struct view list, struct view value);
	bool (*has_list)(void *ctx, struct view list);
	/* An item of environment (RFC 5183) that the run does not know itself.
	 * It knows name, version, location, phase, domain, host, remote-host and
	 * remote-ip from struct sieve_env. NULL: there is none. */
	bool (*environment)(
	    void *ctx, struct view name, struct arena *a, struct view *out);
	/* How sure is the spam checker, 0..100 percent; false: not tested.
	 * The virus checker's 1..5 (RFC 5235). NULL: not tested. */
	bool (*spam)(void *ctx, unsigned *percent);
	bool (*virus)(void *ctx, unsigned *value);
	/* The verdict of a checker, by name. NULL: there is none. */
	bool (*verdict)(
	    void *ctx, struct view name, struct arena *a, struct view *out);
	/* Can notifications be sent by this URI's method, and is the one it
	 * names online ("yes", "no", "maybe"; RFC 5435 sections 4 and 5)? NULL:
	 * a valid mailto: URI can, and is "maybe". */
	bool (*notify_valid)(void *ctx, struct view uri);
	/* A setting of the site, as text, by the name that Pigeonhole has for
	 * it: sieve_editheader_protected, _forbid_add and _forbid_delete (names
	 * of fields, a blank between), sieve_vacation_default_subject,
	 * _default_subject_template ("%$" or "%{subject}" stands for the
	 * message's), _max_subject_codepoints (at most VACATION_SUBJECT_MAX),
	 * _dont_check_recipient ("yes"), sieve_variables_max_variable_size
	 * (at most SIEVE_VARIABLE_MAX), recipient_delimiter (bytes of which
	 * any stands between user and detail; "+" by default, and when it is
	 * empty there is no detail). False, or NULL: the default holds. */
	bool (*setting)(void *ctx, struct view name, struct view *out);
	/* Minutes east of UTC of local time at a moment. NULL: zone_minutes. */
	int (*zone)(void *ctx, int64_t seconds);
};

/* All that a run may know. Zero is the default state; views are borrowed until
 * the result is finished with. p == NULL: not known. */
struct sieve_env {
	struct view message; /* whole, lines end with CRLF (LF is read too) */

	/* Envelope (RFC 5228 section 5.4), without <>. */
	struct view from; /* n 0 with p not NULL: the null sender */
	struct view to;   /* the recipient this run is for */
	struct view
	    auth; /* who was authenticated by SMTP AUTH; p NULL: nobody */

	/* Addresses that mean the user too, beside to: vacation answers mail
	 * to them (RFC 5230 section 4.5), reject and notify write from the
	 * first, or from to. */
	const struct view *addresses;
	size_t n_addresses;

	/*
	 * The run is for an IMAP event (RFC 6785): a script that requires
	 * reject, ereject or vacation fails, as does asking for the envelope
	 * (sections 3.11 and 4.6); fileinto "INBOX" is not the same as keep.
	 */
	bool imap_event;
	/* Flags the message has already (imapsieve), else none. */
	const struct view *flags;
	size_t n_flags;
	/* of the message as it is given, for struct sieve_action */
	unsigned version;

	int64_t now;      /* seconds since 1970 */
	int zone_minutes; /* local time, east of UTC, -1439..1439 */

	/* Items of environment; p NULL: unknown. phase: "during" by default;
	 * location "MS" by default. */
	struct view host, domain, remote_host, remote_ip, location, phase;

	const struct sieve_calls *calls; /* NULL: none */
	void *ctx;                       /* of calls */
	void *testsuite;                 /* of the test dialect only */
};

/* ---- what a run answers ---- */

enum sieve_kind {
	SIEVE_KEEP,
	SIEVE_FILEINTO,
	SIEVE_REDIRECT,
	SIEVE_DISCARD, /* nothing to do; stands for the command in the list */
	SIEVE_REJECT,
	SIEVE_VACATION,
	SIEVE_NOTIFY,
};

/* Flags for an action: IMAP's, "\Seen" or a keyword, each once, in the order
 * they were given; at most SIEVE_FLAGS_MAX. What cannot be a flag was left out
 * (RFC 5232 section 2). */
struct sieve_flags {
	const struct view *v;
	size_t n;
};

/* Where a message goes; also the :fcc of other actions (RFC 8580). */
struct sieve_mailbox {
	struct view
	    name; /* UTF-8, never empty; fcc: p NULL when there is none */
	struct view
	    special_use; /* "\Junk": the mailbox with that use, when there
	                            is one, instead of name; p NULL: not given */
	bool create;     /* make it when it is not there */
	struct sieve_flags flags;
};

struct sieve_keep {
	struct sieve_flags flags;
	bool flags_known; /* the script said or changed which flags; false with
	                     imapsieve: the message's are to stay as they are */
	bool implicit;    /* by RFC 5228 section 2.10.2, not by a command */
};

struct sieve_fileinto {
	struct sieve_mailbox mailbox;
	bool copy; /* RFC 3894 */
};

struct sieve_redirect {
	struct view address; /* addr-spec; or with list its URI */
	bool list; /* to all addresses of an external list (RFC 6134) */
	bool copy;
};

struct sieve_reject {
	bool ereject;       /* refuse in the SMTP dialogue rather than bounce */
	struct view reason; /* UTF-8, CRLF lines */
};

/* A reply that should be sent if none went to that person in so many seconds
 * (RFC 5230). Whether the message deserves one (sections 4.5 and 4.6, RFC 3834)
 * has been looked at; whether one was sent is for the executor. */
struct sieve_vacation {
	uint64_t seconds;    /* 0: always (RFC 6131); else as clamped */
	struct view handle;  /* what replies are the same; never empty */
	struct view to;      /* addr-spec: the envelope sender */
	struct view from;    /* sieve-address of :from, or the user's address */
	struct view subject; /* UTF-8, one line */
	struct view reason;  /* text in UTF-8, or with mime a MIME entity */
	bool mime;
	struct sieve_mailbox fcc;
};

struct sieve_notify {
	struct view method;  /* URI, "mailto:..." */
	struct view from;    /* sieve-address; p NULL: the executor's own */
	unsigned importance; /* 1 high, 2 normal, 3 low */
	const struct view *options; /* "name=value" */
	size_t n_options;
	struct view message; /* UTF-8; p NULL: the executor's default */
	/* methods of the notifications before it in the same run that say the
	 * same: nobody is to be told twice (RFC 5436 section 2.7) */
	const struct view *before;
	size_t n_before;
	struct sieve_mailbox fcc;
};

struct sieve_action {
	enum sieve_kind kind;
	uint32_t line; /* of the command in its script; 0: implicit keep */
	/* The message it is about: the one given to the run, or, after
	 * editheader, replace or enclose, another that belongs to the result. */
	struct view message;
	bool edited; /* it is such another */
	/* Counts on from the run's own with each replace and enclose. Messages
	 * of one version differ in fields at most, and are the same one where
	 * repeats are looked for (RFC 5293 section 7). */
	unsigned version;
	union {
		struct sieve_keep keep;
		struct sieve_fileinto fileinto;
		struct sieve_redirect redirect;
		struct sieve_reject reject;
		struct sieve_vacation vacation;
		struct sieve_notify notify;
	} u;
};

/* How a run ended. On failure the actions are one implicit keep of the message
 * as it came, and nothing else. */
enum sieve_end {
	SIEVE_DONE = 0,
	SIEVE_FAILED,    /* an error of the script at run time: see error */
	SIEVE_TEMPORARY, /* a call could not answer now (SIEVE_SCRIPT_FAILED):
	                    delivery may be tried again later */
};

struct sieve_result {
	enum sieve_end end;
	struct sieve_error
	    error; /* line 0 unless end is SIEVE_FAILED/TEMPORARY */

	/*
	 * In the order to be done, at most SIEVE_ACTIONS_MAX and the implicit
	 * keep. The same mailbox or redirect address stands once (RFC 5228
	 * section 2.10.3), with the message and the flags as they were the last
	 * time. An implicit keep, when it is in force, is the last
	 * action, unless the message goes to INBOX already. No action at all
	 * but SIEVE_DISCARD: the message is dropped.
	 */
	const struct sieve_action *actions;
	size_t n_actions;
	bool implicit_keep; /* in force (RFC 5228 section 2.10.2) */

	/* Duplicate tests to be remembered once all actions have succeeded
	 * (RFC 7352 section 3). Empty when end is not SIEVE_DONE. */
	const struct sieve_duplicate *seen;
	size_t n_seen;

	uint64_t cost;       /* as SIEVE_COST_MAX counts */
	struct arena *arena; /* owner of all that is here */
};

/*
 * Run a program over a message.
 *
 * env  borrowed for the call; what it points to, and the program, must live as
 *      long as the result
 * out  filled always; for sieve_result_fini()
 *
 * The same program, env and answers of the calls give the same result.
 */
void sieve_run(const struct sieve_program *p, const struct sieve_env *env,
    struct sieve_result *out);
void sieve_result_fini(struct sieve_result *r);
#define AUTO_SIEVE_RESULT __attribute__((cleanup(sieve_result_fini)))

#endif

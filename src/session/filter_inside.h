#ifndef SESSION_FILTER_INSIDE_H
#define SESSION_FILTER_INSIDE_H

#include "session/filter.h"
#include "session/memory.h"
#include "session/scripts.h"

/*
 * What the files of the filter share: filter.c runs scripts, filter_act.c puts
 * what they answer into a plan, filter_script.c finds and compiles them,
 * filter_do.c carries plans out, filter_event.c those of IMAP events. Nobody else
 * includes this.
 */
#define FILTER_INCLUDED_MAX 64 /* compiled scripts kept, that were included */
#define FILTER_INBOX 1         /* its id in every account */

/* A text and what it compiles to. */
struct filter_script {
	struct filter_script *next;
	enum filter_where where;
	bool personal;                 /* one of the user's, included */
	struct view name, text;        /* text: of a global one */
	uint8_t digest[32];            /* of the text compiled */
	struct sieve_program *program; /* NULL: it does not compile */
	bool compiled;                 /* it was tried */
	char own[];                    /* memory of a personal one's name */
};

/* A mailbox made in the transaction at hand, which nobody else sees yet. */
struct filter_made {
	struct filter_made *next;
	uint32_t id;
	size_t n;
	uint8_t name[];
};

struct filter {
	struct filter_env env;
	char *user; /* with a domain */
	struct scripts *scripts;
	struct memory *memory;
	/* the active one */
	struct scripts_stamp stamp;
	struct sieve_program *active; /* NULL: none, or none that compiles */
	struct sieve_error error;     /* line 0: none */
	struct memory_key note;       /* of the text that has it */
	char *active_name;
	bool looked;
	bool unreadable; /* the active one, for now, and none is in its place */
	/* the administrator's, in order, and those that were included */
	struct filter_script *globals, *included;
	bool globals_read;
	size_t n_included;
	/* the one for IMAP events that was compiled last */
	struct sieve_program *event; /* NULL: it does not compile */
	uint8_t event_digest[32];    /* of its text */
	char *event_name;            /* for the log */
	bool event_known;            /* the three above say something */
	bool event_wanted;           /* it is to run */
	/* programs that some plan may still use */
	struct sieve_program **retired;
	size_t n_retired;
	size_t plans; /* that are not ended */
	/* of the transaction at hand */
	const struct tx *tx;
	struct filter_made *made;
};

struct filter_remember {
	struct memory_key key;
	int64_t expires;
	size_t out; /* of which it is, from 1; 0: none */
};

/* A duplicate test that some script of the plan has asked. */
struct filter_asked {
	struct memory_key key;
	bool answer;
};

/* What a plan holds besides what its user sees. */
struct filter_inside {
	struct filter *filter;
	const struct filter_message *m;
	struct sieve_result *results;
	size_t n_results;
	struct buf *bufs;        /* messages that were made */
	const uint8_t **sources; /* of those that are redirects */
	size_t n_bufs;
	struct filter_remember *remember;
	size_t n_remember;
	struct filter_asked *asked;
	size_t n_asked;
	/* the first, of all scripts, until it is known that none rejects */
	const struct sieve_action *vacation;
	/* flags as the scripts before have left them */
	struct sieve_flags flags;
	bool flags_known;
	uint64_t unique;
	bool metadata_failed; /* an annotation could not be read now */
	bool waits;           /* as in struct filter_plan */
	bool has_base;
	uint8_t base[32]; /* digest of the message, for keys */
};

/* --- filter_script.c --- */

/* See that the active script is the newest; f->active, f->error. */
void filter_script_look(struct filter *f);
/* The administrator's scripts, f->globals. */
void filter_script_globals(struct filter *f);
/* Compile it, if that was not done; NULL: it does not. */
struct sieve_program *filter_script_program(
    struct filter *f, struct filter_script *s);
/* For struct sieve_calls. */
enum sieve_script_result filter_script_include(
    void *ctx, struct view name, bool global, const struct sieve_program **out);
/* Compile text under this account's options. */
bool filter_script_compile(struct filter *f, struct view text,
    struct sieve_program **out, struct sieve_errors *errors) A_MUST_USE;
/* Free it when no plan can use it. */
void filter_script_retire(struct filter *f, struct sieve_program **p);
void filter_script_fini(struct filter *f);

/* --- filter_do.c --- */

void filter_made_forget(struct filter *f);
/* A transaction begins, unless it is the one of the last call. */
void filter_made_begin(struct filter *f, const struct tx *t);
/* The mailbox of a place, made if the place says so. 0, STORE_NOT_FOUND, an
 * outcome of tx_mailbox_create(), or a negative errno. */
int filter_place_mailbox(struct filter *f, struct tx *t,
    const struct filter_place *l, uint32_t *id) A_MUST_USE;
/* Places whose mailbox (id, 0: none) is the same and has the same message: each
 * but the last gives its flags to the next of them. into: n_places; what stands
 * for each, itself at first. Can be called again when ids have changed. */
void filter_places_join(struct filter_plan *p, size_t *into);
/* Its flags; keywords there is no room for are left out. 0, negative errno. */
int filter_place_flags(struct tx *t, const struct filter_place *l,
    struct store_flags *out) A_MUST_USE;

/* --- filter_act.c --- */

#define FILTER_REPLY_BYTES (8 * ((size_t)1 << 20)) /* of one we write */

/* Do what an action says: places, messages that leave, a refusal. */
void filter_act(struct filter_plan *p, const struct sieve_action *a);
/* The vacation reply that was put off, if any. */
void filter_vacation(struct filter_plan *p);
/* A place for a keep of the message as the action has it, or (NULL) as it came;
 * k NULL: an implicit one without flags. */
void filter_keep(struct filter_plan *p, const struct sieve_action *a,
    const struct sieve_keep *k);
/* Flags as a place has them. */
void filter_set_flags(struct filter_plan *p, struct filter_place *place,
    const struct sieve_flags *flags);
/* Another place at the end; zeroed. */
struct filter_place *filter_add_place(struct filter_plan *p);
/* Room for a message that lives as long as the plan; max bytes. source: of
 * which it is the redirected form, or NULL. Valid until the next. */
struct buf *filter_add_buf(
    struct filter_inside *in, const uint8_t *source, size_t max);
/* filter_done() shall remember it. */
void filter_remember_add(
    struct filter_inside *in, struct memory_key key, int64_t expires);
struct reply_env;
struct reply_env filter_reply_env(
    struct filter_inside *in, struct view original);

/* --- filter.c --- */

/* "APPEND" …; NULL when it is no IMAP event. */
const char *filter_cause_name(enum filter_cause cause);
static inline bool
filter_is_event(const struct filter_inside *in)
{
	return filter_cause_name(in->m->cause) != NULL;
}
/* A script of that name does not compile. */
void filter_script_broken(
    struct filter *f, struct view name, const struct sieve_error *e);
/* The store's bit of a special use; 0: it knows none of that name. */
uint32_t filter_use(struct view use) A_MUST_USE;
/* The first mailbox with the use, in a (which may be NULL: only whether). */
bool filter_find_use(
    struct filter *f, struct view use, struct arena *a, struct view *name);
void filter_log(struct filter *f, enum log_level level, const char *event,
    const char *text);

#endif

#include "session/managesieve.h"

#include <errno.h>

#include "base/base64.h"
#include "session/hub.h"
#include "session/managesieve_command.h"
#include "session/scripts.h"
#include "sieve/sieve.h"

/*
 * Commands of one account's scripts. Nothing of the store is opened: scripts
 * are files beside the log.
 */
#define LIST_ARENA ((size_t)SCRIPTS_LIST_MAX * (SCRIPTS_NAME_MAX + 256))
#define COMMAND_ARENA ((size_t)4 * MANAGESIEVE_QUOTED)

struct managesieve {
	struct client c;
	const struct managesieve_settings *set;
	struct managesieve_frame frame;
	struct scripts *scripts;
	unsigned errors; /* in a row */
};

/* ---- answers ---- */

/* "OK (CODE) text". code and text may be NULL. */
static void
answer(
    struct managesieve *m, const char *what, const char *code, const char *text)
{
	struct buf *b = &m->c.out.b;

	buf_put_str(b, what);
	if (code != NULL)
		buf_printf(b, " (%s)", code);
	if (text != NULL) {
		buf_put_byte(b, ' ');
		managesieve_put_string(b, view_str(text));
	}
	buf_put_str(b, "\r\n");
}

static void
ok(struct managesieve *m, const char *text)
{
	answer(m, "OK", NULL, text);
}

static void
no(struct managesieve *m, const char *code, const char *text)
{
	answer(m, "NO", code, text);
}

static void
bye(struct managesieve *m, enum client_end end, const char *text)
{
	answer(m, "BYE", NULL, text);
	client_end(&m->c, end);
}

static void
failed(struct managesieve *m, int r)
{
	struct log_line l;

	log_begin(&l, m->c.log, LOG_FAILURES, "scripts");
	log_view(&l, "user", m->c.env->user);
	log_errno(&l, "error", r);
	log_str(&l, "why", scripts_why(m->scripts));
	log_end(&l);
	no(m, "TRYLATER", "The server has failed");
}

/* The answer for a result of scripts.h. done: text of OK. */
static void
result(struct managesieve *m, int r, const char *done)
{
	static const struct {
		const char *code, *text;
	} t[] = {
		[SCRIPTS_NOT_FOUND] = { "NONEXISTENT",
		    "There is no script by that name" },
		[SCRIPTS_EXISTS] = { "ALREADYEXISTS",
		    "There is a script by that name" },
		[SCRIPTS_BAD_NAME] = { NULL,
		    "That is not a name for a script" },
		[SCRIPTS_ACTIVE] = { "ACTIVE",
		    "The active script cannot be deleted" },
		[SCRIPTS_TOO_LARGE] = { "QUOTA/MAXSIZE",
		    "The script is too large" },
		[SCRIPTS_TOO_MANY] = { "QUOTA/MAXSCRIPTS",
		    "There are too many scripts" },
		[SCRIPTS_LOCKED] = { "TRYLATER",
		    "Another session is changing the scripts" },
		[SCRIPTS_FULL] = { "QUOTA", "The disk is full" },
	};

	if (r == SCRIPTS_OK)
		ok(m, done);
	else if (r > 0)
		no(m, t[r].code, t[r].text);
	else
		failed(m, r);
}

/* ---- compiling ---- */

/* What is wrong with a script, a line for each. */
static void
put_errors(struct managesieve *m, const struct sieve_errors *errors)
{
	AUTO_BUF struct buf b = BUF_INIT(SIEVE_ERRORS_MAX * 256);

	for (size_t i = 0; i < errors->n; i++) {
		const struct sieve_error *e = &errors->e[i];

		buf_printf(&b, "%sline %u, column %u: %s", i > 0 ? "\r\n" : "",
		    (unsigned)e->line, (unsigned)e->column, e->text);
	}
	buf_put_str(&m->c.out.b, "NO ");
	managesieve_put_string(&m->c.out.b, buf_view(&b));
	buf_put_str(&m->c.out.b, "\r\n");
}

/* Does it compile? Otherwise NO has been said. */
static bool
compiles(struct managesieve *m, struct view script)
{
	const struct sieve_options options = { .disabled = m->set->disabled,
		.n_disabled = m->set->n_disabled };
	struct sieve_program *program = NULL;
	struct sieve_errors errors = { .n = 0 };
	bool good;

	good = sieve_compile(script, &options, &program, &errors);
	sieve_free(&program);
	if (!good)
		put_errors(m, &errors);
	return good;
}

/* ---- commands ---- */

static void
on_capability(struct managesieve *m)
{
	managesieve_capabilities_put(
	    &m->c.out.b, m->set, false, m->c.env->user);
	ok(m, NULL);
}

static void
on_havespace(struct managesieve *m, const struct managesieve_command *c)
{
	result(m, scripts_space(m->scripts, c->string[0], c->number), NULL);
}

static void
on_putscript(struct managesieve *m, const struct managesieve_command *c)
{
	int r = scripts_space(m->scripts, c->string[0], c->string[1].n);

	/* first what is cheap */
	if (r != SCRIPTS_OK)
		result(m, r, NULL);
	else if (compiles(m, c->string[1]))
		result(m, scripts_put(m->scripts, c->string[0], c->string[1]),
		    "Stored");
}

static void
on_checkscript(struct managesieve *m, const struct managesieve_command *c)
{
	if (compiles(m, c->string[0]))
		ok(m, "The script is good");
}

static void
on_listscripts(struct managesieve *m)
{
	AUTO_ARENA struct arena *a = arena_new(LIST_ARENA);
	struct scripts_entry *e;
	size_t n;
	int r = scripts_list(m->scripts, a, &e, &n);

	for (size_t i = 0; r == SCRIPTS_OK && i < n; i++) {
		managesieve_put_string(&m->c.out.b, e[i].name);
		buf_put_str(&m->c.out.b, e[i].active ? " ACTIVE\r\n" : "\r\n");
	}
	result(m, r, NULL);
}

static void
on_getscript(struct managesieve *m, const struct managesieve_command *c)
{
	AUTO_BUF struct buf text = BUF_INIT(SCRIPTS_SIZE_MAX + 8192);
	int r = scripts_get(m->scripts, c->string[0], &text);

	if (r == SCRIPTS_OK) {
		/* always a literal: so clients expect it */
		buf_printf(&m->c.out.b, "{%zu}\r\n", text.n);
		buf_put(&m->c.out.b, buf_view(&text));
		buf_put_str(&m->c.out.b, "\r\n");
	}
	result(m, r, NULL);
}

/* A script may have been put there, or changed, by hand. */
static void
on_setactive(struct managesieve *m, const struct managesieve_command *c)
{
	AUTO_BUF struct buf text = BUF_INIT(SCRIPTS_SIZE_MAX + 8192);
	int r;

	if (c->string[0].n == 0) {
		result(m, scripts_activate(m->scripts, c->string[0]), NULL);
		return;
	}
	if ((r = scripts_get(m->scripts, c->string[0], &text)) != SCRIPTS_OK) {
		result(m, r, NULL);
		return;
	}
	if (!compiles(m, buf_view(&text)))
		return;
	r = scripts_activate(m->scripts, c->string[0]);
	if (r == SCRIPTS_OK) /* else the filter does it */
		(void)!scripts_keep_good(m->scripts, buf_view(&text));
	result(m, r, NULL);
}

static void
on_noop(struct managesieve *m, const struct managesieve_command *c)
{
	struct buf *b = &m->c.out.b;

	if (c->strings == 0) {
		ok(m, "Done");
		return;
	}
	buf_put_str(b, "OK (TAG ");
	managesieve_put_string(b, c->string[0]);
	buf_put_str(b, ") \"Done\"\r\n");
}

static void
run_command(struct managesieve *m, const struct managesieve_command *c)
{
	switch (c->verb) {
	case MANAGESIEVE_AUTHENTICATE:
	case MANAGESIEVE_STARTTLS:
		no(m, NULL, "Not after login");
		break;
	case MANAGESIEVE_CAPABILITY:
		on_capability(m);
		break;
	case MANAGESIEVE_CHECKSCRIPT:
		on_checkscript(m, c);
		break;
	case MANAGESIEVE_DELETESCRIPT:
		result(m, scripts_delete(m->scripts, c->string[0]), "Deleted");
		break;
	case MANAGESIEVE_GETSCRIPT:
		on_getscript(m, c);
		break;
	case MANAGESIEVE_HAVESPACE:
		on_havespace(m, c);
		break;
	case MANAGESIEVE_LISTSCRIPTS:
		on_listscripts(m);
		break;
	case MANAGESIEVE_LOGOUT:
		ok(m, "Good bye");
		client_end(&m->c, CLIENT_LOGOUT);
		break;
	case MANAGESIEVE_NOOP:
		on_noop(m, c);
		break;
	case MANAGESIEVE_PUTSCRIPT:
		on_putscript(m, c);
		break;
	case MANAGESIEVE_RENAMESCRIPT:
		result(m,
		    scripts_rename(m->scripts, c->string[0], c->string[1]),
		    "Renamed");
		break;
	case MANAGESIEVE_SETACTIVE:
		on_setactive(m, c);
		break;
	}
}

/* ---- the life of a session ---- */

static void
error(struct managesieve *m, const char *code, const char *text)
{
	if (++m->errors <= MANAGESIEVE_ERRORS_MAX)
		no(m, code, text);
	else
		bye(m, CLIENT_REFUSED, "Too many errors");
}

static void
one_command(struct managesieve *m)
{
	AUTO_ARENA struct arena *a = arena_new(COMMAND_ARENA);
	struct managesieve_command c;

	switch (managesieve_parse(managesieve_text(&m->frame), a, &c)) {
	case MANAGESIEVE_OK:
		m->errors = 0;
		run_command(m, &c);
		break;
	case MANAGESIEVE_UNKNOWN:
		error(m, NULL, "Unknown command");
		break;
	case MANAGESIEVE_ARGUMENTS:
		error(m, NULL, "Wrong arguments");
		break;
	}
}

static void
take_input(struct managesieve *m)
{
	while (!m->c.ending) {
		switch (managesieve_feed(&m->frame, &m->c.input)) {
		case MANAGESIEVE_MORE:
			return;
		case MANAGESIEVE_DONE:
			one_command(m);
			break;
		case MANAGESIEVE_TOO_LONG:
			error(m, NULL, "The command is too long");
			break;
		case MANAGESIEVE_TOO_LARGE:
			error(m, "QUOTA/MAXSIZE", "The script is too large");
			break;
		case MANAGESIEVE_FLOOD:
			bye(m, CLIENT_REFUSED, "Too much was sent");
			break;
		}
		output_turn(&m->c.out);
		client_check(&m->c);
	}
}

static void
first_word(struct managesieve *m)
{
	struct buf *b = &m->c.out.b;

	if (m->c.env->first == CLIENT_PREAUTH) {
		on_capability(m);
		return;
	}
	buf_put_str(b, "OK ");
	if (m->set->final.n > 0) {
		buf_put_str(b, "(SASL \"");
		base64_encode(m->set->final, b);
		buf_put_str(b, "\") ");
	}
	buf_put_str(b, "\"Logged in\"\r\n");
}

static void
serve(struct managesieve *m)
{
	while (client_wait(&m->c, managesieve_idle(&m->frame), false)) {
		client_limit_cpu(&m->c);
		take_input(m);
	}
	if (m->c.end == CLIENT_IDLE)
		answer(m, "BYE", NULL, "Silent for too long");
	else if (m->c.end == CLIENT_SHUTDOWN)
		answer(m, "BYE", "TRYLATER", "The server is going down");
}

enum client_end
managesieve_run(
    const struct client_env *env, const struct managesieve_settings *set)
{
	const struct scripts_limits limits = { set->max_script,
		set->max_scripts };
	struct managesieve m = { .set = set };

	client_begin(&m.c, env, MANAGESIEVE_IDLE_MS);
	managesieve_frame_init(&m.frame);
	m.scripts = scripts_new(env->dir, &limits);
	hub_ready(env->hub);
	first_word(&m);
	serve(&m);
	scripts_free(&m.scripts);
	managesieve_frame_fini(&m.frame);
	return client_finish(&m.c);
}

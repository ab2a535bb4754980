#include <stdlib.h>

#include "base/digest.h"
#include "base/mem.h"
#include "base/wire.h"
#include "session/filter_inside.h"

/*
 * Scripts are compiled when they are first needed and kept as long as their text
 * is the same. A program that is no longer wanted may still be in use by a plan
 * that is being carried out, so it is put aside until there is none.
 */

bool
filter_script_compile(struct filter *f, struct view text,
    struct sieve_program **out, struct sieve_errors *errors)
{
	AUTO_FREE struct view *disabled =
	    xcalloc(f->env.n_disabled + 1, sizeof(*disabled));
	struct sieve_options o = { .disabled = disabled,
		.n_disabled = f->env.n_disabled };

	for (size_t i = 0; i < f->env.n_disabled; i++)
		disabled[i] = view_str(f->env.disabled[i]);
	return sieve_compile(text, &o, out, errors);
}

void
filter_script_retire(struct filter *f, struct sieve_program **p)
{
	if (*p == NULL)
		return;
	if (f->plans == 0) {
		sieve_free(p);
		return;
	}
	f->retired = xrealloc(
	    f->retired, f->n_retired + 1, sizeof(struct sieve_program *));
	f->retired[f->n_retired++] = *p;
	*p = NULL;
}

/* ---- the administrator's ---- */

void
filter_script_globals(struct filter *f)
{
	struct filter_script **end = &f->globals;
	struct wire w = wire_read(f->env.globals);

	if (f->globals_read)
		return;
	f->globals_read = true;
	for (size_t i = 0; i < FILTER_GLOBALS_MAX && w.in.n > 0; i++) {
		uint8_t where = wire_u8(&w);
		struct view name = wire_bytes(&w, FILTER_GLOBAL_NAME_MAX);
		struct view text = wire_bytes(&w, FILTER_GLOBALS_SIZE);

		if (!w.ok || where < FILTER_BEFORE ||
		    where > FILTER_EVENT_AFTER)
			break;
		*end = xcalloc(1, sizeof(**end));
		(*end)->where = (enum filter_where)where;
		(*end)->name = name;
		(*end)->text = text;
		end = &(*end)->next;
	}
}

void
filter_script_broken(
    struct filter *f, struct view name, const struct sieve_error *e)
{
	struct log_line l;

	if (f->env.log == NULL)
		return;
	log_begin(&l, f->env.log, LOG_FAILURES, "script");
	log_view(&l, "name", name);
	log_u64(&l, "line", e->line);
	log_u64(&l, "column", e->column);
	log_str(&l, "text", e->text);
	log_end(&l);
}

/* The administrator's may use everything. */
struct sieve_program *
filter_script_program(struct filter *f, struct filter_script *s)
{
	struct sieve_errors errors;

	if (s->compiled)
		return s->program;
	s->compiled = true;
	if (!sieve_compile(s->text, NULL, &s->program, &errors))
		filter_script_broken(f, s->name, &errors.e[0]);
	return s->program;
}

/* ---- the active one ---- */

static void
set_name(struct filter *f, const struct buf *name)
{
	free(f->active_name);
	f->active_name = xcalloc(1, name->n + 1);
	if (name->n > 0)
		memcpy(f->active_name, name->p, name->n);
}

/* The user is told once of each text that is broken. */
static void
is_broken(struct filter *f, struct view text, const struct sieve_error *e)
{
	f->error = *e;
	f->note = memory_key(MEMORY_NOTE, VIEW_LIT("broken"), text);
	filter_script_broken(f, view_str(f->active_name), e);
}

static void
use_last_good(struct filter *f, struct buf *text)
{
	struct sieve_errors errors;

	if (scripts_good(f->scripts, text) == SCRIPTS_OK &&
	    !filter_script_compile(f, buf_view(text), &f->active, &errors))
		f->active = NULL;
}

static void
compile_active(struct filter *f, struct buf *text)
{
	struct sieve_errors errors;

	if (filter_script_compile(f, buf_view(text), &f->active, &errors)) {
		(void)!scripts_keep_good(f->scripts, buf_view(text));
		return;
	}
	is_broken(f, buf_view(text), &errors.e[0]);
	use_last_good(f, text);
}

static void
load_active(struct filter *f)
{
	AUTO_BUF struct buf text = BUF_INIT(SCRIPTS_SIZE_MAX + 4096);
	AUTO_BUF struct buf name = BUF_INIT(SCRIPTS_NAME_MAX);
	struct sieve_error large = {
		.line = 1, .column = 1, .text = "the script is too large"
	};
	int r;

	filter_script_retire(f, &f->active);
	f->error.line = 0;
	f->unreadable = false;
	r = scripts_active(f->scripts, &text, &name, &f->stamp);
	set_name(f, &name);
	switch (r) {
	case SCRIPTS_OK:
		compile_active(f, &text);
		break;
	case SCRIPTS_NOT_FOUND:
		break;
	case SCRIPTS_TOO_LARGE:
		is_broken(f, buf_view(&name), &large);
		use_last_good(f, &text);
		break;
	default:
		f->looked = false; /* look again next time */
		if (f->env.log != NULL)
			log_say(f->env.log, LOG_FAILURES, "script", "%s",
			    scripts_why(f->scripts));
		use_last_good(f, &text);
		f->unreadable = f->active == NULL;
		break;
	}
}

void
filter_script_look(struct filter *f)
{
	struct scripts_stamp now = { 0 };

	if (scripts_stamp(f->scripts, &now) == 0 && f->looked &&
	    scripts_same(&now, &f->stamp))
		return;
	f->looked = true;
	f->stamp = now;
	load_active(f);
}

/* ---- include ---- */

static enum sieve_script_result
answer(struct sieve_program *p, const struct sieve_program **out)
{
	*out = p;
	return p != NULL ? SIEVE_SCRIPT_OK : SIEVE_SCRIPT_BROKEN;
}

static enum sieve_script_result
include_global(
    struct filter *f, struct view name, const struct sieve_program **out)
{
	filter_script_globals(f);
	for (struct filter_script *s = f->globals; s != NULL; s = s->next)
		if (s->where == FILTER_GLOBAL && view_eq(s->name, name))
			return answer(filter_script_program(f, s), out);
	return SIEVE_SCRIPT_MISSING;
}

static void
free_script(struct filter *f, struct filter_script *s)
{
	filter_script_retire(f, &s->program);
	free(s);
}

static struct filter_script *
included(struct filter *f, struct view name)
{
	struct filter_script **at = &f->included, *s;

	for (; *at != NULL; at = &(*at)->next)
		if (view_eq((*at)->name, name))
			return *at;
	if (f->n_included == FILTER_INCLUDED_MAX) {
		s = f->included; /* the oldest */
		f->included = s->next;
		free_script(f, s);
		f->n_included--;
		for (at = &f->included; *at != NULL; at = &(*at)->next)
			;
	}
	s = xcalloc(1, sizeof(*s) + name.n);
	memcpy(s->own, name.p, name.n);
	s->name = (struct view){ (const uint8_t *)s->own, name.n };
	s->personal = true;
	*at = s;
	f->n_included++;
	return s;
}

static enum sieve_script_result
include_personal(
    struct filter *f, struct view name, const struct sieve_program **out)
{
	AUTO_BUF struct buf text = BUF_INIT(SCRIPTS_SIZE_MAX + 4096);
	uint8_t digest[DIGEST_SHA256_SIZE];
	struct sieve_errors errors;
	struct filter_script *s;
	int r = scripts_get(f->scripts, name, &text);

	if (r == SCRIPTS_NOT_FOUND || r == SCRIPTS_BAD_NAME)
		return SIEVE_SCRIPT_MISSING;
	if (r != SCRIPTS_OK)
		return r == SCRIPTS_TOO_LARGE ? SIEVE_SCRIPT_BROKEN
					      : SIEVE_SCRIPT_FAILED;
	s = included(f, name);
	digest_sha256(buf_view(&text), digest);
	if (!s->compiled || memcmp(digest, s->digest, sizeof(digest)) != 0) {
		filter_script_retire(f, &s->program);
		memcpy(s->digest, digest, sizeof(digest));
		s->compiled = true;
		if (!filter_script_compile(
			f, buf_view(&text), &s->program, &errors))
			filter_script_broken(f, name, &errors.e[0]);
	}
	return answer(s->program, out);
}

enum sieve_script_result
filter_script_include(
    void *ctx, struct view name, bool global, const struct sieve_program **out)
{
	const struct filter_inside *in = ctx;

	return global ? include_global(in->filter, name, out)
		      : include_personal(in->filter, name, out);
}

void
filter_script_fini(struct filter *f)
{
	struct filter_script *s;

	while ((s = f->globals) != NULL) {
		f->globals = s->next;
		sieve_free(&s->program);
		free(s);
	}
	while ((s = f->included) != NULL) {
		f->included = s->next;
		sieve_free(&s->program);
		free(s);
	}
	sieve_free(&f->active);
	sieve_free(&f->event);
	for (size_t i = 0; i < f->n_retired; i++)
		sieve_free(&f->retired[i]);
	free(f->retired);
	free(f->active_name);
	free(f->event_name);
}

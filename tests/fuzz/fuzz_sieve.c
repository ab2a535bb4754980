/*
 * Any script over any message: what sieve.h promises. The input is a script, a
 * line "--", and a message; without the line the message is a small one.
 */

#include <stdlib.h>

#include "base/utf8.h"
#include "sieve/sieve.h"

#define CHECK(x)                                                               \
	do {                                                                   \
		if (!(x))                                                      \
			abort();                                               \
	} while (0)

static void
check_error(const struct sieve_error *e)
{
	CHECK(e->line > 0 && e->column > 0);
	CHECK(strnlen(e->text, sizeof(e->text)) < sizeof(e->text));
	CHECK(e->text[0] != '\0' && utf8_valid(view_str(e->text)));
	for (const char *p = e->text; *p != '\0'; p++)
		CHECK((unsigned char)*p >= ' ' && *p != 0x7f);
}

static void
check_errors(const struct sieve_errors *errors, const struct sieve_program *p)
{
	CHECK(p == NULL && errors->n > 0 && errors->n <= SIEVE_ERRORS_MAX);
	for (size_t i = 0; i < errors->n; i++) {
		const struct sieve_error *e = &errors->e[i];

		check_error(e);
		CHECK(i == 0 || e[-1].line < e->line ||
		    (e[-1].line == e->line && e[-1].column <= e->column));
	}
}

static void
check_flags(const struct sieve_flags *f)
{
	CHECK(f->n <= SIEVE_FLAGS_MAX);
	for (size_t i = 0; i < f->n; i++) {
		CHECK(f->v[i].n > 0);
		for (size_t k = 0; k < i; k++)
			CHECK(!view_eq_ci(f->v[i], f->v[k]));
	}
}

static void
check_action(const struct sieve_action *a, const struct sieve_env *env)
{
	CHECK(a->edited || a->message.p == env->message.p);
	switch (a->kind) {
	case SIEVE_KEEP:
		check_flags(&a->u.keep.flags);
		break;
	case SIEVE_FILEINTO:
		CHECK(a->u.fileinto.mailbox.name.n > 0);
		CHECK(utf8_valid(a->u.fileinto.mailbox.name));
		check_flags(&a->u.fileinto.mailbox.flags);
		break;
	case SIEVE_REDIRECT:
		CHECK(a->u.redirect.address.n > 0);
		break;
	case SIEVE_DISCARD:
		break;
	case SIEVE_REJECT:
		CHECK(!env->imap_event);
		break;
	case SIEVE_VACATION:
		CHECK(!env->imap_event);
		CHECK(a->u.vacation.to.n > 0 && a->u.vacation.handle.n > 0);
		break;
	case SIEVE_NOTIFY:
		CHECK(a->u.notify.method.n > 0);
		CHECK(
		    a->u.notify.importance >= 1 && a->u.notify.importance <= 3);
		break;
	}
}

static void
check_result(const struct sieve_result *r, const struct sieve_env *env)
{
	size_t redirects = 0, implicit = 0;

	CHECK(r->n_actions > 0 || !r->implicit_keep);
	CHECK(r->n_actions <= SIEVE_ACTIONS_MAX + 1);
	for (size_t i = 0; i < r->n_actions; i++) {
		const struct sieve_action *a = &r->actions[i];

		check_action(a, env);
		redirects += a->kind == SIEVE_REDIRECT;
		if (a->kind == SIEVE_KEEP && a->u.keep.implicit) {
			implicit++;
			CHECK(a->line == 0 && i + 1 == r->n_actions);
		}
	}
	CHECK(redirects <= SIEVE_REDIRECTS_MAX);
	CHECK(implicit <= (r->implicit_keep ? 1 : 0));
	if (r->end == SIEVE_DONE) {
		CHECK(r->cost <= SIEVE_COST_MAX && r->error.line == 0);
	} else {
		check_error(&r->error);
		CHECK(r->n_actions == 1 && implicit == 1 && r->n_seen == 0);
		CHECK(r->actions[0].message.p == env->message.p);
	}
}

static bool
seen(void *ctx, const struct sieve_duplicate *d)
{
	(void)ctx;
	CHECK(d->id.n > 0);
	return d->id.n % 2 == 0;
}

static enum sieve_script_result
script(
    void *ctx, struct view name, bool global, const struct sieve_program **out)
{
	(void)name;
	(void)global;
	*out = ctx; /* the script itself, over and over */
	return SIEVE_SCRIPT_OK;
}

static void
run_twice(const struct sieve_program *p, struct view message, bool event)
{
	struct sieve_calls calls = { .seen = seen, .script = script };
	struct view flags[] = { VIEW_LIT("\\Seen") };
	struct sieve_env env = {
		.message = message,
		.from = VIEW_LIT("sender@example.com"),
		.to = VIEW_LIT("user+detail@example.org"),
		.flags = flags,
		.n_flags = 1,
		.imap_event = event,
		.now = 1151528707,
		.calls = &calls,
	};
	struct sieve_result a, b;
	const void *ctx = p;

	memcpy(&env.ctx, &ctx, sizeof(ctx));
	sieve_run(p, &env, &a);
	sieve_run(p, &env, &b);
	check_result(&a, &env);
	CHECK(a.end == b.end && a.n_actions == b.n_actions &&
	    a.cost == b.cost && strcmp(a.error.text, b.error.text) == 0);
	for (size_t i = 0; i < a.n_actions; i++)
		CHECK(a.actions[i].kind == b.actions[i].kind &&
		    view_eq(a.actions[i].message, b.actions[i].message));
	sieve_result_fini(&a);
	sieve_result_fini(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct sieve_errors errors;
	struct view
	    in = { data, size },
	    message = VIEW_LIT(
		"From: A <a@example.com>\r\nTo: user@example.org\r\n"
		"Subject: =?utf-8?q?x=C3=A9?= y\r\nDate: Wed, 28 Jun 2006 "
		"23:30:05 -0700\r\n\r\nbody\r\n");
	const uint8_t *p = size > 0 ? memmem(data, size, "\n--\n", 4) : NULL;
	struct sieve_program *program;

	if (p != NULL) {
		in.n = (size_t)(p - data) + 1;
		message =
		    view_sub((struct view){ data, size }, in.n + 3, SIZE_MAX);
	}
	if (!sieve_compile(in, NULL, &program, &errors)) {
		check_errors(&errors, program);
		return 0;
	}
	CHECK(program != NULL && errors.n == 0);
	run_twice(program, message, size % 2 == 0);
	sieve_free(&program);
	return 0;
}

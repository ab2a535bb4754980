/*
 * The commands and tests of vnd.dovecot.testsuite. A test file is itself a run,
 * whose message and list of actions these commands change; a failed test ends
 * its block by the flow that breaks a loop.
 */
#include "sieve/checker.h"
#include "sieve/compare.h"
#include "sieve/ext_list.h"
#include "sieve/interp_impl.h"
#include "sieve/testsuite_world.h"
#include "sieve/tidy.h"

enum {
	TAG_SMTP,
	TAG_FOLDER,
	TAG_MAILBOX,
	TAG_INDEX,
	TAG_APPEND,
	TAG_EXTENSION,
	TAG_OF_MAILBOX,
};

static const struct ext_tag tags[];

static struct world *
world_of(struct interp *in)
{
	return in->env.testsuite;
}

static struct view
keep(struct interp *in, struct view v)
{
	return interp_copy(in, v);
}

/* ---- tests and their failure ---- */

static void
fail_test(struct interp *in, const struct script_node *n, struct view reason)
{
	struct world *w = world_of(in);

	w->fail_text = arena_strdup(w->arena, reason);
	w->fail_line = n->line;
	w->failing = true;
}

static enum ext_flow
run_test_fail(struct interp *in, const struct script_node *n)
{
	fail_test(in, n, interp_string(in, n->arg[0]));
	return EXT_BREAK;
}

/* Tell how it went, and be ready for the next one. */
static void
report(struct interp *in, struct view name)
{
	struct world *w = world_of(in);
	uint32_t line = w->fail_line;
	const char *reason = NULL;

	if (w->failing)
		reason = w->fail_text != NULL ? w->fail_text : "failed";
	if (in->failed) {
		reason = in->result->error.text;
		line = in->result->error.line;
	}
	w->host->report(w->host->ctx, name, line, reason);
	w->failing = false;
	in->failed = false;
	in->result->end = SIEVE_DONE;
	in->result->error.line = 0;
	in->cost = 0;
}

static enum ext_flow
run_test(struct interp *in, const struct script_node *n)
{
	struct view name = interp_string(in, n->arg[0]);

	(void)!interp_block(in, n->block);
	report(in, name);
	return EXT_NEXT;
}

/* ---- message and envelope ---- */

static void
set_message(struct interp *in, struct view octets, struct sieve_flags flags)
{
	struct world *w = world_of(in);
	struct letter *l = letter_new(octets, in->arena);

	if (l == NULL) {
		interp_fail(in, NULL, "the run needs too much memory");
		return;
	}
	in->letter = l;
	in->version++;
	in->env.message = octets;
	in->env.flags = flags.v;
	in->env.n_flags = flags.n;
	in->flags = flags;
	w->message = octets;
}

static enum ext_flow
run_test_set(struct interp *in, const struct script_node *n)
{
	struct view name = interp_string(in, n->arg[0]);
	struct view value = keep(in, interp_string(in, n->arg[1]));

	if (view_eq_ci(name, VIEW_LIT("message"))) {
		set_message(in, value, (struct sieve_flags){ NULL, 0 });
		world_envelope(world_of(in), value, &in->env);
	} else if (view_eq_ci(name, VIEW_LIT("envelope.from"))) {
		in->env.from = world_path(world_of(in), value);
	} else if (view_eq_ci(name, VIEW_LIT("envelope.to"))) {
		in->env.to = world_path(world_of(in), value);
	} else if (view_eq_ci(name, VIEW_LIT("envelope.auth"))) {
		in->env.auth = value;
	} else if (view_eq_ci(name, VIEW_LIT("envelope.orig_to"))) {
		world_of(in)->orig_to = world_path(world_of(in), value);
	} else {
		interp_fail(in, n, "there is no test setting of that name");
	}
	return EXT_NEXT;
}

/* The message number i of a mailbox or of those sent. */
static const struct world_mail *
find_mail(struct interp *in, const struct script_node *n)
{
	const struct script_tag *folder = script_tag(n, &tags[TAG_FOLDER]);
	struct world *w = world_of(in);
	const struct world_mail *m = w->sent;
	uint64_t i = n->arg[0]->number;

	if (folder == NULL)
		folder = script_tag(n, &tags[TAG_MAILBOX]);
	if (folder != NULL) {
		struct world_mailbox *box =
		    world_mailbox(w, interp_string(in, folder->param), false);

		m = box != NULL ? box->first : NULL;
	}
	for (; m != NULL && i > 0; i--)
		m = m->next;
	return m;
}

static bool
test_test_message(struct interp *in, const struct script_node *n)
{
	const struct world_mail *m = find_mail(in, n);

	if (m == NULL)
		return false;
	set_message(in, m->octets, m->flags);
	if (script_tag(n, &tags[TAG_SMTP]) != NULL) {
		in->env.from = m->sender.p != NULL ? m->sender : VIEW_LIT("");
		in->env.to = m->recipient;
	} else {
		world_envelope(world_of(in), m->octets, &in->env);
	}
	return true;
}

static enum ext_flow
run_test_message(struct interp *in, const struct script_node *n)
{
	if (test_test_message(in, n))
		return EXT_NEXT;
	fail_test(in, n, VIEW_LIT("there is no such message"));
	return EXT_BREAK;
}

/* ---- scripts ---- */

static bool
test_compile(struct interp *in, const struct script_node *n)
{
	struct world *w = world_of(in);

	w->script = world_compile(w, keep(in, interp_string(in, n->arg[0])));
	if (w->script != NULL && !world_check_includes(w, w->script)) {
		w->script = NULL;
		w->more_errors = true;
	}
	return w->script != NULL;
}

static void
reset_actions(struct interp *in)
{
	struct world *w = world_of(in);

	in->n_actions = 0;
	in->n_redirects = 0;
	in->keep_cancelled = false;
	in->has_flags = false;
	in->flags = (struct sieve_flags){ in->env.flags, in->env.n_flags };
	in->states[ext_number(&ext_vacation)] = NULL;
	in->states[ext_number(&ext_enclose)] = NULL;
	world_remember(w, false);
	w->executed = 0;
}

/* What a script wants becomes what the test file's run wants. */
static void
take_actions(struct interp *in, const struct sieve_result *r)
{
	struct sieve_action *all =
	    interp_alloc(in, (in->n_actions + r->n_actions + 1) * sizeof(*all));

	if (all == NULL)
		return;
	if (in->n_actions > 0)
		memcpy(all, in->actions, in->n_actions * sizeof(*all));
	for (size_t i = 0; i < r->n_actions; i++)
		if (r->actions[i].kind != SIEVE_KEEP ||
		    !r->actions[i].u.keep.implicit)
			all[in->n_actions++] = r->actions[i];
	in->actions = all;
	in->actions_cap = in->n_actions;
	if (!r->implicit_keep)
		in->keep_cancelled = true;
}

/* Run the script compiled last over a message. next: in/out; the message and
 * its flags, as the script left them for the next one. */
static bool
run_script(struct interp *in, struct sieve_env *next)
{
	struct world *w = world_of(in);
	struct world_result *r = arena_alloc(w->arena, sizeof(*r));
	const struct sieve_action *last;

	if (r == NULL || w->script == NULL)
		return false;
	sieve_run(w->script, next, &r->r);
	r->next = w->results;
	r->pending = true;
	w->results = r;
	w->errors.n = 0;
	w->more_errors = false;
	if (r->r.end != SIEVE_DONE)
		w->errors.e[w->errors.n++] = r->r.error;
	take_actions(in, &r->r);
	if (r->r.n_actions > 0 && r->r.implicit_keep) {
		last = &r->r.actions[r->r.n_actions - 1];
		next->message = last->message;
		next->version = last->version;
		next->flags = last->u.keep.flags.v;
		next->n_flags = last->u.keep.flags.n;
	}
	return r->r.end == SIEVE_DONE;
}

static bool
test_run(struct interp *in, const struct script_node *n)
{
	struct sieve_env env = in->env;

	if (script_tag(n, &tags[TAG_APPEND]) == NULL)
		reset_actions(in);
	return run_script(in, &env);
}

/* ---- carrying out ---- */

static void
implicit_keep(struct interp *in, bool original)
{
	struct sieve_action a = { .kind = SIEVE_KEEP };

	if (!original)
		a.u.keep.flags = in->flags;
	a.message = original ? in->env.message : letter_octets(in->letter);
	(void)world_act(world_of(in), &in->env, &a);
}

static bool
execute(struct interp *in)
{
	struct world *w = world_of(in);
	bool good = true, first = w->executed == 0;

	w->errors.n = 0;
	w->more_errors = false;
	for (size_t i = 0; ext_all[i] != NULL; i++)
		if (ext_all[i]->finish != NULL)
			ext_all[i]->finish(in);
	for (; w->executed < in->n_actions && good; w->executed++)
		good = world_act(w, &in->env, &in->actions[w->executed]);
	w->executed = in->n_actions;
	world_remember(w, good);
	if (!good)
		implicit_keep(in, true);
	else if (!in->keep_cancelled && first)
		implicit_keep(in, false);
	return good;
}

static bool
test_execute(struct interp *in, const struct script_node *n)
{
	(void)n;
	return execute(in);
}

/* Scripts one after the other, as long as the keep is implicit. */
static bool
test_multiscript(struct interp *in, const struct script_node *n)
{
	struct sieve_env env = in->env;
	bool good = true;

	reset_actions(in);
	for (size_t i = 0; i < n->arg[0]->n && good; i++) {
		world_of(in)->script = world_compile(world_of(in),
		    keep(in, interp_text(in, &n->arg[0]->texts[i])));
		good = run_script(in, &env) && !in->failed;
		if (in->keep_cancelled)
			break;
	}
	if (!good)
		return false;
	in->letter = letter_new(env.message, in->arena);
	return in->letter != NULL && execute(in);
}

static enum ext_flow
run_result_reset(struct interp *in, const struct script_node *n)
{
	struct world *w = world_of(in);

	(void)n;
	reset_actions(in);
	w->sent = NULL;
	w->sent_last = &w->sent;
	return EXT_NEXT;
}

static const char *
action_name(const struct sieve_action *a)
{
	switch (a->kind) {
	case SIEVE_KEEP:
		return "keep";
	case SIEVE_FILEINTO:
		return "store";
	case SIEVE_REDIRECT:
		return "redirect";
	case SIEVE_DISCARD:
		return "discard";
	case SIEVE_REJECT:
		return "reject";
	case SIEVE_VACATION:
		return "vacation";
	case SIEVE_NOTIFY:
		return "notify";
	}
	return "";
}

/* Show the values from, or with :index the one, to a comparison. */
static bool
compare_texts(struct interp *in, const struct script_node *n,
    const char *const *texts, size_t count)
{
	const struct script_tag *index = script_tag(n, &tags[TAG_INDEX]);
	struct compare c;

	compare_begin(&c, in, n);
	for (size_t i = 0; i < count; i++)
		if (index == NULL || index->param->number == i + 1)
			if (compare_value(&c, view_str(texts[i])))
				break;
	return compare_end(&c);
}

static bool
test_action(struct interp *in, const struct script_node *n)
{
	const char *names[SIEVE_ACTIONS_MAX + 1];
	size_t count = 0;

	for (size_t i = 0; i < in->n_actions && count < SIEVE_ACTIONS_MAX; i++)
		names[count++] = action_name(&in->actions[i]);
	return compare_texts(in, n, names, count);
}

/* Where an action puts the message, or whom it tells. */
static struct view
target_of(const struct sieve_action *a)
{
	switch (a->kind) {
	case SIEVE_KEEP:
		return VIEW_LIT("INBOX");
	case SIEVE_FILEINTO:
		return a->u.fileinto.mailbox.name;
	case SIEVE_REDIRECT:
		return a->u.redirect.address;
	case SIEVE_REJECT:
		return a->u.reject.reason;
	case SIEVE_VACATION:
		return a->u.vacation.to;
	case SIEVE_NOTIFY:
		return a->u.notify.method;
	case SIEVE_DISCARD:
		break;
	}
	return VIEW_LIT("");
}

/* test_result_target, which is ours: like test_result_action, of where the
 * actions go, and then "implicit keep" when that is in force. */
static bool
test_target(struct interp *in, const struct script_node *n)
{
	const struct script_tag *index = script_tag(n, &tags[TAG_INDEX]);
	size_t count = in->n_actions + !in->keep_cancelled;
	struct compare c;

	compare_begin(&c, in, n);
	for (size_t i = 0; i < count; i++) {
		struct view v = i < in->n_actions ? target_of(&in->actions[i])
						  : VIEW_LIT("implicit keep");

		if (index != NULL && index->param->number != i + 1)
			continue;
		if (compare_value(&c, v))
			break;
	}
	return compare_end(&c);
}

static bool
test_error(struct interp *in, const struct script_node *n)
{
	const char *texts[SIEVE_ERRORS_MAX + 1];
	struct world *w = world_of(in);
	size_t count = 0;

	while (count < w->errors.n) {
		texts[count] = w->errors.e[count].text;
		count++;
	}
	if (w->more_errors)
		texts[count++] = "the script has errors";
	return compare_texts(in, n, texts, count);
}

/* ---- the world ---- */

static enum ext_flow
run_mailbox_create(struct interp *in, const struct script_node *n)
{
	(void)world_mailbox(
	    world_of(in), keep(in, interp_string(in, n->arg[0])), true);
	return EXT_NEXT;
}

static enum ext_flow
run_metadata_set(struct interp *in, const struct script_node *n)
{
	const struct script_tag *t = script_tag(n, &tags[TAG_OF_MAILBOX]);
	struct view mailbox = { NULL, 0 };
	struct world *w = world_of(in);

	if (t != NULL)
		mailbox = keep(in, interp_string(in, t->param));
	world_set(w, &w->metadata, mailbox,
	    keep(in, interp_string(in, n->arg[0])),
	    keep(in, interp_string(in, n->arg[1])));
	return EXT_NEXT;
}

static enum ext_flow
run_config_set(struct interp *in, const struct script_node *n)
{
	struct world *w = world_of(in);

	world_set(w, &w->settings, (struct view){ NULL, 0 },
	    keep(in, interp_string(in, n->arg[0])),
	    keep(in, interp_string(in, n->arg[1])));
	return EXT_NEXT;
}

static enum ext_flow
run_config_unset(struct interp *in, const struct script_node *n)
{
	struct world *w = world_of(in);

	world_set(w, &w->settings, (struct view){ NULL, 0 },
	    keep(in, interp_string(in, n->arg[0])), VIEW_LIT(""));
	return EXT_NEXT;
}

/* Settings take effect. */
static enum ext_flow
run_config_reload(struct interp *in, const struct script_node *n)
{
	struct world *w = world_of(in);

	(void)n;
	w->user = world_setting(w, "sieve_user_email");
	in->env.addresses = &w->user;
	in->env.n_addresses = w->user.n > 0;
	return EXT_NEXT;
}

static enum ext_flow
run_nothing(struct interp *in, const struct script_node *n)
{
	(void)in;
	(void)n;
	return EXT_NEXT;
}

static bool
test_nothing(struct interp *in, const struct script_node *n)
{
	(void)in;
	(void)n;
	return true;
}

static struct view
space_get(struct interp *in, struct view name)
{
	if (view_eq_ci(name, VIEW_LIT("path")))
		return world_of(in)->host->path;
	return (struct view){ NULL, 0 };
}

static bool
space_check(struct checker *c, struct view name, bool write)
{
	(void)c;
	return !write && view_eq_ci(name, VIEW_LIT("path"));
}

static const struct ext_tag tags[] = {
	[TAG_SMTP] = { .name = "smtp",
	    .commands = "test_message",
	    .group = "where" },
	[TAG_FOLDER] = { .name = "folder",
	    .commands = "test_message",
	    .param = EXT_STRING,
	    .group = "where" },
	[TAG_MAILBOX] = { .name = "mailbox",
	    .commands = "test_message",
	    .param = EXT_STRING,
	    .group = "where" },
	[TAG_INDEX] = { .name = "index",
	    .commands = "test_error test_result_action test_result_target",
	    .param = EXT_NUMBER },
	[TAG_APPEND] = { .name = "append_result",
	    .commands = "test_script_run" },
	[TAG_EXTENSION] = { .name = "extension",
	    .commands = "test_config_reload",
	    .param = EXT_STRING },
	[TAG_OF_MAILBOX] = { .name = "mailbox",
	    .commands = "test_imap_metadata_set",
	    .param = EXT_STRING },
};

static const struct ext_command commands[] = {
	{ .name = "test", .args = "s", .block = true, .run = run_test },
	{ .name = "test_fail", .args = "s", .run = run_test_fail },
	{ .name = "test_set", .args = "ss", .run = run_test_set },
	{ .name = "test_message", .args = "n", .run = run_test_message },
	{ .name = "test_result_reset", .run = run_result_reset },
	{ .name = "test_result_print", .run = run_nothing },
	{ .name = "test_mailbox_create",
	    .args = "s",
	    .run = run_mailbox_create },
	{ .name = "test_imap_metadata_set",
	    .args = "ss",
	    .run = run_metadata_set },
	{ .name = "test_config_set", .args = "ss", .run = run_config_set },
	{ .name = "test_config_unset", .args = "s", .run = run_config_unset },
	{ .name = "test_config_reload", .run = run_config_reload },
	{ .name = "test_binary_save", .args = "s", .run = run_nothing },
	{ .name = "test_binary_load", .args = "s", .run = run_nothing },
};

static const struct ext_command tests[] = {
	{ .name = "test_script_compile", .args = "s", .test = test_compile },
	{ .name = "test_script_run", .test = test_run },
	{ .name = "test_multiscript", .args = "l", .test = test_multiscript },
	{ .name = "test_result_execute", .test = test_execute },
	{ .name = "test_result_action",
	    .args = "l",
	    .flags = EXT_MATCH,
	    .test = test_action },
	{ .name = "test_result_target",
	    .args = "l",
	    .flags = EXT_MATCH,
	    .test = test_target },
	{ .name = "test_error",
	    .args = "l",
	    .flags = EXT_MATCH,
	    .test = test_error },
	{ .name = "test_message", .args = "n", .test = test_test_message },
	{ .name = "test_config_reload", .test = test_nothing },
};

const struct ext ext_testsuite = {
	.name = "vnd.dovecot.testsuite",
	.flags = EXT_TEST | EXT_UNLISTED,
	.commands = commands,
	.n_commands = EXT_COUNT(commands),
	.tests = tests,
	.n_tests = EXT_COUNT(tests),
	.tags = tags,
	.n_tags = EXT_COUNT(tags),
	.space = "tst",
	.space_check = space_check,
	.space_get = space_get,
};

static const struct view default_message =
    VIEW_LIT("From: sender@example.com\r\n"
	     "To: recipient@example.org\r\n"
	     "Subject: Frop!\r\n"
	     "\r\n"
	     "Friep!\r\n");

static void
run_program(const struct sieve_program *p, const struct testsuite_host *host)
{
	AUTO_SIEVE_RESULT struct sieve_result r = { .n_actions = 0 };
	struct world w;
	struct sieve_env env = {
		.message = default_message,
		.calls = &world_calls,
		.ctx = &w,
		.testsuite = &w,
		.now = host->now,
	};

	world_init(&w, host);
	w.message = env.message;
	world_envelope(&w, env.message, &env);
	sieve_run(p, &env, &r);
	if (r.end != SIEVE_DONE)
		host->report(
		    host->ctx, VIEW_LIT(""), r.error.line, r.error.text);
	else if (w.failing)
		host->report(host->ctx, VIEW_LIT(""), w.fail_line, w.fail_text);
	world_fini(&w);
}

void
testsuite_run(struct view script, const struct testsuite_host *host)
{
	static const struct sieve_options options = { .test = true };
	AUTO_ARENA struct arena *a = arena_new(4 * SIEVE_SCRIPT_MAX);
	struct sieve_errors errors = { .n = 0 };
	struct sieve_program *p = NULL;

	/* messages in it shall have the line ends of messages */
	if (script.n <= SIEVE_SCRIPT_MAX && !tidy_lines(script, a, &script))
		script.n = 0;
	if (!sieve_compile(script, &options, &p, &errors)) {
		for (size_t i = 0; i < errors.n; i++)
			host->report(host->ctx, VIEW_LIT(""), errors.e[i].line,
			    errors.e[i].text);
		return;
	}
	run_program(p, host);
	sieve_free(&p);
}

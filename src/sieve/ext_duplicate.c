/* RFC 7352: duplicate. */
#include "sieve/duplicate.h"

#include "sieve/ext.h"
#include "sieve/interp.h"
#include "sieve/tidy.h"

enum { TAG_HEADER, TAG_UNIQUEID, TAG_HANDLE, TAG_SECONDS, TAG_LAST };

static const struct ext_tag tags[] = {
	[TAG_HEADER] = { .name = "header",
	    .commands = "duplicate",
	    .param = EXT_STRING,
	    .group = "id" },
	[TAG_UNIQUEID] = { .name = "uniqueid",
	    .commands = "duplicate",
	    .param = EXT_STRING,
	    .group = "id" },
	[TAG_HANDLE] = { .name = "handle",
	    .commands = "duplicate",
	    .param = EXT_STRING },
	[TAG_SECONDS] = { .name = "seconds",
	    .commands = "duplicate",
	    .param = EXT_NUMBER },
	[TAG_LAST] = { .name = "last", .commands = "duplicate" },
};

/* What this run has asked already: the same question has the same answer
 * (RFC 7352 section 3). */
struct asked {
	struct sieve_duplicate d[DUPLICATE_TESTS_MAX];
	bool answer[DUPLICATE_TESTS_MAX];
	struct sieve_duplicate seen[DUPLICATE_TESTS_MAX];
	size_t n;
};

/* A field's value as an id (RFC 7352 section 3.1): unfolded, decoded, without
 * blanks at its ends. Where it cannot be decoded it stays as it is: a character
 * that stands for anything would make one of ids that differ. */
static struct view
field_id(struct interp *in, struct letter_value *v)
{
	AUTO_BUF struct buf b = BUF_INIT(v->raw.n + 1);
	struct view text = letter_text(in->letter, v);

	if (text.n == 0 || memmem(text.p, text.n, "\xef\xbf\xbd", 3) == NULL)
		return header_trim(text);
	header_unfold(v->raw, &b);
	return interp_copy(in, header_trim(buf_view(&b)));
}

/* The id the test asks about; false: the message has none, or what is given as
 * the name of a field is none, which is no error (RFC 7352 section 3.1). */
static bool
unique_id(struct interp *in, const struct script_node *n, struct view *out)
{
	const struct script_tag *id = script_tag(n, &tags[TAG_UNIQUEID]);
	const struct script_tag *header = script_tag(n, &tags[TAG_HEADER]);
	struct view name = VIEW_LIT("Message-ID");
	struct letter_values l;

	if (id != NULL) {
		*out = interp_string(in, id->param);
		return out->n > 0;
	}
	if (header != NULL)
		name = interp_string(in, header->param);
	if (!tidy_is_field_name(name))
		return false;
	l = letter_fields(in->letter, name);
	if (l.n == 0)
		return false;
	*out = field_id(in, l.v[0]);
	return out->n > 0;
}

static bool
ask(struct interp *in, const struct script_node *n, struct asked *s,
    const struct sieve_duplicate *d)
{
	bool answer;

	for (size_t i = 0; i < s->n; i++)
		if (view_eq(s->d[i].id, d->id) &&
		    view_eq(s->d[i].handle, d->handle))
			return s->answer[i];
	if (s->n == DUPLICATE_TESTS_MAX) {
		interp_fail(in, n, "too many duplicate tests");
		return false;
	}
	answer = in->calls->seen != NULL && in->calls->seen(in->env.ctx, d);
	s->d[s->n] = *d;
	s->answer[s->n++] = answer;
	/* an old one lives on only when counted from its latest appearance */
	if (!answer || d->last) {
		in->seen = s->seen;
		s->seen[in->n_seen++] = *d;
	}
	return answer;
}

extern const struct ext ext_duplicate;

static bool
test_duplicate(struct interp *in, const struct script_node *n)
{
	const struct script_tag *handle = script_tag(n, &tags[TAG_HANDLE]);
	const struct script_tag *seconds = script_tag(n, &tags[TAG_SECONDS]);
	struct asked *s = interp_state(in, &ext_duplicate, sizeof(*s));
	struct sieve_duplicate d = { .seconds = DUPLICATE_SECONDS_DEFAULT };

	if (s == NULL || !unique_id(in, n, &d.id))
		return false;
	if (handle != NULL)
		d.handle = interp_string(in, handle->param);
	if (seconds != NULL)
		d.seconds = seconds->param->number;
	if (d.seconds == 0) /* RFC 7352 section 3.3 */
		return false;
	if (d.seconds > DUPLICATE_SECONDS_MAX)
		d.seconds = DUPLICATE_SECONDS_MAX;
	d.last = script_tag(n, &tags[TAG_LAST]) != NULL;
	return ask(in, n, s, &d);
}

static const struct ext_command tests[] = {
	{ .name = "duplicate", .test = test_duplicate },
};

const struct ext ext_duplicate = {
	.name = "duplicate",
	.tests = tests,
	.n_tests = EXT_COUNT(tests),
	.tags = tags,
	.n_tags = EXT_COUNT(tags),
};

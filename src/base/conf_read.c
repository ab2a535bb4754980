#include "base/conf_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "base/fd.h"
#include "base/num.h"
#include "base/utf8.h"

/* The language: lines, then values by type. A line with an error is told and
 * left out; reading goes on with the next. */

struct reader {
	struct conf *c;
	struct conf_place at;
	struct conf_head head;
	bool in_section; /* head is set */
	bool skipping;   /* in a section that was wrong: say no more about it */
};

static bool
is_blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

static void
skip_blank(struct view *v)
{
	while (v->n > 0 && is_blank(v->p[0]))
		view_skip(v, 1);
}

static struct view
trim_end(struct view v)
{
	while (v.n > 0 && is_blank(v.p[v.n - 1]))
		v.n--;
	return v;
}

/* Nothing, or a comment. */
static bool
is_end(struct view v)
{
	skip_blank(&v);
	return v.n == 0 || v.p[0] == '#';
}

/* Lower-case letters, digits and hyphens. */
static struct view
take_word(struct view *in)
{
	size_t n = 0;

	while (n < in->n &&
	    ((in->p[n] >= 'a' && in->p[n] <= 'z') ||
		(in->p[n] >= '0' && in->p[n] <= '9') || in->p[n] == '-'))
		n++;
	view_skip(in, n);
	return (struct view){ in->p - n, n };
}

static bool
is_name(struct view v)
{
	for (size_t i = 0; i < v.n; i++) {
		uint8_t c = v.p[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			(c >= '0' && c <= '9') || c == '.' || c == '_' ||
			c == '@' || c == '-'))
			return false;
	}
	return v.n > 0 && v.n <= CONF_NAME_MAX;
}

/* Nearest names */

/* Changes, insertions, deletions and swaps of neighbours that make b of a;
 * both at most CONF_NAME_MAX bytes. */
static size_t
distance(struct view a, struct view b)
{
	size_t row[3][CONF_NAME_MAX + 1];
	size_t *before = row[0], *last = row[1], *now = row[2];

	for (size_t k = 0; k <= b.n; k++)
		last[k] = k;
	for (size_t i = 1; i <= a.n; i++) {
		size_t *t = before;

		now[0] = i;
		for (size_t k = 1; k <= b.n; k++) {
			bool same = a.p[i - 1] == b.p[k - 1];
			size_t d = last[k - 1] + !same;

			d = last[k] + 1 < d ? last[k] + 1 : d;
			d = now[k - 1] + 1 < d ? now[k - 1] + 1 : d;
			if (i > 1 && k > 1 && a.p[i - 1] == b.p[k - 2] &&
			    a.p[i - 2] == b.p[k - 1] && before[k - 2] + 1 < d)
				d = before[k - 2] + 1;
			now[k] = d;
		}
		before = last;
		last = now;
		now = t;
	}
	return last[b.n];
}

const char *
conf_impl_nearest(struct view v, const char *(*fn)(const void *ctx, size_t i),
    const void *ctx)
{
	size_t best = (v.n + 2) / 3 + 1;
	const char *found = NULL, *name;

	if (v.n > CONF_NAME_MAX)
		return NULL;
	for (size_t i = 0; (name = fn(ctx, i)) != NULL; i++) {
		struct view n = view_str(name);
		size_t d = n.n <= CONF_NAME_MAX ? distance(v, n) : best;

		if (d < best) {
			best = d;
			found = name;
		}
	}
	return found;
}

static const char *
section_at(const void *ctx, size_t i)
{
	const struct conf_schema *s = ctx;

	return i < s->section_count ? s->sections[i].section : NULL;
}

/* The keys of one section. */
struct keys {
	const struct conf_schema *schema;
	const char *section;
};

static const char *
key_at(const void *ctx, size_t i)
{
	const struct keys *k = ctx;

	for (size_t at = 0; at < k->schema->setting_count; at++) {
		const struct conf_setting *s = &k->schema->settings[at];

		if (strcmp(s->section, k->section) == 0 && i-- == 0)
			return s->key;
	}
	return NULL;
}

static const char *
name_at(const void *ctx, size_t i)
{
	return ((const char *const *)ctx)[i];
}

static bool
suggest(struct conf *c, struct conf_place at, const char *what, struct view v,
    const char *near)
{
	char shown[CONF_SHOWN_MAX];

	conf_impl_shown(v, shown);
	if (near != NULL)
		conf_impl_error(c, at, "unknown %s %s, did you mean \"%s\"?",
		    what, shown, near);
	else
		conf_impl_error(c, at, "unknown %s %s", what, shown);
	return false;
}

/* Values */

/* What is wrong with a value; always false. */
static bool
bad_value(struct conf *c, struct conf_place at, const struct conf_setting *s,
    struct view v, const char *wants)
{
	char shown[CONF_SHOWN_MAX];

	conf_impl_error(c, at, "%s: %s is not %s", s->key,
	    conf_impl_shown(v, shown), wants);
	return false;
}

/* Bytes up to the closing quote of v, which begins behind the opening one;
 * v.n when there is none. */
static size_t
quoted_size(struct view v)
{
	size_t n = 0;

	while (n < v.n && v.p[n] != '"')
		n += v.p[n] == '\\' && v.n - n > 1 ? 2 : 1;
	return n;
}

/* What stands for ch behind a "\"; 0: nothing. */
static char
unescape(uint8_t ch)
{
	switch (ch) {
	case '"':
	case '\\':
		return (char)ch;
	case 'n':
		return '\n';
	case 't':
		return '\t';
	default:
		return 0;
	}
}

/* quoted = DQUOTE *( char / "\" ( DQUOTE / "\" / "n" / "t" ) ) DQUOTE */
static const char *
take_quoted(struct conf *c, struct view *in, const char **error)
{
	size_t size = quoted_size(view_sub(*in, 1, SIZE_MAX)), n = 0;
	struct view v = view_sub(*in, 1, size);
	char *out;

	if (size == in->n - 1) {
		*error = "the closing quote is missing";
		return NULL;
	}
	if ((out = arena_alloc(c->arena, size + 1)) == NULL) {
		*error = "the configuration is too large";
		return NULL;
	}
	view_skip(in, size + 2);
	for (; v.n > 0; view_skip(&v, 1)) {
		char ch = (char)v.p[0];

		if (ch == '\\') {
			view_skip(&v, 1);
			ch = unescape(v.p[0]);
		}
		if (ch == 0) {
			*error = "only \\\" \\\\ \\n and \\t are "
				 "understood after a \\";
			return NULL;
		}
		out[n++] = ch;
	}
	return out;
}

static const char *
take_bare(struct conf *c, struct view *in, bool list, const char **error)
{
	size_t n = 0;
	struct view v;
	const char *text;

	while (n < in->n && !(list && in->p[n] == ',') &&
	    !(in->p[n] == '#' && (n == 0 || is_blank(in->p[n - 1]))))
		n++;
	v = trim_end(view_sub(*in, 0, n));
	view_skip(in, n);
	if (v.n > 0 && memchr(v.p, '"', v.n) != NULL)
		*error = "a quote may stand only at the start of a value";
	else if (v.n > 0 && v.p[v.n - 1] == '\\')
		*error = "lines are not continued; a value that ends with \\ "
			 "is written in quotes";
	else if ((text = arena_strdup(c->arena, v)) == NULL)
		*error = "the configuration is too large";
	else
		return text;
	return NULL;
}

/* value, or for a list: [ value *( "," value ) ]; the items as C strings. */
static bool
take_items(struct conf *c, struct view in, bool list, struct conf_value *out,
    const char **error)
{
	const char *items[CONF_LIST_MAX];
	const char **kept;
	size_t n = 0;

	skip_blank(&in);
	for (bool more = !(list && is_end(in)); more;) {
		bool quoted;

		skip_blank(&in);
		quoted = in.n > 0 && in.p[0] == '"';
		if (n == CONF_LIST_MAX) {
			*error = "too many items in the list";
			return false;
		}
		items[n] = quoted ? take_quoted(c, &in, error)
				  : take_bare(c, &in, list, error);
		if (items[n] == NULL)
			return false;
		if (list && !quoted && items[n][0] == '\0') {
			*error = "an item of the list is empty";
			return false;
		}
		n++;
		skip_blank(&in);
		more = list && in.n > 0 && in.p[0] == ',';
		if (more)
			view_skip(&in, 1);
	}
	if (!is_end(in)) {
		*error = "something stands behind the closing quote";
		return false;
	}
	if ((kept = arena_alloc(c->arena, (n + 1) * sizeof(*kept))) == NULL) {
		*error = "the configuration is too large";
		return false;
	}
	memcpy(kept, items, n * sizeof(*kept));
	out->items = kept;
	out->n = n;
	return true;
}

static bool
take_bool(struct view v, uint64_t *out)
{
	static const char *const words[] = { "no", "yes", "off", "on", "false",
		"true" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (view_eq(v, view_str(words[i]))) {
			*out = i % 2;
			return true;
		}
	}
	return false;
}

struct unit {
	const char *name;
	uint64_t times;
};

static const struct unit size_units[] = { { "", 1 }, { "K", 1 << 10 },
	{ "M", 1 << 20 }, { "G", 1 << 30 }, { "T", UINT64_C(1) << 40 },
	{ NULL, 0 } };
static const struct unit time_units[] = { { "ms", 1 }, { "s", 1000 },
	{ "m", 60 * 1000 }, { "h", 3600 * 1000 }, { "d", 86400 * 1000 },
	{ "w", UINT64_C(7) * 86400 * 1000 }, { NULL, 0 } };
static const struct unit no_units[] = { { "", 1 }, { NULL, 0 } };

/* number unit */
static bool
take_amount(struct view v, const struct unit *units, uint64_t *out)
{
	uint64_t n;

	if (!num_take(&v, UINT64_MAX, &n))
		return false;
	if (n == 0 && v.n == 0) {
		*out = 0;
		return true;
	}
	for (; units->name != NULL; units++) {
		if (view_eq(v, view_str(units->name)))
			return !__builtin_mul_overflow(n, units->times, out);
	}
	return false;
}

static bool
in_range(struct conf *c, struct conf_place at, const struct conf_setting *s,
    struct view v, uint64_t n)
{
	char shown[CONF_SHOWN_MAX], text[128] = "";
	AUTO_BUF struct buf range = BUF_INIT(sizeof(text) - 1);

	if (n >= s->min && (s->max == 0 || n <= s->max))
		return true;
	conf_impl_range(&range, s);
	memcpy(text, range.p, range.n);
	conf_impl_error(c, at, "%s: %s is out of range, allowed is%s", s->key,
	    conf_impl_shown(v, shown), text);
	return false;
}

static bool
number(struct conf *c, struct conf_place at, const struct conf_setting *s,
    const struct unit *units, const char *wants, struct conf_value *out)
{
	struct view v = view_str(out->items[0]);

	if (v.n == 0 && s->def == NULL && out->reading == 0)
		out->num = 0; /* the default of a setting without one */
	else if (!take_amount(v, units, &out->num))
		return bad_value(c, at, s, v, wants);
	return in_range(c, at, s, v, out->num);
}

static bool
enumerated(struct conf *c, struct conf_place at, const struct conf_setting *s,
    struct conf_value *out)
{
	struct view v = view_str(out->items[0]);
	char what[CONF_NAME_MAX + 16];

	for (size_t i = 0; s->names[i] != NULL; i++) {
		if (view_eq(v, view_str(s->names[i]))) {
			out->num = i;
			return true;
		}
	}
	(void)snprintf(what, sizeof(what), "value of %s", s->key);
	return suggest(c, at, what, v, conf_impl_nearest(v, name_at, s->names));
}

/* Make num of the items, as the type wants it. */
static bool
convert(struct conf *c, struct conf_place at, const struct conf_setting *s,
    struct conf_value *out)
{
	struct view v = view_str(out->n > 0 ? out->items[0] : "");

	switch (s->type) {
	case CONF_BOOL:
		if (v.n == 0 && s->def == NULL && out->reading == 0)
			return true;
		return take_bool(v, &out->num) ||
		    bad_value(c, at, s, v, "yes or no");
	case CONF_INT:
		return number(c, at, s, no_units, "a number", out);
	case CONF_SIZE:
		return number(c, at, s, size_units,
		    "a size, such as 512, 64K, 10M, 2G or 1T", out);
	case CONF_DURATION:
		return number(c, at, s, time_units,
		    "a time, such as 500ms, 10s, 5m, 2h, 14d or 1w", out);
	case CONF_STRING:
		return in_range(c, at, s, v, v.n);
	case CONF_PATH:
		return v.n == 0 || v.p[0] == '/' ||
		    bad_value(c, at, s, v, "a path that begins with /");
	case CONF_LIST:
		return in_range(c, at, s, v, out->n);
	case CONF_ENUM:
		return enumerated(c, at, s, out);
	}
	return false;
}

bool
conf_impl_value(struct conf *c, struct conf_place at,
    const struct conf_setting *s, struct view text, struct conf_value *out)
{
	const char *error = NULL;

	if (!take_items(c, text, s->type == CONF_LIST, out, &error)) {
		conf_impl_error(c, at, "%s: %s", s->key, error);
		return false;
	}
	return convert(c, at, s, out);
}

/* Lines */

/* header = "[" section [ " " name ] "]" */
static bool
parse_header(struct view line, struct view *section, struct view *name)
{
	const uint8_t *end = memchr(line.p, ']', line.n);
	struct view in;

	if (end == NULL)
		return false;
	in = view_sub(line, 1, (size_t)(end - line.p) - 1);
	view_skip(&line, in.n + 2);
	*section = take_word(&in);
	skip_blank(&in);
	*name = trim_end(in);
	return section->n > 0 && is_end(line);
}

static bool
read_header(struct reader *r, struct view line)
{
	const struct conf_schema *schema = r->c->schema;
	const struct conf_section *s;
	struct view section, name;
	char shown[CONF_SHOWN_MAX];

	if (!parse_header(line, &section, &name)) {
		conf_impl_error(r->c, r->at,
		    "a section is written [section] or "
		    "[section name]");
		return false;
	}
	if ((s = conf_impl_section(schema, section)) == NULL)
		return suggest(r->c, r->at, "section", section,
		    conf_impl_nearest(section, section_at, schema));
	if (!s->named && name.n > 0) {
		conf_impl_error(r->c, r->at, "[%s] takes no name", s->section);
		return false;
	}
	if (s->named && !is_name(name)) {
		conf_impl_error(r->c, r->at,
		    "[%s] needs a name of 1 to %d letters, digits and ._@-, "
		    "not %s",
		    s->section, CONF_NAME_MAX, conf_impl_shown(name, shown));
		return false;
	}
	return conf_impl_head(r->c, r->at, s, name, &r->head);
}

/* The key is not in this section: is it in another, or nearly in this one? */
static void
unknown_key(struct reader *r, struct view key)
{
	const struct conf_schema *schema = r->c->schema;
	const char *section = r->head.section->section;
	struct keys keys = { schema, section };
	const char *near = conf_impl_nearest(key, key_at, &keys);

	for (size_t i = 0; i < schema->setting_count && near == NULL; i++) {
		const struct conf_setting *s = &schema->settings[i];

		if (view_eq(key, view_str(s->key))) {
			conf_impl_error(r->c, r->at,
			    "\"%s\" belongs into [%s], not into [%s]", s->key,
			    s->section, section);
			return;
		}
	}
	(void)suggest(r->c, r->at, "key", key, near);
}

/* setting = key "=" value */
static void
read_setting(struct reader *r, struct view line)
{
	struct conf_value v = { .file = r->at.file,
		.line = r->at.line,
		.reading = r->c->readings,
		.name = r->head.name };
	struct view key = take_word(&line);

	skip_blank(&line);
	if (key.n == 0 || line.n == 0 || line.p[0] != '=') {
		conf_impl_error(r->c, r->at,
		    "neither [section], key = value nor # comment");
		return;
	}
	view_skip(&line, 1);
	if (!r->in_section) {
		if (!r->skipping)
			conf_impl_error(
			    r->c, r->at, "a setting before the first section");
		return;
	}
	v.setting =
	    conf_impl_setting(r->c->schema, r->head.section->section, key);
	if (v.setting == NULL)
		unknown_key(r, key);
	else if (conf_impl_value(r->c, r->at, v.setting, line, &v))
		conf_impl_store(r->c, r->at, &v);
}

/* Is it text at all? */
static bool
check_text(struct reader *r, struct view line)
{
	if (line.n > CONF_LINE_MAX) {
		conf_impl_error(
		    r->c, r->at, "longer than %d bytes", CONF_LINE_MAX);
		return false;
	}
	if (!utf8_valid(line)) {
		conf_impl_error(r->c, r->at, "not valid UTF-8");
		return false;
	}
	for (size_t i = 0; i < line.n; i++) {
		if ((line.p[i] < ' ' && line.p[i] != '\t') ||
		    line.p[i] == 0x7f) {
			conf_impl_error(r->c, r->at,
			    "a control character (0x%02x)", line.p[i]);
			return false;
		}
	}
	return true;
}

static void
read_line(struct reader *r, struct view line)
{
	if (line.n > 0 && line.p[line.n - 1] == '\r')
		line.n--;
	if (!check_text(r, line) || is_end(line))
		return;
	if (is_blank(line.p[0])) {
		conf_impl_error(r->c, r->at,
		    "begins with a blank; lines are not continued");
	} else if (line.p[0] == '[') {
		r->in_section = read_header(r, line);
		r->skipping = !r->in_section;
	} else {
		read_setting(r, line);
	}
}

bool
conf_read(struct conf *c, struct view text, const char *file)
{
	struct reader r = { .c = c, .at = { file, 0 } };
	size_t before = c->error_count;
	const char *name = arena_strdup(c->arena, view_str(file));

	c->readings++;
	if (name == NULL || text.n > CONF_FILE_MAX) {
		conf_impl_error(c, r.at, "longer than %d bytes", CONF_FILE_MAX);
		return false;
	}
	r.at.file = name;
	while (text.n > 0) {
		const uint8_t *lf = memchr(text.p, '\n', text.n);
		size_t n = lf != NULL ? (size_t)(lf - text.p) : text.n;

		r.at.line++;
		read_line(&r, view_sub(text, 0, n));
		view_skip(&text, n + (lf != NULL));
	}
	return c->error_count == before;
}

/* The whole file, or one byte more than is allowed. */
static int
slurp(const char *path, struct buf *out)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd == -1)
		return -errno;
	while (out->n <= CONF_FILE_MAX) {
		uint8_t *p = buf_reserve(out, 4096);
		ssize_t n = p != NULL ? read(fd, p, 4096) : 0;

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -errno;
		if (n == 0)
			return 0;
		out->n += (size_t)n;
	}
	return 0;
}

bool
conf_read_file(struct conf *c, const char *path)
{
	AUTO_BUF struct buf text = BUF_INIT(CONF_FILE_MAX + 8192);
	int r;

	if ((r = slurp(path, &text)) != 0) {
		conf_impl_error(
		    c, (struct conf_place){ path, 0 }, "%s", strerror(-r));
		return false;
	}
	return conf_read(c, buf_view(&text), path);
}

bool
conf_set(struct conf *c, const char *section, const char *name, const char *key,
    struct view value, const char *origin)
{
	struct reader r = { .c = c, .at = { origin, 0 } };
	struct view sec = view_str(section), k = view_str(key);
	const struct conf_section *s = conf_impl_section(c->schema, sec);
	struct conf_value v = { .reading = ++c->readings };

	if (s == NULL)
		return suggest(c, r.at, "section", sec,
		    conf_impl_nearest(sec, section_at, c->schema));
	if (s->named != (name != NULL) ||
	    (name != NULL && !is_name(view_str(name)))) {
		conf_impl_error(c, r.at, "[%s] %s", section,
		    s->named ? "needs a name" : "takes no name");
		return false;
	}
	r.head.section = s;
	v.setting = conf_impl_setting(c->schema, section, k);
	if (v.setting == NULL) {
		unknown_key(&r, k);
		return false;
	}
	if (!check_text(&r, value) ||
	    !conf_impl_value(c, r.at, v.setting, value, &v) ||
	    !conf_impl_head(
		c, r.at, s, view_str(name != NULL ? name : ""), &r.head))
		return false;
	v.name = r.head.name;
	if ((v.file = arena_strdup(c->arena, view_str(origin))) == NULL)
		v.file = "";
	return conf_impl_store(c, r.at, &v);
}

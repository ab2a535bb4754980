#include <assert.h>

#include "base/conf_impl.h"

/* Printing: the file that says what is in force, and the manual page. */

#define COLUMNS 78

/* n in the largest unit that leaves nothing over. */
static void
put_amount(struct buf *out, enum conf_type type, uint64_t n)
{
	static const struct {
		const char *name;
		uint64_t times;
	} sizes[] = { { "T", UINT64_C(1) << 40 }, { "G", 1 << 30 },
		{ "M", 1 << 20 }, { "K", 1 << 10 }, { "", 1 } },
	  times[] = { { "w", UINT64_C(7) * 86400 * 1000 },
		  { "d", 86400 * 1000 }, { "h", 3600 * 1000 },
		  { "m", 60 * 1000 }, { "s", 1000 }, { "ms", 1 } };

	if (n > 0 && type == CONF_SIZE) {
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			if (n % sizes[i].times == 0) {
				buf_put_dec(out, n / sizes[i].times);
				buf_put_str(out, sizes[i].name);
				return;
			}
		}
	}
	if (n > 0 && type == CONF_DURATION) {
		for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
			if (n % times[i].times == 0) {
				buf_put_dec(out, n / times[i].times);
				buf_put_str(out, times[i].name);
				return;
			}
		}
	}
	buf_put_dec(out, n);
}

void
conf_impl_range(struct buf *out, const struct conf_setting *s)
{
	if (s->min > 0) {
		buf_put_str(out, s->max > 0 ? " from " : " of at least ");
		put_amount(out, s->type, s->min);
	}
	if (s->max > 0) {
		buf_put_str(out, s->min > 0 ? " to " : " up to ");
		put_amount(out, s->type, s->max);
	}
	if (s->min > 0 || s->max > 0)
		buf_put_str(out,
		    s->type == CONF_LIST         ? " items"
			: s->type == CONF_STRING ? " bytes"
						 : "");
}

/* "Number from 1 to 65535" */
static void
put_type(struct buf *out, const struct conf_setting *s)
{
	switch (s->type) {
	case CONF_BOOL:
		buf_put_str(out, "Yes or no");
		return;
	case CONF_INT:
		buf_put_str(out, "Number");
		conf_impl_range(out, s);
		return;
	case CONF_SIZE:
		buf_put_str(out, "Size");
		conf_impl_range(out, s);
		return;
	case CONF_DURATION:
		buf_put_str(out, "Time");
		conf_impl_range(out, s);
		return;
	case CONF_STRING:
		buf_put_str(out, "Text");
		conf_impl_range(out, s);
		return;
	case CONF_PATH:
		buf_put_str(out, "Path");
		return;
	case CONF_LIST:
		buf_put_str(out, "List");
		conf_impl_range(out, s);
		return;
	case CONF_ENUM:
		buf_put_str(out, "One of ");
		for (size_t i = 0; s->names[i] != NULL; i++) {
			buf_put_str(out, i > 0 ? ", " : "");
			buf_put_str(out, s->names[i]);
		}
		return;
	}
}

static bool
is_plain(const char *s)
{
	for (const char *p = s; *p != '\0'; p++) {
		if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
			(*p >= '0' && *p <= '9') ||
			strchr("._@/:+-", *p) != NULL))
			return false;
	}
	return s[0] != '\0';
}

/* A text so that it reads back as the same. */
static void
put_text(struct buf *out, const char *s)
{
	if (is_plain(s)) {
		buf_put_str(out, s);
		return;
	}
	buf_put_byte(out, '"');
	for (; *s != '\0'; s++) {
		if (*s == '"' || *s == '\\')
			buf_put_byte(out, '\\');
		if (*s == '\n')
			buf_put_str(out, "\\n");
		else if (*s == '\t')
			buf_put_str(out, "\\t");
		else
			buf_put_byte(out, (uint8_t)*s);
	}
	buf_put_byte(out, '"');
}

static void
put_value(struct buf *out, const struct conf_value *v)
{
	switch (v->setting->type) {
	case CONF_BOOL:
		buf_put_str(out, v->num != 0 ? "yes" : "no");
		return;
	case CONF_INT:
	case CONF_SIZE:
	case CONF_DURATION:
		put_amount(out, v->setting->type, v->num);
		return;
	case CONF_STRING:
	case CONF_PATH:
	case CONF_LIST:
	case CONF_ENUM:
		for (size_t i = 0; i < v->n; i++) {
			buf_put_str(out, i > 0 ? ", " : "");
			put_text(out, v->items[i]);
		}
		return;
	}
}

/* Text in lines of comment, broken at blanks. */
static void
put_comment(struct buf *out, struct view text)
{
	size_t column = 0;

	while (text.n > 0) {
		const uint8_t *sp = memchr(text.p, ' ', text.n);
		size_t n = sp != NULL ? (size_t)(sp - text.p) : text.n;

		if (column > 0 && column + 1 + n > COLUMNS) {
			buf_put_byte(out, '\n');
			column = 0;
		}
		if (column == 0) {
			buf_put_byte(out, '#');
			column = 1;
		}
		buf_put_byte(out, ' ');
		buf_put(out, view_sub(text, 0, n));
		column += 1 + n;
		view_skip(&text, n + (sp != NULL));
	}
	buf_put_byte(out, '\n');
}

/* "Size up to 1G; default 64M; set in /etc/x.conf:12." */
static void
put_facts(struct buf *out, const struct conf *c, const struct conf_value *v)
{
	const struct conf_setting *s = v->setting;
	const struct conf_value *def = &c->defaults[s - c->schema->settings];
	AUTO_BUF struct buf line = BUF_INIT(65536);

	put_type(&line, s);
	if ((s->flags & CONF_REQUIRED) != 0 && s->def == NULL) {
		buf_put_str(&line, "; no default");
	} else {
		buf_put_str(&line, "; default ");
		put_value(&line, def);
	}
	if (v->reading > 0) {
		buf_printf(&line, "; set in %s", v->file);
		if (v->line > 0)
			buf_printf(&line, ":%u", v->line);
	}
	buf_put_str(
	    &line, (s->flags & CONF_RESTART) != 0 ? ". Needs a restart." : ".");
	/* a file's name may hold anything */
	for (size_t i = 0; i < line.n; i++) {
		if (line.p[i] < ' ')
			line.p[i] = '?';
	}
	put_comment(out, buf_view(&line));
}

static void
show_setting(const struct conf *c, const struct conf_value *v, bool comment,
    struct buf *out)
{
	const struct conf_setting *s = v->setting;
	bool missing = v->reading == 0 && s->def == NULL &&
	    (s->flags & CONF_REQUIRED) != 0;

	put_comment(out, view_str(s->meaning));
	put_facts(out, c, v);
	if ((s->flags & CONF_SECRET) != 0 && v->reading > 0) {
		buf_printf(out, "# %s = (hidden)\n", s->key);
		return;
	}
	if (comment || missing)
		buf_put_str(out, "# ");
	buf_printf(out, "%s =", s->key);
	if (!missing && v->n > 0) {
		buf_put_byte(out, ' ');
		put_value(out, v);
	}
	buf_put_byte(out, '\n');
}

/* name: of the section; comment: there is none of this kind, show what one
 * would have. */
static void
show_section(const struct conf *c, const struct conf_section *sec,
    const char *name, bool comment, struct buf *out)
{
	buf_put_byte(out, '\n');
	put_comment(out, view_str(sec->meaning));
	buf_printf(out, "%s[%s%s%s]\n", comment ? "# " : "", sec->section,
	    name != NULL ? " " : "", name != NULL ? name : "");
	for (size_t i = 0; i < c->schema->setting_count; i++) {
		const struct conf_setting *s = &c->schema->settings[i];

		if (strcmp(s->section, sec->section) == 0)
			show_setting(
			    c, conf_impl_get(c, s, name), comment, out);
	}
}

void
conf_show(const struct conf *c, struct buf *out)
{
	for (size_t i = 0; i < c->schema->section_count; i++) {
		const struct conf_section *sec = &c->schema->sections[i];
		const char *name;
		size_t k = 0;

		if (!sec->named) {
			show_section(c, sec, NULL, false, out);
			continue;
		}
		for (; (name = conf_name(c, sec->section, k)) != NULL; k++)
			show_section(c, sec, name, false, out);
		if (k == 0)
			show_section(c, sec, "NAME", true, out);
	}
}

/* Text for mdoc: escaped, and never a request at the start of a line. */
static void
put_roff(struct buf *out, struct view text)
{
	if (text.n > 0 && (text.p[0] == '.' || text.p[0] == '\''))
		buf_put_str(out, "\\&");
	for (size_t i = 0; i < text.n; i++) {
		switch (text.p[i]) {
		case '\\':
			buf_put_str(out, "\\e");
			break;
		case '-':
			buf_put_str(out, "\\-");
			break;
		case '"':
			buf_put_str(out, "\\(dq");
			break;
		default:
			buf_put_byte(out, text.p[i]);
		}
	}
}

static void
man_setting(const struct conf_setting *s, struct buf *out)
{
	AUTO_BUF struct buf type = BUF_INIT(65536);

	put_type(&type, s);
	buf_put_str(out, ".It Ic \\&");
	put_roff(out, view_str(s->key));
	buf_put_byte(out, '\n');
	put_roff(out, view_str(s->meaning));
	buf_put_byte(out, '\n');
	put_roff(out, buf_view(&type));
	if ((s->flags & CONF_REQUIRED) != 0)
		buf_put_str(out, "; must be given");
	if (s->def != NULL && s->def[0] != '\0') {
		buf_put_str(out, "; default\n.Ql \\&");
		put_roff(out, view_str(s->def));
		buf_put_str(out, " .\n");
	} else {
		buf_put_str(out, ".\n");
	}
	if ((s->flags & CONF_RESTART) != 0)
		buf_put_str(out, "Needs a restart.\n");
}

void
conf_man(const struct conf_schema *schema, struct buf *out)
{
	for (size_t i = 0; i < schema->section_count; i++) {
		const struct conf_section *sec = &schema->sections[i];

		buf_printf(out, ".Ss Section [%s%s]\n", sec->section,
		    sec->named ? " NAME" : "");
		put_roff(out, view_str(sec->meaning));
		buf_put_str(out, "\n.Bl -tag -width Ds\n");
		for (size_t k = 0; k < schema->setting_count; k++) {
			if (strcmp(schema->settings[k].section, sec->section) ==
			    0)
				man_setting(&schema->settings[k], out);
		}
		buf_put_str(out, ".El\n");
	}
}

/* ---- what has changed ---- */

static bool
same_value(const struct conf_value *a, const struct conf_value *b)
{
	switch (a->setting->type) {
	case CONF_INT:
		/* without a default it may mean another when it is not given */
		return a->num == b->num &&
		    (a->setting->def != NULL ||
			(a->reading > 0) == (b->reading > 0));
	case CONF_BOOL:
	case CONF_SIZE:
	case CONF_DURATION:
	case CONF_ENUM:
		return a->num == b->num;
	case CONF_STRING:
	case CONF_PATH:
	case CONF_LIST:
		break;
	}
	for (size_t i = 0; i < a->n && i < b->n; i++)
		if (strcmp(a->items[i], b->items[i]) != 0)
			return false;
	return a->n == b->n;
}

static void
put_changed(
    struct buf *out, const char *section, const char *name, const char *key)
{
	buf_printf(out, "%s[%s%s%s]%s%s", out->n > 0 ? ", " : "", section,
	    name != NULL ? " " : "", name != NULL ? name : "",
	    key != NULL ? " " : "", key != NULL ? key : "");
}

static void
restart_section(const struct conf *running, const struct conf *now,
    const char *section, const char *name, struct buf *out)
{
	const struct conf_schema *schema = running->schema;

	for (size_t i = 0; i < schema->setting_count; i++) {
		const struct conf_setting *s = &schema->settings[i];

		if ((s->flags & CONF_RESTART) != 0 &&
		    strcmp(s->section, section) == 0 &&
		    !same_value(conf_impl_get(running, s, name),
			conf_impl_get(now, s, name)))
			put_changed(out, section, name, s->key);
	}
}

static bool
has_name(const struct conf *c, const char *section, const char *name)
{
	const char *other;

	for (size_t i = 0; (other = conf_name(c, section, i)) != NULL; i++)
		if (strcmp(other, name) == 0)
			return true;
	return false;
}

static bool
needs_restart(const struct conf_schema *schema, const char *section)
{
	for (size_t i = 0; i < schema->setting_count; i++)
		if ((schema->settings[i].flags & CONF_RESTART) != 0 &&
		    strcmp(schema->settings[i].section, section) == 0)
			return true;
	return false;
}

static void
restart_named(const struct conf *running, const struct conf *now,
    const char *section, struct buf *out)
{
	const char *name;

	for (size_t i = 0; (name = conf_name(running, section, i)) != NULL; i++)
		if (has_name(now, section, name))
			restart_section(running, now, section, name, out);
		else
			put_changed(out, section, name, NULL);
	for (size_t i = 0; (name = conf_name(now, section, i)) != NULL; i++)
		if (!has_name(running, section, name))
			put_changed(out, section, name, NULL);
}

void
conf_restart_put(
    const struct conf *running, const struct conf *now, struct buf *out)
{
	const struct conf_schema *schema = running->schema;

	assert(now->schema == schema);
	for (size_t i = 0; i < schema->section_count; i++) {
		const struct conf_section *s = &schema->sections[i];

		if (!needs_restart(schema, s->section))
			continue;
		if (s->named)
			restart_named(running, now, s->section, out);
		else
			restart_section(running, now, s->section, NULL, out);
	}
}

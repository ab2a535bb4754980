#include "base/conf.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/conf_impl.h"
#include "base/log.h"
#include "base/mem.h"

/*
 * Values are kept in one array and searched from end to end: there are some
 * hundred at most, and they are looked up when a process starts. The language
 * itself is in conf_read.c, printing in conf_text.c.
 */

struct conf *
conf_new(const struct conf_schema *schema)
{
	struct conf *c = xcalloc(1, sizeof(*c));

	c->schema = schema;
	c->arena = arena_new(CONF_ARENA_MAX);
	c->defaults = xcalloc(schema->setting_count, sizeof(*c->defaults));
	for (size_t i = 0; i < schema->setting_count; i++) {
		const struct conf_setting *s = &schema->settings[i];
		struct conf_place at = { s->key, 0 };
		bool missing =
		    s->def == NULL && (s->flags & CONF_REQUIRED) != 0;

		assert(conf_impl_section(schema, view_str(s->section)) != NULL);
		c->defaults[i].setting = s;
		if (!missing &&
		    !conf_impl_value(c, at, s,
			view_str(s->def != NULL ? s->def : ""),
			&c->defaults[i])) {
			(void)fprintf(stderr, "default of %s: %s\n", s->key,
			    c->errors[0].text);
			abort();
		}
	}
	return c;
}

void
conf_free(struct conf **cp)
{
	struct conf *c = *cp;
	size_t n;

	if (c == NULL)
		return;
	(void)conf_errors(c, &n);
	for (size_t i = 0; i < n; i++) {
		free((void *)(uintptr_t)c->errors[i].file);
		free((void *)(uintptr_t)c->errors[i].text);
	}
	arena_free(&c->arena);
	free(c->defaults);
	free(c->values);
	free(c->heads);
	free(c);
	*cp = NULL;
}

static char *
copy(const char *s)
{
	size_t n = strlen(s) + 1;

	return memcpy(xmalloc(n), s, n);
}

static void
add_error(struct conf *c, struct conf_place at, const char *text)
{
	if (c->error_count++ >= CONF_ERRORS_MAX)
		return;
	c->errors[c->error_count - 1] =
	    (struct conf_error){ copy(at.file), at.line, copy(text) };
}

void
conf_impl_error(struct conf *c, struct conf_place at, const char *fmt, ...)
{
	char text[CONF_ERROR_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	add_error(c, at, text);
}

const char *
conf_impl_shown(struct view v, char out[CONF_SHOWN_MAX])
{
	char text[LOG_VALUE_MAX];
	/* at most four bytes for one, and the quotes */
	struct view head = view_sub(v, 0, (CONF_SHOWN_MAX - 8) / 4);
	size_t n = log_escape(head, text);

	assert(n + 4 <= CONF_SHOWN_MAX);
	memcpy(out, text, n);
	memcpy(out + n, head.n < v.n ? "..." : "", head.n < v.n ? 4 : 1);
	return out;
}

const struct conf_error *
conf_errors(const struct conf *c, size_t *n)
{
	*n =
	    c->error_count < CONF_ERRORS_MAX ? c->error_count : CONF_ERRORS_MAX;
	return c->errors;
}

size_t
conf_error_count(const struct conf *c)
{
	return c->error_count;
}

void
conf_errors_put(const struct conf *c, struct buf *out)
{
	size_t n;
	const struct conf_error *e = conf_errors(c, &n);

	for (size_t i = 0; i < n; i++) {
		buf_put_str(out, e[i].file);
		if (e[i].line > 0)
			buf_printf(out, ":%u", e[i].line);
		buf_printf(
		    out, "%s%s\n", e[i].file[0] != 0 ? ": " : "", e[i].text);
	}
	if (c->error_count > n)
		buf_printf(out, "and %zu more\n", c->error_count - n);
}

const struct conf_section *
conf_impl_section(const struct conf_schema *schema, struct view name)
{
	for (size_t i = 0; i < schema->section_count; i++) {
		if (view_eq(name, view_str(schema->sections[i].section)))
			return &schema->sections[i];
	}
	return NULL;
}

const struct conf_setting *
conf_impl_setting(
    const struct conf_schema *schema, const char *section, struct view key)
{
	for (size_t i = 0; i < schema->setting_count; i++) {
		const struct conf_setting *s = &schema->settings[i];

		if (strcmp(s->section, section) == 0 &&
		    view_eq(key, view_str(s->key)))
			return s;
	}
	return NULL;
}

static bool
same_name(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static struct conf_value *
find(const struct conf *c, const struct conf_setting *s, const char *name)
{
	for (size_t i = 0; i < c->value_count; i++) {
		if (c->values[i].setting == s &&
		    same_name(c->values[i].name, name))
			return &c->values[i];
	}
	return NULL;
}

const struct conf_value *
conf_impl_get(
    const struct conf *c, const struct conf_setting *s, const char *name)
{
	const struct conf_value *v = find(c, s, name);

	return v != NULL ? v : &c->defaults[s - c->schema->settings];
}

bool
conf_impl_store(
    struct conf *c, struct conf_place at, const struct conf_value *v)
{
	struct conf_value *old = find(c, v->setting, v->name);

	if (old != NULL && old->reading == v->reading) {
		conf_impl_error(c, at, "\"%s\" is set already in line %u",
		    v->setting->key, old->line);
		return false;
	}
	if (old != NULL) {
		*old = *v;
		return true;
	}
	if (c->value_count == c->value_size) {
		c->value_size = c->value_size == 0 ? 32 : c->value_size * 2;
		c->values =
		    xrealloc(c->values, c->value_size, sizeof(*c->values));
	}
	c->values[c->value_count++] = *v;
	return true;
}

bool
conf_impl_head(struct conf *c, struct conf_place at,
    const struct conf_section *section, struct view name, struct conf_head *out)
{
	struct conf_head h = { section, NULL, at.line, c->readings };

	for (size_t i = 0; i < c->head_count; i++) {
		struct conf_head *old = &c->heads[i];

		if (old->section != section ||
		    (section->named && !view_eq(name, view_str(old->name))))
			continue;
		if (old->reading == c->readings) {
			conf_impl_error(c, at,
			    "this section began already in line %u", old->line);
			return false;
		}
		old->reading = c->readings;
		old->line = at.line;
		*out = *old;
		return true;
	}
	if (c->head_count == CONF_NAMED_MAX ||
	    (section->named &&
		(h.name = arena_strdup(c->arena, name)) == NULL)) {
		conf_impl_error(c, at, "too many sections");
		return false;
	}
	if (c->head_count == c->head_size) {
		c->head_size = c->head_size == 0 ? 16 : c->head_size * 2;
		c->heads = xrealloc(c->heads, c->head_size, sizeof(*c->heads));
	}
	c->heads[c->head_count++] = h;
	*out = h;
	return true;
}

/* Is something wrong with this one in this section? */
static void
check_required(struct conf *c, const struct conf_setting *s, const char *name)
{
	struct conf_place nowhere = { "", 0 };

	if (find(c, s, name) == NULL)
		conf_impl_error(c, nowhere, "[%s%s%s] needs \"%s\"", s->section,
		    name != NULL ? " " : "", name != NULL ? name : "", s->key);
}

bool
conf_check(struct conf *c)
{
	size_t before = c->error_count;

	for (size_t i = 0; i < c->schema->setting_count; i++) {
		const struct conf_setting *s = &c->schema->settings[i];
		const struct conf_section *section;
		const char *name;

		if ((s->flags & CONF_REQUIRED) == 0)
			continue;
		section = conf_impl_section(c->schema, view_str(s->section));
		assert(section != NULL);
		if (!section->named)
			check_required(c, s, NULL);
		for (size_t k = 0; (name = conf_name(c, s->section, k)) != NULL;
		     k++)
			check_required(c, s, name);
	}
	return c->error_count == before;
}

/* The setting a caller names, which must be in the schema. */
static const struct conf_setting *
wanted(const struct conf *c, const char *section, const char *name,
    const char *key)
{
	const struct conf_section *sec =
	    conf_impl_section(c->schema, view_str(section));
	const struct conf_setting *s =
	    conf_impl_setting(c->schema, section, view_str(key));

	assert(sec != NULL && s != NULL && sec->named == (name != NULL));
	return s;
}

void
conf_fail(struct conf *c, const char *section, const char *name,
    const char *key, const char *fmt, ...)
{
	const struct conf_setting *s = wanted(c, section, name, key);
	const struct conf_value *v = find(c, s, name);
	struct conf_place at = { v != NULL ? v->file : "",
		v != NULL ? v->line : 0 };
	char text[CONF_ERROR_TEXT_MAX];
	va_list ap;
	int n;

	n = snprintf(text, sizeof(text), "[%s%s%s] %s: ", section,
	    name != NULL ? " " : "", name != NULL ? name : "", key);
	if (n < 0 || (size_t)n >= sizeof(text))
		n = 0;
	va_start(ap, fmt);
	(void)vsnprintf(text + n, sizeof(text) - (size_t)n, fmt, ap);
	va_end(ap);
	add_error(c, at, text);
}

bool
conf_bool(const struct conf *c, const char *section, const char *name,
    const char *key)
{
	const struct conf_setting *s = wanted(c, section, name, key);

	assert(s->type == CONF_BOOL);
	return conf_impl_get(c, s, name)->num != 0;
}

uint64_t
conf_num(const struct conf *c, const char *section, const char *name,
    const char *key)
{
	const struct conf_setting *s = wanted(c, section, name, key);

	assert(s->type == CONF_INT || s->type == CONF_SIZE ||
	    s->type == CONF_DURATION);
	return conf_impl_get(c, s, name)->num;
}

const char *
conf_str(const struct conf *c, const char *section, const char *name,
    const char *key)
{
	const struct conf_setting *s = wanted(c, section, name, key);
	const struct conf_value *v = conf_impl_get(c, s, name);

	assert(s->type == CONF_STRING || s->type == CONF_PATH ||
	    s->type == CONF_ENUM);
	return v->n > 0 ? v->items[0] : "";
}

size_t
conf_enum(const struct conf *c, const char *section, const char *name,
    const char *key)
{
	const struct conf_setting *s = wanted(c, section, name, key);

	assert(s->type == CONF_ENUM);
	return conf_impl_get(c, s, name)->num;
}

const char *const *
conf_list(const struct conf *c, const char *section, const char *name,
    const char *key, size_t *n)
{
	const struct conf_setting *s = wanted(c, section, name, key);
	const struct conf_value *v = conf_impl_get(c, s, name);

	assert(s->type == CONF_LIST);
	*n = v->n;
	return v->items;
}

bool
conf_given(const struct conf *c, const char *section, const char *name,
    const char *key)
{
	return find(c, wanted(c, section, name, key), name) != NULL;
}

const char *
conf_name(const struct conf *c, const char *section, size_t i)
{
	for (size_t k = 0; k < c->head_count; k++) {
		const struct conf_section *s = c->heads[k].section;

		if (s->named && strcmp(s->section, section) == 0 && i-- == 0)
			return c->heads[k].name;
	}
	return NULL;
}

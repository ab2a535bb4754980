#ifndef BASE_CONF_IMPL_H
#define BASE_CONF_IMPL_H

/* What the files of base/conf share; nobody else includes it. */

#include "base/arena.h"
#include "base/conf.h"

/* Bytes all the values read may take together. */
#define CONF_ARENA_MAX ((size_t)16 * 1024 * 1024)
/* Bytes of one error text. */
#define CONF_ERROR_TEXT_MAX 512

struct conf_value {
	const struct conf_setting *setting;
	const char *name; /* of a named section; else NULL */
	const char *file;
	unsigned line;
	unsigned reading; /* which conf_read() it is from; 0: a default */
	const char *const *items; /* n texts; one but for a list */
	size_t n;
	uint64_t num; /* also bool (0, 1) and enum (index) */
};

/* A section header as read. */
struct conf_head {
	const struct conf_section *section;
	const char *name;
	unsigned line, reading;
};

struct conf {
	const struct conf_schema *schema;
	struct arena *arena;
	struct conf_value *defaults; /* one per setting of the schema */
	struct conf_value *values;
	size_t value_count, value_size;
	struct conf_head *heads;
	size_t head_count, head_size;
	unsigned readings;
	struct conf_error errors[CONF_ERRORS_MAX];
	size_t error_count; /* found, not kept */
};

/* Where an error is, or a value comes from. */
struct conf_place {
	const char *file;
	unsigned line;
};

void conf_impl_error(struct conf *c, struct conf_place at, const char *fmt, ...)
    A_PRINTF(3, 4);
/* v for an error text: escaped and shortened; returns out. */
#define CONF_SHOWN_MAX 96
const char *conf_impl_shown(struct view v, char out[CONF_SHOWN_MAX]);

const struct conf_section *conf_impl_section(
    const struct conf_schema *schema, struct view name);
const struct conf_setting *conf_impl_setting(
    const struct conf_schema *schema, const char *section, struct view key);
/* Nearest of the names (as fn gives them for 0, 1, … until NULL), or NULL when
 * none is near. */
const char *conf_impl_nearest(struct view v,
    const char *(*fn)(const void *ctx, size_t i), const void *ctx);

/* Read the text of a value into out->items, n and num. False after telling the
 * error. */
bool conf_impl_value(struct conf *c, struct conf_place at,
    const struct conf_setting *s, struct view text, struct conf_value *out)
    A_MUST_USE;
/* Set the value in place of an older reading's; false (told) when this reading
 * had it already. */
bool conf_impl_store(
    struct conf *c, struct conf_place at, const struct conf_value *v);
/* Find or add a section header; false after telling the error. */
bool conf_impl_head(struct conf *c, struct conf_place at,
    const struct conf_section *section, struct view name, struct conf_head *out)
    A_MUST_USE;
/* " from 1 to 65535" in the units of the type; nothing without limits. */
void conf_impl_range(struct buf *out, const struct conf_setting *s);
/* The value in force; never NULL. */
const struct conf_value *conf_impl_get(
    const struct conf *c, const struct conf_setting *s, const char *name);

#endif

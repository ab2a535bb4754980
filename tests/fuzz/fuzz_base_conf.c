#include <stdlib.h>

#include "base/conf.h"
#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const names[] = { "one", "two", NULL };

static const struct conf_section sections[] = {
	{ "server", false, "A." },
	{ "agent", true, "B." },
};

static const struct conf_setting settings[] = {
	{ "server", "text", CONF_STRING, "x", 0, 0, NULL, 0, "A." },
	{ "server", "path", CONF_PATH, "/", 0, 0, NULL, 0, "B." },
	{ "server", "flag", CONF_BOOL, "yes", 0, 0, NULL, 0, "C." },
	{ "server", "count", CONF_INT, "2", 1, 64, NULL, 0, "D." },
	{ "server", "size", CONF_SIZE, "5M", 1, 0, NULL, 0, "E." },
	{ "agent", "time", CONF_DURATION, "3m", 0, 0, NULL, 0, "F." },
	{ "agent", "list", CONF_LIST, "a, b", 0, 0, NULL, 0, "G." },
	{ "agent", "kind", CONF_ENUM, "one", 0, 0, names, 0, "H." },
};

static const struct conf_schema schema = { sections, 2, settings,
	sizeof(settings) / sizeof(settings[0]) };

/* Every error has a line of the file and text fit for a terminal. */
static void
check_errors(const struct conf *c, struct view in)
{
	size_t n, lines = 1;
	const struct conf_error *e = conf_errors(c, &n);

	for (size_t i = 0; i < in.n; i++)
		lines += in.p[i] == '\n';
	if (n > CONF_ERRORS_MAX || n > conf_error_count(c))
		abort();
	for (size_t i = 0; i < n; i++) {
		struct view t = view_str(e[i].text);

		if (e[i].line > lines || !utf8_valid(t))
			abort();
		for (size_t k = 0; k < t.n; k++) {
			if (t.p[k] < ' ')
				abort();
		}
	}
}

static void
same_text(const struct conf *a, const struct conf *b, const char *key)
{
	if (strcmp(conf_str(a, "server", NULL, key),
		conf_str(b, "server", NULL, key)) != 0)
		abort();
}

static void
same_agent(const struct conf *a, const struct conf *b, const char *name)
{
	size_t n, m;
	const char *const *x = conf_list(a, "agent", name, "list", &n);
	const char *const *y = conf_list(b, "agent", name, "list", &m);

	if (n != m || n > CONF_LIST_MAX ||
	    conf_num(a, "agent", name, "time") !=
		conf_num(b, "agent", name, "time") ||
	    conf_enum(a, "agent", name, "kind") !=
		conf_enum(b, "agent", name, "kind"))
		abort();
	for (size_t i = 0; i < n; i++) {
		if (strcmp(x[i], y[i]) != 0)
			abort();
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view in = { data, size };
	AUTO_CONF struct conf *c = conf_new(&schema);
	AUTO_CONF struct conf *again = conf_new(&schema);
	AUTO_BUF struct buf out = BUF_INIT((size_t)64 << 20);
	const char *name;

	if (conf_read(c, in, "f") != (conf_error_count(c) == 0))
		abort();
	check_errors(c, in);
	conf_show(c, &out);
	if (size > CONF_LINE_MAX / 3 || out.n > CONF_FILE_MAX)
		return 0; /* quoting may have made it too long */
	/* what is shown reads back to the same values */
	if (!conf_read(again, buf_view(&out), "shown"))
		abort();
	same_text(c, again, "text");
	same_text(c, again, "path");
	if (conf_bool(c, "server", NULL, "flag") !=
		conf_bool(again, "server", NULL, "flag") ||
	    conf_num(c, "server", NULL, "count") !=
		conf_num(again, "server", NULL, "count") ||
	    conf_num(c, "server", NULL, "count") - 1 > 63 ||
	    conf_num(c, "server", NULL, "size") !=
		conf_num(again, "server", NULL, "size"))
		abort();
	for (size_t i = 0; (name = conf_name(c, "agent", i)) != NULL; i++)
		same_agent(c, again, name);
	return 0;
}

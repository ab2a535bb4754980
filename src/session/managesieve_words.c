#include "session/managesieve.h"
#include "session/managesieve_command.h"
#include "sieve/sieve.h"

/* What the gate says too: this file knows no store. */

static void
put_line(struct buf *b, const char *name, struct view value)
{
	buf_printf(b, "\"%s\" ", name);
	managesieve_put_string(b, value);
	buf_put_str(b, "\r\n");
}

static bool
has_word(struct view list, struct view word)
{
	while (list.n > 0) {
		struct view w = { list.p, 0 };

		while (w.n < list.n && list.p[w.n] != ' ')
			w.n++;
		if (view_eq(w, word))
			return true;
		view_skip(&list, w.n < list.n ? w.n + 1 : w.n);
	}
	return false;
}

void
managesieve_capabilities_put(struct buf *b,
    const struct managesieve_settings *set, bool starttls, struct view owner)
{
	const struct sieve_options options = { .disabled = set->disabled,
		.n_disabled = set->n_disabled };
	AUTO_BUF struct buf names = BUF_INIT(65536);

	sieve_extensions(&options, &names);
	put_line(b, "IMPLEMENTATION", VIEW_LIT("fumi"));
	put_line(b, "SIEVE", buf_view(&names));
	if (has_word(buf_view(&names), VIEW_LIT("enotify")))
		put_line(b, "NOTIFY", VIEW_LIT("mailto"));
	put_line(b, "SASL", set->mechanisms);
	if (starttls)
		buf_put_str(b, "\"STARTTLS\"\r\n");
	buf_printf(b, "\"MAXREDIRECTS\" \"%d\"\r\n", SIEVE_REDIRECTS_MAX);
	if (owner.n > 0)
		put_line(b, "OWNER", owner);
	put_line(b, "VERSION", VIEW_LIT(MANAGESIEVE_VERSION));
}

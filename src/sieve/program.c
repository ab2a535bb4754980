/* From the bytes of a script to a program. */

#include "sieve/program.h"

#include "base/mem.h"
#include "sieve/checker_impl.h"

/* Errors are found command by command, outer before inner: put them in the
 * order of the script. */
static void
sort_errors(struct sieve_errors *errors)
{
	for (size_t i = 1; i < errors->n; i++) {
		struct sieve_error e = errors->e[i];
		size_t k = i;

		for (; k > 0 &&
		     (errors->e[k - 1].line > e.line ||
			 (errors->e[k - 1].line == e.line &&
			     errors->e[k - 1].column > e.column));
		     k--)
			errors->e[k] = errors->e[k - 1];
		errors->e[k] = e;
	}
}

static bool
parse_and_check(struct sieve_program *p, struct view script,
    const struct sieve_options *options, struct sieve_errors *errors)
{
	AUTO_FREE struct checker *c = xcalloc(1, sizeof(*c));
	char *copy = arena_strdup(p->arena, script);

	c->p = p;
	c->options = options;
	c->errors = errors;
	if (copy == NULL) {
		script_error(errors, 1, 1, "the script is too large");
		return false;
	}
	script = (struct view){ (const uint8_t *)copy, script.n };
	if (script_parse(script, p->arena, &p->first, errors))
		checker_run(c, p->first);
	sort_errors(errors);
	return errors->n == 0;
}

bool
sieve_compile(struct view script, const struct sieve_options *options,
    struct sieve_program **out, struct sieve_errors *errors)
{
	struct sieve_program *p;

	*out = NULL;
	errors->n = 0;
	if (script.n > SIEVE_SCRIPT_MAX) {
		script_error(errors, 1, 1, "the script has more than %zu bytes",
		    SIEVE_SCRIPT_MAX);
		return false;
	}
	p = xcalloc(1, sizeof(*p));
	p->arena = arena_new(SIEVE_PROGRAM_MAX);
	if (!parse_and_check(p, script, options, errors)) {
		sieve_free(&p);
		return false;
	}
	*out = p;
	return true;
}

void
sieve_free(struct sieve_program **p)
{
	if (*p == NULL)
		return;
	arena_free(&(*p)->arena);
	mem_free(p);
	*p = NULL;
}

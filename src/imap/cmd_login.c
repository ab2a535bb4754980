/* Commands around the login, and the two lists of words beside them. */

#include "imap/cmd.h"
#include "imap/limits.h"

/* Some clients divide the fields by commas (docs/violations.md). */
static void
skip_commas(struct lexer *lx)
{
	while (lexer_try(lx, ','))
		continue;
}

/* string SP nstring; astrings are let in */
static bool
take_id_field(struct lexer *lx, struct command_id_field *f)
{
	if (!lexer_astring(lx, &f->name))
		return false;
	skip_commas(lx);
	if (!lexer_sp(lx))
		return false;
	if (!lexer_try_word(lx, VIEW_LIT("NIL")) &&
	    !lexer_astring(lx, &f->value))
		return false;
	if (f->name.n > LIMITS_ID_FIELD || f->value.n > LIMITS_ID_VALUE)
		return lexer_fail(lx, COMMAND_LIMIT, "ID field too long");
	return true;
}

/* id = "ID" SP id-params-list
 * id-params-list = "(" [field *(SP field)] ")" / nil (RFC 2971) */
bool
cmd_id(struct lexer *lx, struct command *out)
{
	struct command_id_field *f = NULL;
	size_t n = 0, cap = 0;

	if (!lexer_sp(lx))
		return false;
	if (lexer_try_word(lx, VIEW_LIT("NIL")))
		return true;
	if (!lexer_char(lx, '('))
		return false;
	if (lexer_try(lx, ')'))
		return true;
	do {
		f = lexer_grow(
		    lx, f, n, &cap, sizeof(*f), LIMITS_ID_FIELDS, "ID fields");
		if (f == NULL || !take_id_field(lx, &f[n]))
			return false;
		n++;
		skip_commas(lx);
	} while (lexer_try(lx, ' '));
	out->u.id = (struct command_id){ f, n };
	return lexer_char(lx, ')');
}

static bool
is_base64_char(uint8_t c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	    (c >= '0' && c <= '9') || c == '+' || c == '/' || c == '=';
}

/* initial-resp = base64 / "=" ; RFC 4959 */
static bool
take_initial(struct lexer *lx, struct view *out)
{
	*out = lexer_run(lx, LEXER_ASTRING);
	if (out->n == 0)
		return lexer_fail(
		    lx, COMMAND_BAD, "expected an initial response");
	for (size_t i = 0; i < out->n; i++)
		if (!is_base64_char(out->p[i]))
			return lexer_fail(
			    lx, COMMAND_BAD, "initial response is not base64");
	if (view_eq(*out, VIEW_LIT("=")))
		out->n = 0;
	return true;
}

/* "AUTHENTICATE" SP auth-type [SP initial-resp] */
bool
cmd_authenticate(struct lexer *lx, struct command *out)
{
	struct command_authenticate *u = &out->u.authenticate;

	if (!lexer_sp(lx) || !lexer_atom(lx, "a mechanism", &u->mechanism))
		return false;
	if (u->mechanism.n > LIMITS_MECHANISM)
		return lexer_fail(lx, COMMAND_LIMIT,
		    "mechanism longer than %d bytes", LIMITS_MECHANISM);
	if (lx->in.n < 2 || lx->in.p[1] == ' ' || !lexer_try(lx, ' '))
		return true;
	u->has_initial = true;
	return take_initial(lx, &u->initial);
}

/* login = "LOGIN" SP userid SP password */
bool
cmd_login(struct lexer *lx, struct command *out)
{
	struct command_login *u = &out->u.login;

	if (!lexer_sp(lx) || !lexer_astring(lx, &u->user) || !lexer_sp(lx) ||
	    !lexer_astring(lx, &u->password))
		return false;
	if (u->user.n > LIMITS_USER || u->password.n > LIMITS_PASSWORD)
		return lexer_fail(
		    lx, COMMAND_LIMIT, "user name or password too long");
	return true;
}

/* enable = "ENABLE" 1*(SP capability) */
bool
cmd_enable(struct lexer *lx, struct command *out)
{
	struct view *v = NULL;
	size_t n = 0, cap = 0;

	if (!lexer_sp(lx))
		return false;
	do {
		v = lexer_grow(
		    lx, v, n, &cap, sizeof(*v), LIMITS_ENABLE, "capabilities");
		if (v == NULL || !lexer_atom(lx, "a capability", &v[n]))
			return false;
		n++;
	} while (lx->in.n > 1 && lx->in.p[1] != ' ' && lexer_try(lx, ' '));
	out->u.enable = (struct command_enable){ v, n };
	return true;
}

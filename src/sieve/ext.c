/* The list of extensions. */

#include "sieve/ext.h"

#include <assert.h>

#include "sieve/ext_list.h"

const struct ext *const ext_all[] = {
	&ext_core,
	&ext_core_action,
	&ext_core_header,
	&ext_fileinto,
	&ext_envelope,
	&ext_encoded_character,
	&ext_comparator_octet,
	&ext_comparator_casemap,
	&ext_comparator_numeric,
	&ext_comparator_unicode,
	&ext_copy,
	&ext_variables,
	&ext_relational,
	&ext_subaddress,
	&ext_body,
	&ext_imap4flags,
	&ext_date,
	&ext_index,
	&ext_environment,
	&ext_ihave,
	&ext_mailbox,
	&ext_vacation,
	&ext_vacation_seconds,
	&ext_editheader,
	&ext_reject,
	&ext_ereject,
	&ext_include,
	&ext_duplicate,
	&ext_mboxmetadata,
	&ext_servermetadata,
	&ext_special_use,
	&ext_foreverypart,
	&ext_mime,
	&ext_extracttext,
	&ext_replace,
	&ext_enclose,
	&ext_enotify,
	&ext_regex,
	&ext_spamtest,
	&ext_spamtestplus,
	&ext_virustest,
	&ext_extlists,
	&ext_imapsieve,
	&ext_dovecot_environment,
	&ext_dovecot_debug,
	&ext_testsuite,
	NULL,
};

_Static_assert(EXT_COUNT(ext_all) <= EXT_MAX + 1, "a bit for each");

const struct ext *
ext_find(struct view name)
{
	for (size_t i = 0; ext_all[i] != NULL; i++)
		if (ext_all[i]->name != NULL &&
		    view_eq(name, view_str(ext_all[i]->name)))
			return ext_all[i];
	return NULL;
}

unsigned
ext_number(const struct ext *e)
{
	for (unsigned i = 0;; i++) {
		assert(ext_all[i] != NULL);
		if (ext_all[i] == e)
			return i;
	}
}

bool
ext_usable(const struct ext *e, const struct sieve_options *options)
{
	if (options == NULL)
		return (e->flags & EXT_TEST) == 0;
	if ((e->flags & EXT_TEST) != 0 && !options->test)
		return false;
	for (size_t i = 0; i < options->n_disabled; i++)
		if (e->name != NULL && (e->flags & EXT_CORE) == 0 &&
		    view_eq(options->disabled[i], view_str(e->name)))
			return false;
	return true;
}

const struct ext *
ext_for_delivery(uint64_t bits)
{
	for (size_t i = 0; ext_all[i] != NULL; i++)
		if ((ext_all[i]->flags & EXT_DELIVERY) != 0 &&
		    (bits >> i & 1) != 0)
			return ext_all[i];
	return NULL;
}

void
sieve_extensions(const struct sieve_options *options, struct buf *out)
{
	bool first = true;

	for (size_t i = 0; ext_all[i] != NULL; i++) {
		const struct ext *e = ext_all[i];

		if ((e->flags & EXT_UNLISTED) != 0 || !ext_usable(e, options))
			continue;
		if (!first)
			buf_put_byte(out, ' ');
		buf_put_str(out, e->name);
		first = false;
	}
}

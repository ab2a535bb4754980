#ifndef SIEVE_EXT_LIST_H
#define SIEVE_EXT_LIST_H

#include "sieve/ext.h"

/* The tables, each in the file of its name. */
extern const struct ext ext_core; /* RFC 5228 */
extern const struct ext ext_core_action;
extern const struct ext ext_core_header;
extern const struct ext ext_fileinto;          /* ext_core_action.c */
extern const struct ext ext_envelope;          /* ext_core_header.c */
extern const struct ext ext_encoded_character; /* checker_text.c */
extern const struct ext ext_comparator_octet;  /* ext_comparator.c */
extern const struct ext ext_comparator_casemap;
extern const struct ext ext_comparator_numeric;
extern const struct ext ext_comparator_unicode;
extern const struct ext ext_copy;             /* RFC 3894 */
extern const struct ext ext_variables;        /* RFC 5229 */
extern const struct ext ext_relational;       /* RFC 5231 */
extern const struct ext ext_subaddress;       /* RFC 5233 */
extern const struct ext ext_body;             /* RFC 5173 */
extern const struct ext ext_imap4flags;       /* RFC 5232 */
extern const struct ext ext_date;             /* RFC 5260 */
extern const struct ext ext_index;            /* ext_date.c */
extern const struct ext ext_environment;      /* RFC 5183 */
extern const struct ext ext_ihave;            /* RFC 5463 */
extern const struct ext ext_mailbox;          /* RFC 5490 */
extern const struct ext ext_vacation;         /* RFC 5230 */
extern const struct ext ext_vacation_seconds; /* RFC 6131 */
extern const struct ext ext_editheader;       /* RFC 5293 */
extern const struct ext ext_reject;           /* RFC 5429 */
extern const struct ext ext_ereject;
extern const struct ext ext_include;      /* RFC 6609 */
extern const struct ext ext_duplicate;    /* RFC 7352 */
extern const struct ext ext_mboxmetadata; /* RFC 5490 */
extern const struct ext ext_servermetadata;
extern const struct ext ext_special_use;  /* RFC 8579 */
extern const struct ext ext_foreverypart; /* RFC 5703 */
extern const struct ext ext_mime;
extern const struct ext ext_extracttext;
extern const struct ext ext_replace;
extern const struct ext ext_enclose;
extern const struct ext ext_enotify;  /* RFC 5435 */
extern const struct ext ext_regex;    /* draft-murchison-sieve-regex */
extern const struct ext ext_spamtest; /* RFC 5235 */
extern const struct ext ext_spamtestplus;
extern const struct ext ext_virustest;
extern const struct ext ext_extlists;  /* RFC 6134 */
extern const struct ext ext_imapsieve; /* RFC 6785 */
extern const struct ext ext_dovecot_environment;
extern const struct ext ext_dovecot_debug;
extern const struct ext ext_testsuite;

#endif

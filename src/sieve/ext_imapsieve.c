/* RFC 6785: imapsieve. Only a name to be required: its environment items come
 * from the caller, and what is different in a run for an event is struct
 * sieve_env's imap_event. A script that requires it may run at delivery too
 * (section 4.2). */
#include "sieve/ext.h"

const struct ext ext_imapsieve = {
	.name = "imapsieve",
	.needs = "environment",
};

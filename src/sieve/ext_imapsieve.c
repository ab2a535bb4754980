/* RFC 6785: imapsieve. Only a name to be required: its environment items come
 * from the caller, who runs the script for an event. */
#include "sieve/ext.h"

const struct ext ext_imapsieve = {
	.name = "imapsieve",
	.flags = EXT_IMAP,
	.needs = "environment",
};

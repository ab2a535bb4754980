#include "session/capability.h"

#include <string.h>

const char *const capability_names[] = {
	"IMAP4rev1", "IMAP4rev2", "BINARY", /* RFC 3516 */
	"CHILDREN",                         /* RFC 3348 */
	"CREATE-SPECIAL-USE",               /* RFC 6154 */
	"ENABLE",                           /* RFC 5161 */
	"ESEARCH",                          /* RFC 4731 */
	"ID",                               /* RFC 2971 */
	"IDLE",                             /* RFC 2177 */
	"LIST-EXTENDED",                    /* RFC 5258 */
	"LIST-METADATA",                    /* RFC 9590 */
	"LIST-STATUS",                      /* RFC 5819 */
	"LITERAL+",                         /* RFC 7888 */
	"METADATA",                         /* RFC 5464 */
	"MOVE",                             /* RFC 6851 */
	"MULTIAPPEND",                      /* RFC 3502 */
	"NAMESPACE",                        /* RFC 2342 */
	"SEARCHRES",                        /* RFC 5182 */
	"SORT",                             /* RFC 5256 */
	"SPECIAL-USE",                      /* RFC 6154 */
	"STATUS=SIZE",                      /* RFC 8438 */
	"THREAD=ORDEREDSUBJECT",            /* RFC 5256 */
	"THREAD=REFERENCES",                /* RFC 5256 */
	"UIDPLUS",                          /* RFC 4315 */
	"UNSELECT",                         /* RFC 3691 */
	"WITHIN",                           /* RFC 5032 */
};
const size_t capability_count =
    sizeof(capability_names) / sizeof(capability_names[0]);
_Static_assert(
    sizeof(capability_names) / sizeof(capability_names[0]) < CAPABILITY_MAX,
    "room for one more");

size_t
capability_list(const char *more, const char *out[CAPABILITY_MAX])
{
	memcpy(out, capability_names, sizeof(capability_names));
	out[capability_count] = more;
	return capability_count + (more != NULL);
}

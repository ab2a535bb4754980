#ifndef SESSION_IMAP_METADATA_H
#define SESSION_IMAP_METADATA_H

#include "session/session.h"

/* The answer to a value that is longer than METADATA_VALUE_MAX. */
#define IMAP_METADATA_MAXSIZE "[METADATA MAXSIZE 65536] Value too large"

#endif

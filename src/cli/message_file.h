#ifndef CLI_MESSAGE_FILE_H
#define CLI_MESSAGE_FILE_H

#include "base/attrs.h"
#include "base/view.h"
#include "store/spool.h"

/*
 * Turning messages as they lie in files (LF or CRLF line ends) into messages as
 * they go over the wire (CRLF).
 */

/* Write v into the spool, each bare LF as CR LF; CR and NUL stay as they are.
 * As spool_write(). */
int message_file_spool(struct spool *s, struct view v) A_MUST_USE;

/* Drop the "From " line of an mbox at the start, if there is one. */
struct view message_file_body(struct view v);

#endif

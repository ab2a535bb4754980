#ifndef CLI_CONTROL_H
#define CLI_CONTROL_H

#include "base/conf.h"
#include "base/view.h"

/*
 * Talking to the hub of a running server over run/fumi.sock
 * (proc/msg_control.h).
 */
#define CONTROL_ANSWER_S 60 /* so long the server may take to answer */

/* A connected socket; -1 when no server is there. */
int control_connect(const struct conf *conf);

#endif

#ifndef PROC_POP3_CONF_H
#define PROC_POP3_CONF_H

#include "base/conf.h"
#include "session/pop3.h"

/* What [pop3] says, for the gate and for sessions; nothing of a connection. */
struct pop3_settings pop3_conf(const struct conf *c);

#endif

#ifndef PROC_SUBMIT_H
#define PROC_SUBMIT_H

#include "session/filter.h"

/*
 * What a session's rules send on, given to the hub as a SUBMIT (proc/msg_out.h),
 * which answers SUBMITTED with the number. For struct session_events.
 *
 * hub     SOCK_SEQPACKET to the hub
 * number  the asker's, not used for another that waits
 * o       its octets are copied into a sealed memfd
 * until   by clock_mono_ms(): so long the hub may have no room
 *
 * False: an address cannot stand in an envelope, or the hub takes nothing; then
 * there is no answer.
 */
bool submit_out(int hub, uint64_t number, const struct filter_out *o,
    uint64_t until) A_MUST_USE;

#endif

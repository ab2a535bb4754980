#ifndef PROC_SUBMIT_H
#define PROC_SUBMIT_H

#include "proc/msg_out.h"
#include "session/filter.h"

/*
 * What rules send on, given to the hub as a SUBMIT (proc/msg_out.h): by a
 * delivery process, and by an IMAP session.
 *
 * hub    SOCK_SEQPACKET to the hub, blocking or not
 * until  by clock_mono_ms(): so long is waited for the hub
 */

/* Can it stand in an envelope? */
bool submit_can_leave(const struct filter_out *o) A_MUST_USE;
/* The address, with this host for its domain when it has none, as the server that
 * took it had it in mind; then in *b. */
struct view submit_address(struct view v, struct view host, struct buf *b);
/* A memfd with the octets that nobody can change, or -1. */
int submit_sealed(struct view octets) A_MUST_USE;
/* Wait for events of poll(2). False: none has come. */
bool submit_await(int hub, short events, uint64_t until) A_MUST_USE;
/* A message of the process itself; fd stays the caller's, or -1. False: the hub
 * takes nothing. */
bool submit_put(int hub, const struct buf *b, int fd, uint64_t until)
    A_MUST_USE;
/* fd: the sealed message; stays the caller's. False: the hub takes nothing. */
bool submit_send(
    int hub, const struct msg_out_submit *m, int fd, uint64_t until) A_MUST_USE;
/*
 * All of it, for struct session_events: the hub answers SUBMITTED with the
 * number, which is not used for another that waits. False: it cannot leave, or
 * the hub takes nothing; then there is no answer.
 */
bool submit_out(int hub, uint64_t number, const struct filter_out *o,
    uint64_t until) A_MUST_USE;

#endif

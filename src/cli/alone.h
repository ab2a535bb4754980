#ifndef CLI_ALONE_H
#define CLI_ALONE_H

#include "cli/local.h"

/*
 * Delivery into an account where no server runs: the server's own delivery
 * process (proc/delivery.h), run as the owner of the mail, with this process in
 * the place of the hub and of out. So the account's rules do the same as always.
 *
 * What they send goes into out's queue, in out's form, by out's rules
 * (proc/out_take.h), and leaves when a server runs again. That takes the rights
 * of root or of the queue's owner. Without them, or when the queue cannot be
 * written, a message that is to be redirected or rejected is put off with
 * EX_TEMPFAIL, and a reply is not made; the same as when the server's out is
 * gone.
 *
 * This process becomes the owner of the queue for good. Statuses as in
 * cli/local.h.
 */
int alone_deliver(const struct conf *conf, const struct local_envelope *e,
    const struct local_message *m, struct why *w) A_MUST_USE;

#endif

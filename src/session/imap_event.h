#ifndef SESSION_IMAP_EVENT_H
#define SESSION_IMAP_EVENT_H

#include "session/session.h"
#include "sieve/sieve.h"

/*
 * IMAP events in Sieve (RFC 6785). Commands say here what they have committed;
 * when a command has been answered a script runs for each message: the one that
 * the annotation EVENT_ENTRY of the mailbox names, or else that of the server,
 * and the administrator's around it. What scripts do is a commit of its own for
 * each batch of messages, and no event again. So neither an error of a script nor
 * the time it takes touches the command, and a crash in between loses what the
 * script would have done, never the command.
 *
 * A mailbox for which no script runs costs a look at two annotations.
 */
#define EVENT_ENTRY "/shared/imapsieve/script"
#define EVENT_BATCH 64                /* messages of one commit */
#define EVENT_BATCH_BYTES (16u << 20) /* of their octets, but for one */
#define EVENT_PENDING 32              /* submissions waited for at once */
#define EVENT_SUBMIT_MS 60000         /* so long out may take for a batch */
/* What the scripts of one command may cost, as SIEVE_COST_MAX counts; past it
 * the rest of the messages gets none, which is logged. Each costs
 * EVENT_COST_EACH at least. */
#define EVENT_COST_MAX (20 * (uint64_t)SIEVE_COST_MAX)
#define EVENT_COST_EACH 1000

/* n messages came into the mailbox by APPEND. */
void event_appended(
    struct session *s, uint32_t mailbox, const uint32_t *uid, size_t n);
/* n messages, from UID first on, came into it by COPY or MOVE. */
void event_copied(
    struct session *s, uint32_t mailbox, uint32_t first, uint64_t n);
/*
 * Flags of the selected mailbox are about to be changed in the open transaction:
 * remember what that does to each message of the set. After the commit
 * event_flagged() takes those of the n runs for events; without it nothing comes
 * of it.
 */
void event_flagging(struct session *s, const struct uidset *set,
    enum tx_flags_how how, const struct store_flags *flags);
void event_flagged(struct session *s, const struct uid_run *runs, size_t n);
/* The messages of the runs have got \Seen. */
void event_seen(struct session *s, const struct uid_run *runs, size_t n);

/* Between commands: run what there is to run. Sends what is to be sent first. */
void event_run(struct session *s);
void event_fini(struct session *s);

#endif

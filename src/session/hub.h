#ifndef SESSION_HUB_H
#define SESSION_HUB_H

#include "base/attrs.h"
#include "base/view.h"

/*
 * What a running session says to the hub and hears from it: one message is one
 * packet, u32 type and fields (base/wire). The processes' own header,
 * proc/msg_session.h, has these numbers too and is the place that explains
 * them; this layer may not include it. All functions do nothing for fd -1.
 */
#define HUB_READY 0x0501u     /* no fields; the account is open */
#define HUB_COMMITTED 0x0502u /* u64 modseq */
#define HUB_CHANGED 0x0582u   /* u64 modseq */
#define HUB_SHUTDOWN 0x0583u  /* u32 length and text for behind "* BYE " */
#define HUB_SUBMITTED 0x0a82u /* u64 number, u8 result, u32 length and text */
#define HUB_TEXT_MAX 200

/* The hub that is gone or full loses the message: it looks for itself every
 * few seconds. */
void hub_ready(int fd);
void hub_committed(int fd, uint64_t modseq);

enum hub_news {
	HUB_NOTHING, /* no message waits, or none that says anything */
	HUB_NEWS,    /* the account may have changed */
	HUB_STOP,    /* say BYE with text and end; also when the hub is gone */
};
/* Of enum msg_out_result (proc/msg_out.h). */
enum hub_result {
	HUB_QUEUED = 0, /* it will be sent */
	HUB_LATER = 1,
};
/* What became of a message that was to leave. */
struct hub_answer {
	bool said;       /* false: there is none, the rest says nothing */
	uint64_t number; /* the asker's */
	uint8_t result;  /* enum hub_result */
	char text[HUB_TEXT_MAX + 1];
};
/* One message, waited for until clock_mono_ms() says until: HUB_NOTHING with
 * *answer, if it is one, or when none has come. text as below. */
enum hub_news hub_wait(
    int fd, uint64_t until, char *text, struct hub_answer *answer);
/* Take all that waits; answers that come too late are dropped. text: HUB_TEXT_MAX + 1 bytes, NUL-terminated printable
 * ASCII, set for HUB_STOP. Does not block. */
enum hub_news hub_take(int fd, char *text);

#endif

#ifndef PROC_OUT_SEND_H
#define PROC_OUT_SEND_H

#include "base/conf.h"
#include "base/log.h"
#include "proc/out_queue.h"
#include "proc/sandbox.h"

/*
 * A sender: a process of out that hands one message after the other to the next
 * server by libcurl, or to a program like sendmail. It is forked before out's
 * walls are up and has its own: the network and the names of hosts, but not the
 * queue. (One that starts a program has none but its uid: the program may be a
 * set-group-id one.) What other servers answer is read here and nowhere else.
 *
 *   out -> sender  JOB   with ID.m
 *   sender -> out  SENT  how it went with each recipient; one for each JOB
 */
enum out_send_type {
	OUT_SEND_JOB = 0x0b01,
	OUT_SEND_SENT = 0x0b81,
};

struct out_send_job {
	uint64_t number;
	uint64_t offset, size; /* of the message in the file */
	struct view sender;    /* may be empty */
	struct msg_deliver_dsn dsn;
	bool utf8; /* it came with SMTPUTF8 */
	/* for a put: those of item that wait; for a get: packed */
	const struct out_item *item;
	uint32_t n;
	struct view packed;
};
#define OUT_SEND_JOB_MAX                                                       \
	(24 + 4 + MSG_OUT_ADDRESS_MAX + MSG_DELIVER_DSN_MAX + 1 + 4 +          \
	    MSG_OUT_RECIPIENTS_MAX * (4 + MSG_OUT_ADDRESS_MAX))
void out_send_job_put(struct buf *b, const struct out_send_job *m);
bool out_send_job_get(struct wire *w, struct out_send_job *m) A_MUST_USE;

/* For each recipient of the job, in its order. */
struct out_send_fate {
	uint8_t state;    /* enum out_state; OUT_WAITING: try again later */
	uint16_t code;    /* of SMTP, 100..599; 0: no reply came */
	bool dsn;         /* sent, and job->dsn went along */
	struct view text; /* printable ASCII */
};
struct out_send_sent {
	uint64_t number;
	struct out_send_fate fate[MSG_OUT_RECIPIENTS_MAX];
	uint32_t n;
};
#define OUT_SEND_SENT_MAX                                                      \
	(8 + 4 + MSG_OUT_RECIPIENTS_MAX * (1 + 2 + 1 + 4 + OUT_QUEUE_TEXT_MAX))
void out_send_sent_put(struct buf *b, const struct out_send_sent *m);
bool out_send_sent_get(struct wire *w, struct out_send_sent *m) A_MUST_USE;

#define OUT_SEND_HOST_SIZE 256
/* The name of the server of [out] smtp; false: there is none. */
bool out_send_server(const struct conf *conf, char out[OUT_SEND_HOST_SIZE])
    A_MUST_USE;

/*
 * Fork one.
 * fd  out; SOCK_SEQPACKET, the parent's end
 * 0 or negative errno. What is wrong with the settings (login) it logs itself,
 * and ends.
 */
int out_send_fork(const struct conf *conf, struct log *log,
    enum sandbox_mode mode, int *fd) A_MUST_USE;

#endif

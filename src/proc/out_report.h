#ifndef PROC_OUT_REPORT_H
#define PROC_OUT_REPORT_H

#include "base/conf.h"
#include "proc/out_queue.h"

/*
 * Put into the queue what the sender of i must be told (out_dsn.h), from the null
 * sender.
 *
 * out  the report: it has an id that is made from that of i and its attempts, so
 *      that it is made once, however often it is asked for
 *
 * 0 or negative errno (-ENOSPC: no room), *w says at what.
 */
int out_report(struct out_queue *q, const struct conf *conf,
    const struct out_item *i, struct out_item **out, struct why *w) A_MUST_USE;

#endif

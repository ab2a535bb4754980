#include "proc/out_report.h"

#include <stdio.h>
#include <sys/mman.h>

#include "base/clock.h"
#include "base/fd.h"
#include "proc/out_dsn.h"
#include "proc/out_send.h"
#include "proc/settings.h"

static void
read_original(
    const struct out_queue *q, const struct out_item *i, struct buf *out)
{
	AUTO_CLOSE int fd = out_queue_message(q, i);
	size_t n = out_dsn_quotes(i);
	uint8_t *p = buf_reserve(out, n);

	if (fd >= 0 && p != NULL && fd_pread(fd, p, n, i->offset) == 0)
		out->n = n;
}

static int
memfd_of(const struct buf *b)
{
	int fd = memfd_create("report", MFD_CLOEXEC);

	if (fd != -1 && fd_write(fd, buf_view(b)) != 0)
		fd_close(&fd);
	return fd;
}

int
out_report(struct out_queue *q, const struct conf *conf,
    const struct out_item *i, struct out_item **out, struct why *w)
{
	AUTO_BUF struct buf text = BUF_INIT(OUT_DSN_MAX);
	AUTO_BUF struct buf original = BUF_INIT(DSN_FULL_MAX);
	char host[SETTINGS_HOST_SIZE], remote[OUT_SEND_HOST_SIZE];
	struct out_dsn d = { .item = i,
		.host = settings_host(conf, host),
		.now = clock_wall_s() };
	struct msg_out_submit m = {
		.kind = MSG_OUT_BOUNCE, .to = &i->sender, .n = 1
	};
	AUTO_CLOSE int fd = -1;
	char id[MSG_OUT_ID_MAX + 8];

	read_original(q, i, &original);
	d.original = buf_view(&original);
	if (out_send_server(conf, remote))
		d.remote = view_str(remote);
	d.zone = clock_zone(d.now);
	out_dsn(&d, &text);
	if (text.failed || (fd = memfd_of(&text)) == -1)
		return why(w, -ENOMEM, "write a report");
	/* the same when it has to be made again after a crash */
	(void)snprintf(id, sizeof(id), "%.17sb%u", i->id, i->attempts % 100000);
	return out_queue_add(q, id, &m, fd, UINT64_MAX, d.now, out, w);
}

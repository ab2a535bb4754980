/*
 * load.c - load generator for IMAP4 / POP3 / LMTP servers
 *
 * Build:  cc -O2 -Wall -o load load.c -lssl -lcrypto -lpthread
 * Usage:  load [options] COMMAND          (load -? prints the option list)
 *
 * One blocking thread per connection; messages are generated on the fly and
 * are a pure function of (index, size), so two servers loaded with the same
 * -i/-n/-s hold byte-identical mail.  Every result is one line
 *      LABEL COMMAND key=value key=value ...
 * Times are wall clock (CLOCK_MONOTONIC).  With -R PID the CPU time (srv_cpu,
 * seconds) and memory of that process and of all its descendants are reported
 * as well; give -R once per master process.  other_cpu is what the rest of the
 * machine used meanwhile: compare it with the elapsed time before trusting a
 * result.
 *
 * COMMANDS
 *  lmtp    deliver -n messages of -s bytes over -c connections, recipients
 *          round-robin over -U users.  Envelope and body are sent in three
 *          steps (MAIL+RCPT+DATA pipelined; -1 disables the pipelining).
 *          Reports msgs/s, MB/s and latency of one delivery (first byte of
 *          MAIL to the final 250).
 *  append  the same through IMAP APPEND; -M k puts k messages in one command
 *          (MULTIAPPEND).  Non-synchronising literals are used when the
 *          server announces LITERAL+; thread k logs in as user a + k % U.
 *  select  -r times SELECT of -m.  -F: new login for each; otherwise one
 *          session which re-SELECTs (the implied close is part of the time).
 *  cmd     SELECT -m (unless -m ''), then each -x command in turn, -r times
 *          each; reports ms, first-byte ms, bytes and untagged responses.
 *          -F: new login + SELECT for each repetition.
 *  cycle   connect, LOGIN, SELECT -m, FETCH 1 BODY.PEEK[], LOGOUT in a loop on
 *          -c connections during -t seconds; users round-robin over -U.
 *  idle    open -n sessions in IDLE on -m (users round-robin over -U), wait -W
 *          seconds, report PSS/RSS of the -R trees before and after, hold -t s.
 *  noidle  as idle, without SELECT and IDLE (authenticated and silent).
 *  push    -n times: deliver by LMTP (port -q), or without -q by APPEND, to
 *          user -a while that user has an IDLE session; reports the time from
 *          the final reply to the EXISTS (may be negative) and from the end of
 *          the data to the EXISTS.
 *  pop3    log in, STAT, RETR -n messages (0: all), up to -M requests in flight,
 *          the next ones sent together when half of them are answered;
 *          -c connections log in as users a, a+1, ...
 *  connect open and close (greeting only) for -t seconds on -c connections.
 *  gen     write message -i of -s bytes to stdout.
 *  maildir write messages -i .. -i + -n - 1 straight into the maildir -m (no
 *          server), to seed servers that have no fast way in.
 *  ptree   report memory and CPU of the -R trees and exit.
 *
 * NEEDLES (for SEARCH): index % 1000 == 7 has "xylophonist" in its body,
 * == 11 has "zebrafish" in its Subject, == 13 is From needleman@example.org.
 * Dates: one message every 10 minutes from 2024-01-01 on, in index order.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* ------------------------------------------------------------ options -- */

#define MAXX 64
#define MAXR 16
static struct {
	const char *host, *user, *rcpt, *pass, *mbox, *label;
	int port, lmtp_port, tls, first, users, conns, multi, repeat, fresh,
	    nopipe;
	long n, index, size;
	double secs, wait;
	const char *x[MAXX];
	int nx;
	int root[MAXR], nroot;
} o = { .host = "127.0.0.1",
	.user = "u%d",
	.pass = "pw",
	.mbox = "INBOX",
	.label = "-",
	.port = 143,
	.first = 1,
	.users = 1,
	.conns = 1,
	.multi = 1,
	.repeat = 1,
	.n = 1000,
	.size = 4096,
	.secs = 10 };

static void
die(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	fprintf(stderr, "load: ");
	vfprintf(stderr, fmt, ap);
	fprintf(stderr, "\n");
	va_end(ap);
	exit(1);
}

static double
now(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec * 1e-9;
}

/* --------------------------------------------------------- statistics -- */

struct hist {
	double *v;
	size_t n, cap;
};

static void
h_add(struct hist *h, double x)
{
	if (h->n == h->cap) {
		h->cap = h->cap ? h->cap * 2 : 1024;
		h->v = realloc(h->v, h->cap * sizeof *h->v);
		if (!h->v)
			die("out of memory");
	}
	h->v[h->n++] = x;
}
static int
dcmp(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}
static void
h_sort(struct hist *h)
{
	if (h->n)
		qsort(h->v, h->n, sizeof *h->v, dcmp);
}
static double
h_q(const struct hist *h, double q)
{
	if (!h->n)
		return 0;
	size_t i = (size_t)(q * (h->n - 1) +
	    0.499); /* lower median of an even count */
	return h->v[i];
}
static void
h_print(const char *name, struct hist *h)
{
	h_sort(h);
	printf(" %s_min=%.3f %s_p50=%.3f %s_p99=%.3f %s_max=%.3f", name,
	    h_q(h, 0) * 1e3, name, h_q(h, .5) * 1e3, name, h_q(h, .99) * 1e3,
	    name, h_q(h, 1) * 1e3);
}
static void
h_merge(struct hist *d, const struct hist *s)
{
	for (size_t i = 0; i < s->n; i++)
		h_add(d, s->v[i]);
}

/* CPU and memory of the server's process trees. */
struct ptree {
	int procs;
	double cpu;
	long pss, rss, pdirty;
};

static struct ptree
ptree_read(int want_mem)
{
	struct ptree t = { 0 };
	static int pid[65536], ppid[65536], in[65536];
	static double cpu[65536];
	int n = 0, changed = 1;
	DIR *d;
	struct dirent *e;
	double hz = sysconf(_SC_CLK_TCK);

	if (!o.nroot || !(d = opendir("/proc")))
		return t;
	while ((e = readdir(d)) && n < 65536) {
		char path[300], buf[1024], *p;
		unsigned long ut, st;
		long cu, cs;
		int fd, r, p_id = atoi(e->d_name);
		if (p_id <= 0)
			continue;
		snprintf(path, sizeof path, "/proc/%d/stat", p_id);
		if ((fd = open(path, O_RDONLY)) < 0)
			continue;
		r = read(fd, buf, sizeof buf - 1);
		close(fd);
		if (r <= 0)
			continue;
		buf[r] = 0;
		if (!(p = strrchr(buf, ')')))
			continue;
		pid[n] = p_id;
		if (sscanf(p + 1,
			" %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu "
			"%ld %ld",
			&ppid[n], &ut, &st, &cu, &cs) != 5)
			continue;
		cpu[n] = (ut + st + cu + cs) / hz;
		in[n] = 0;
		for (int i = 0; i < o.nroot; i++)
			if (o.root[i] == p_id)
				in[n] = 1;
		n++;
	}
	closedir(d);
	while (changed) {
		changed = 0;
		for (int i = 0; i < n; i++)
			if (!in[i])
				for (int j = 0; j < n; j++)
					if (in[j] && pid[j] == ppid[i]) {
						in[i] = changed = 1;
						break;
					}
	}
	for (int i = 0; i < n; i++)
		if (in[i]) {
			char path[64], line[256];
			FILE *f;
			t.procs++;
			t.cpu += cpu[i];
			if (!want_mem)
				continue;
			snprintf(
			    path, sizeof path, "/proc/%d/smaps_rollup", pid[i]);
			if (!(f = fopen(path, "r")))
				continue;
			while (fgets(line, sizeof line, f)) {
				long v;
				if (sscanf(line, "Pss: %ld", &v) == 1)
					t.pss += v;
				else if (sscanf(line, "Rss: %ld", &v) == 1)
					t.rss += v;
				else if (sscanf(line, "Private_Dirty: %ld",
					     &v) == 1)
					t.pdirty += v;
			}
			fclose(f);
		}
	return t;
}
static double
self_cpu(void)
{
	struct rusage r;
	getrusage(RUSAGE_SELF, &r);
	return r.ru_utime.tv_sec + r.ru_stime.tv_sec +
	    (r.ru_utime.tv_usec + r.ru_stime.tv_usec) * 1e-6;
}
/* CPU seconds spent by the whole machine: shows interference by others. */
static double
sys_cpu(void)
{
	unsigned long long u = 0, n = 0, s = 0, i, w, q = 0, sq = 0, st = 0;
	FILE *f = fopen("/proc/stat", "r");
	if (!f)
		return 0;
	if (fscanf(f, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &u, &n, &s,
		&i, &w, &q, &sq, &st) < 4)
		u = n = s = 0;
	fclose(f);
	return (u + n + s + q + sq + st) / (double)sysconf(_SC_CLK_TCK);
}
/* Usage of one measured stretch: srv_cpu (the -R trees), cli_cpu (this
 * process), other_cpu (everybody else, the kernel's threads included). */
struct usage {
	double srv, cli, sys;
};
static struct usage
usage_now(void)
{
	struct usage u = { ptree_read(0).cpu, self_cpu(), sys_cpu() };
	return u;
}
static void
usage_print(struct usage a)
{
	struct usage b = usage_now();
	double srv = b.srv - a.srv, cli = b.cli - a.cli,
	       oth = b.sys - a.sys - srv - cli;
	if (o.nroot)
		printf(" srv_cpu=%.2f", srv);
	printf(" cli_cpu=%.2f other_cpu=%.2f\n", cli, oth > 0 ? oth : 0);
	fflush(stdout);
}
static long
mem_available(void)
{
	FILE *f = fopen("/proc/meminfo", "r");
	char l[128];
	long v = 0;
	while (f && fgets(l, sizeof l, f))
		if (sscanf(l, "MemAvailable: %ld", &v) == 1)
			break;
	if (f)
		fclose(f);
	return v;
}

/* --------------------------------------------------------- connection -- */

struct conn {
	int fd;
	SSL *ssl;
	char *buf;
	size_t cap, off, len; /* unread data: buf[off .. len) */
	uint64_t rx;
	int tag, litplus;
	double first; /* time of the first byte after imap_send */
};
static SSL_CTX *ctx;

static int
c_fill(struct conn *c)
{
	ssize_t r;
	if (c->off == c->len)
		c->off = c->len = 0;
	else if (c->off && c->cap - c->len < c->cap / 4) {
		memmove(c->buf, c->buf + c->off, c->len - c->off);
		c->len -= c->off;
		c->off = 0;
	}
	if (c->len == c->cap) {
		c->cap *= 2;
		if (!(c->buf = realloc(c->buf, c->cap)))
			die("out of memory");
	}
	if (c->ssl)
		r = SSL_read(c->ssl, c->buf + c->len, c->cap - c->len);
	else
		do
			r = read(c->fd, c->buf + c->len, c->cap - c->len);
		while (r < 0 && errno == EINTR);
	if (r <= 0)
		return -1;
	if (!c->first)
		c->first = now();
	c->len += r;
	c->rx += r;
	return 0;
}
static void
c_write(struct conn *c, const char *p, size_t n)
{
	while (n) {
		ssize_t r = c->ssl ? SSL_write(c->ssl, p, n)
				   : send(c->fd, p, n, MSG_NOSIGNAL);
		if (r <= 0) {
			if (!c->ssl && errno == EINTR)
				continue;
			die("write: %s", strerror(errno));
		}
		p += r;
		n -= r;
	}
}
static void
c_printf(struct conn *c, const char *fmt, ...)
{
	char b[4096];
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(b, sizeof b, fmt, ap);
	va_end(ap);
	c_write(c, b, n);
}
/* Next line without its CRLF; the pointer is good until the next read. */
static char *
c_line(struct conn *c, size_t *n)
{
	size_t scan = 0;
	for (;;) {
		char *s = c->buf + c->off,
		     *nl = memchr(s + scan, '\n', c->len - c->off - scan);
		if (nl) {
			c->off += nl + 1 - s;
			*n = nl - s;
			if (*n && nl[-1] == '\r')
				--*n;
			return s;
		}
		scan = c->len - c->off;
		if (c_fill(c) < 0)
			return NULL;
	}
}
static int
c_skip(struct conn *c, uint64_t n)
{
	while (n) {
		size_t have = c->len - c->off;
		if (have > n)
			have = n;
		c->off += have;
		n -= have;
		if (n && c_fill(c) < 0)
			return -1;
	}
	return 0;
}
static struct conn *
c_open(int port, size_t cap)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons(port) };
	struct conn *c = calloc(1, sizeof *c);
	int one = 1;
	inet_pton(AF_INET, o.host, &a.sin_addr);
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		die("socket: %s", strerror(errno));
	if (connect(c->fd, (void *)&a, sizeof a) < 0)
		die("connect port %d: %s", port, strerror(errno));
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	c->cap = cap;
	c->buf = malloc(cap);
	if (o.tls && port == o.port) {
		c->ssl = SSL_new(ctx);
		SSL_set_fd(c->ssl, c->fd);
		if (SSL_connect(c->ssl) != 1) {
			ERR_print_errors_fp(stderr);
			die("TLS handshake");
		}
	}
	return c;
}
static void
c_close(struct conn *c)
{
	if (c->ssl)
		SSL_free(c->ssl);
	close(c->fd);
	free(c->buf);
	free(c);
}

/* --------------------------------------------------------------- IMAP -- */

/* Send a tagged command. */
static void
imap_send(struct conn *c, const char *fmt, ...)
{
	char b[8192];
	va_list ap;
	int k = snprintf(b, sizeof b, "t%d ", ++c->tag);
	va_start(ap, fmt);
	k += vsnprintf(b + k, sizeof b - k - 3, fmt, ap);
	va_end(ap);
	memcpy(b + k, "\r\n", 2);
	c->first = 0;
	c_write(c, b, k + 2);
}
/* Read until the tagged reply (1 OK, 0 NO/BAD) or a continuation (2), counting
 * untagged responses.  Literals are skipped unseen. */
static int
imap_wait(struct conn *c, uint64_t *untagged)
{
	char tag[16];
	int tl = snprintf(tag, sizeof tag, "t%d ", c->tag), cont = 0;
	for (;;) {
		size_t n;
		char *l = c_line(c, &n);
		if (!l)
			die("IMAP connection closed");
		if (!cont) {
			if (n >= 2 && l[0] == '*') {
				if (untagged)
					++*untagged;
			} else if (n && l[0] == '+')
				return 2;
			else if (n > (size_t)tl && !memcmp(l, tag, tl)) {
				if (l[tl] == 'O')
					return 1;
				fprintf(stderr, "load: %.*s\n", (int)n, l);
				return 0;
			}
		}
		cont = 0;
		if (n > 2 && l[n - 1] == '}') { /* ... {123} */
			size_t i = n - 1;
			uint64_t v = 0, m = 1;
			if (l[i - 1] == '+')
				i--;
			while (i && l[i - 1] >= '0' && l[i - 1] <= '9') {
				v += (l[--i] - '0') * m;
				m *= 10;
			}
			if (i && l[i - 1] == '{') {
				if (c_skip(c, v) < 0)
					die("IMAP connection closed");
				cont = 1;
			}
		}
	}
}
static int
imap_cmd(struct conn *c, const char *fmt, ...)
{
	char b[8192];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(b, sizeof b, fmt, ap);
	va_end(ap);
	imap_send(c, "%s", b);
	return imap_wait(c, NULL);
}
static const char *
user_name(char *b, size_t n, const char *fmt, int k)
{
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(b, n, fmt, k);
#pragma GCC diagnostic pop
	return b;
}
static struct conn *
imap_login(int k, size_t cap)
{
	char u[256];
	size_t n;
	struct conn *c = c_open(o.port, cap);
	char *l = c_line(c, &n);
	if (!l || n < 4 || memcmp(l, "* OK", 4))
		die("IMAP greeting: %.*s", l ? (int)n : 0, l ? l : "");
	if (imap_cmd(c, "LOGIN \"%s\" \"%s\"",
		user_name(u, sizeof u, o.user, k), o.pass) != 1)
		die("LOGIN %s failed", u);
	return c;
}
static void
imap_select(struct conn *c, const char *mbox)
{
	if (imap_cmd(c, "SELECT \"%s\"", mbox) != 1)
		die("SELECT %s failed", mbox);
}
static int
imap_has(struct conn *c, const char *cap)
{
	int found = 0;
	size_t n;
	char *l, tag[16];
	imap_send(c, "CAPABILITY");
	int tl = snprintf(tag, sizeof tag, "t%d ", c->tag);
	while ((l = c_line(c, &n)) && (n < (size_t)tl || memcmp(l, tag, tl)))
		if (memmem(l, n, cap, strlen(cap)))
			found = 1;
	return found;
}

/* ----------------------------------------------------------- messages -- */

static uint64_t
mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15ull;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	return x ^ x >> 31;
}
#define NWORDS 4096
static char words[NWORDS][12];
static unsigned char wordlen[NWORDS];
static char b64line[64][79];

static void
gen_init(void)
{
	static const char *syl[] = { "ba", "co", "der", "fi", "gan", "ho", "in",
		"jul", "ke", "lo", "men", "no", "or", "pra", "que", "ri", "sta",
		"ter", "un", "vi", "wor", "ex", "ly", "za" };
	static const char a[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	for (int i = 0; i < NWORDS; i++) {
		uint64_t r = mix(i);
		int n = 1 + r % 3;
		words[i][0] = 0;
		for (int k = 0; k < n; k++)
			strcat(words[i], syl[(r >> (8 + 8 * k)) % 24]);
		wordlen[i] = strlen(words[i]);
	}
	for (int i = 0; i < 64; i++) {
		for (int k = 0; k < 76; k++)
			b64line[i][k] = a[mix(i * 100 + k) & 63];
		memcpy(b64line[i] + 76, "\r\n", 3);
	}
}
static char *
put(char *p, const char *s)
{
	size_t n = strlen(s);
	memcpy(p, s, n);
	return p + n;
}

/* Fill with lines of words up to exactly end (the last two bytes are CRLF). */
static char *
put_text(char *p, char *end, uint64_t *seed, int needle)
{
	char *line = p;
	if (needle && end - p > 64)
		p = put(p, "the xylophonist played ");
	while (end - p > 16) {
		uint64_t r = *seed = mix(*seed);
		for (int k = 0; k < 5 && end - p > 16; k++, r >>= 12) {
			int w = r & (NWORDS - 1);
			memcpy(p, words[w], 12);
			p += wordlen[w];
			if (p - line > 68) {
				*p++ = '\r';
				*p++ = '\n';
				line = p;
			} else
				*p++ = ' ';
		}
	}
	while (end - p > 2)
		*p++ = 'x';
	*p++ = '\r';
	*p++ = '\n';
	return p;
}
static char *
put_b64(char *p, char *end, uint64_t seed)
{
	int k = seed & 63;
	while (end - p >= 78 + 2) {
		memcpy(p, b64line[k++ & 63], 78);
		p += 78;
	}
	while (end - p > 2)
		*p++ = 'A';
	*p++ = '\r';
	*p++ = '\n';
	return p;
}
/* Build message idx in b (room for size + 4096); returns its length, which is
 * size unless size is too small for the headers (about 1.1 KB). */
static size_t
gen(char *b, long idx, long size)
{
	static const char *names[] = { "Alice", "Bruno", "Chandra", "Dagmar",
		"Emeka", "Farah", "Gustavo", "Hanna", "Ivan", "Junko", "Karim",
		"Leila", "Marta", "Nils", "Olga", "Pavel" };
	uint64_t s = mix(idx * 2654435761ull + 12345), r = s;
	time_t t = 1704067200 + idx * 600;
	struct tm tm;
	char date[64], mid[64], ref[64] = "", *p = b, *end;
	int f = r & 15, l = (r >> 4) & 15, kind = size > 16384 ? 3 : idx & 3,
	    small = size < 1500;

	gmtime_r(&t, &tm);
	strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S +0000", &tm);
	snprintf(mid, sizeof mid, "<%016llx.%ld@mail.example.org>",
	    (unsigned long long)s, idx);
	if (idx > 50 && idx % 3) {
		long up = idx - 1 - (r >> 8) % 50;
		snprintf(ref, sizeof ref, "<%016llx.%ld@mail.example.org>",
		    (unsigned long long)mix(up * 2654435761ull + 12345), up);
	}
	if (!small) {
		p += sprintf(p,
		    "Received: from mx%d.example.net (mx%d.example.net "
		    "[192.0.2.%d])\r\n"
		    "\tby mail.example.com with ESMTPS id %08x for "
		    "<user@example.com>;\r\n\t%s\r\n",
		    f, f, 1 + l, (unsigned)(r >> 16), date);
		p += sprintf(p,
		    "Received: by relay%d.example.org (Mailer) id %08x; %s\r\n",
		    l, (unsigned)(r >> 20), date);
		p += sprintf(p,
		    "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; "
		    "d=example.org; s=k1;\r\n"
		    "\th=from:to:subject:date:message-id; "
		    "bh=%.43s=;\r\n\tb=%.70s\r\n\t %.70s==\r\n",
		    b64line[r & 63], b64line[(r >> 6) & 63],
		    b64line[(r >> 12) & 63]);
	}
	if (idx % 1000 == 13)
		p = put(
		    p, "From: \"Nadia Needleman\" <needleman@example.org>\r\n");
	else
		p += sprintf(p,
		    "From: \"%s %s\" <%s.%s%d@dept%d.example.org>\r\n",
		    names[f], names[l], names[f], names[l],
		    (int)((r >> 24) % 97), (int)((r >> 32) % 13));
	p += sprintf(p, "To: \"Mail User\" <user@example.com>\r\n");
	if ((r >> 40) % 5 == 0)
		p += sprintf(p, "Cc: %s@example.com, %s@example.com\r\n",
		    names[(r >> 44) & 15], names[(r >> 48) & 15]);
	p += sprintf(p, "Subject: %s%s%s %s %s %s\r\n", *ref ? "Re: " : "",
	    idx % 1000 == 11 ? "zebrafish " : "", words[(r >> 10) & 4095],
	    words[(r >> 22) & 4095], words[(r >> 34) & 4095],
	    words[(r >> 46) & 4095]);
	p += sprintf(p, "Date: %s\r\nMessage-ID: %s\r\n", date, mid);
	if (*ref)
		p += sprintf(
		    p, "In-Reply-To: %s\r\nReferences: %s\r\n", ref, ref);
	if (!small)
		p += sprintf(p,
		    "X-Mailer: LoadGen 1.0\r\nList-Id: "
		    "<list%d.example.org>\r\n",
		    (int)((r >> 50) % 7));
	p = put(p, "MIME-Version: 1.0\r\n");
	if (kind < 2 || small) {
		p = put(p,
		    "Content-Type: text/plain; "
		    "charset=utf-8\r\nContent-Transfer-Encoding: 7bit\r\n\r\n");
		end = b + size;
		if (end < p + 40)
			end = p + 40;
		p = put_text(p, end, &s, idx % 1000 == 7);
	} else if (kind == 2) {
		static const char tail[] = "\r\n--=_b1--\r\n";
		p = put(p,
		    "Content-Type: multipart/alternative; "
		    "boundary=\"=_b1\"\r\n\r\n--=_b1\r\n"
		    "Content-Type: text/plain; charset=utf-8\r\n\r\n");
		end = b + size - (sizeof tail - 1);
		p = put_text(p, p + (end - p) / 2, &s, idx % 1000 == 7);
		p = put(p,
		    "\r\n--=_b1\r\nContent-Type: text/html; "
		    "charset=utf-8\r\n\r\n<html><body><p>\r\n");
		p = put_text(p, end, &s, 0);
		p = put(p, tail);
	} else {
		static const char tail[] = "\r\n--=_b2--\r\n";
		p = put(p,
		    "Content-Type: multipart/mixed; "
		    "boundary=\"=_b2\"\r\n\r\n--=_b2\r\n"
		    "Content-Type: text/plain; charset=utf-8\r\n\r\n");
		end = b + size - (sizeof tail - 1);
		p = put_text(p, p + (size > 16384 ? 2048 : (end - p) / 3), &s,
		    idx % 1000 == 7);
		p += sprintf(p,
		    "\r\n--=_b2\r\nContent-Type: application/pdf; "
		    "name=\"doc%ld.pdf\"\r\n"
		    "Content-Transfer-Encoding: base64\r\nContent-Disposition: "
		    "attachment;\r\n"
		    "\tfilename=\"doc%ld.pdf\"\r\n\r\n",
		    idx, idx);
		p = put_b64(p, end, s);
		p = put(p, tail);
	}
	return p - b;
}

/* ------------------------------------------------------------ threads -- */

struct worker {
	pthread_t th;
	int id;
	struct hist lat, lat2;
	uint64_t bytes, ops, errs;
	void (*setup)(struct worker *), (*body)(struct worker *);
	struct conn *c;
	char *msg;
};
static pthread_barrier_t bar;
static atomic_long next_op;
static double t_end;

static void *
worker_main(void *v)
{
	struct worker *w = v;
	w->msg = malloc((size_t)o.size + 8192);
	if (w->setup)
		w->setup(w);
	pthread_barrier_wait(&bar);
	pthread_barrier_wait(&bar);
	w->body(w);
	return NULL;
}
/* Run -c threads; setup() is untimed.  Prints the common part of the result. */
static void
run(const char *cmd, void (*setup)(struct worker *),
    void (*body)(struct worker *))
{
	struct worker *w = calloc(o.conns, sizeof *w);
	struct hist all = { 0 }, all2 = { 0 };
	uint64_t bytes = 0, ops = 0, errs = 0;
	pthread_attr_t at;

	pthread_attr_init(&at);
	pthread_attr_setstacksize(&at, 256 * 1024);
	pthread_barrier_init(&bar, NULL, o.conns + 1);
	for (int i = 0; i < o.conns; i++) {
		w[i].id = i;
		w[i].setup = setup;
		w[i].body = body;
		if (pthread_create(&w[i].th, &at, worker_main, &w[i]))
			die("pthread_create");
	}
	pthread_barrier_wait(&bar);
	struct usage u0 = usage_now();
	double t0 = now();
	t_end = t0 + o.secs;
	pthread_barrier_wait(&bar);
	for (int i = 0; i < o.conns; i++) {
		pthread_join(w[i].th, NULL);
		h_merge(&all, &w[i].lat);
		h_merge(&all2, &w[i].lat2);
		bytes += w[i].bytes;
		ops += w[i].ops;
		errs += w[i].errs;
	}
	double dt = now() - t0;
	printf(
	    "%s %s conns=%d ops=%llu errs=%llu secs=%.3f ops_s=%.1f MB_s=%.2f",
	    o.label, cmd, o.conns, (unsigned long long)ops,
	    (unsigned long long)errs, dt, ops / dt, bytes / dt / 1e6);
	h_print("ms", &all);
	if (all2.n)
		h_print("ms2", &all2);
	usage_print(u0);
}

/* ------------------------------------------------------- lmtp, append -- */

/* Read one SMTP-style reply; returns its code. */
static int
smtp_reply(struct conn *c)
{
	size_t n;
	char *l;
	do
		if (!(l = c_line(c, &n)))
			die("LMTP connection closed");
	while (n > 3 && l[3] == '-');
	if (l[0] >= '4')
		fprintf(stderr, "load: %.*s\n", (int)n, l);
	return atoi(l);
}
static void
lmtp_hello(struct conn *c)
{
	smtp_reply(c);
	c_printf(c, "LHLO localhost\r\n");
	if (smtp_reply(c) != 250)
		die("LHLO refused");
}
/* Deliver one message up to and including the final dot; the reply is unread. */
static int
lmtp_data(struct conn *c, const char *rcpt, const char *m, size_t n)
{
	int a, b, d;
	if (o.nopipe) {
		c_printf(c, "MAIL FROM:<sender@example.org>\r\n");
		a = smtp_reply(c);
		c_printf(c, "RCPT TO:<%s>\r\n", rcpt);
		b = smtp_reply(c);
		c_printf(c, "DATA\r\n");
		d = smtp_reply(c);
	} else {
		c_printf(c,
		    "MAIL FROM:<sender@example.org>\r\nRCPT "
		    "TO:<%s>\r\nDATA\r\n",
		    rcpt);
		a = smtp_reply(c);
		b = smtp_reply(c);
		d = smtp_reply(c);
	}
	if (a != 250 || b != 250 || d != 354)
		return -1;
	c_write(c, m, n); /* never begins a line with a dot */
	c_write(c, ".\r\n", 3);
	return 0;
}
static void
lmtp_setup(struct worker *w)
{
	w->c = c_open(o.port, 16384);
	lmtp_hello(w->c);
}
static void
lmtp_body(struct worker *w)
{
	char r[256];
	long i;
	while ((i = next_op++) < o.n) {
		size_t n = gen(w->msg, o.index + i, o.size);
		user_name(r, sizeof r, o.rcpt ? o.rcpt : o.user,
		    o.first + i % o.users);
		double t = now();
		if (lmtp_data(w->c, r, w->msg, n) < 0) {
			w->errs++;
			c_printf(w->c, "RSET\r\n");
			smtp_reply(w->c);
			continue;
		}
		if (smtp_reply(w->c) != 250)
			w->errs++;
		h_add(&w->lat, now() - t);
		w->bytes += n;
		w->ops++;
	}
	c_printf(w->c, "QUIT\r\n");
	c_close(w->c);
}

static void
append_setup(struct worker *w)
{
	w->c = imap_login(o.first + w->id % o.users, 16384);
	w->c->litplus = imap_has(w->c, "LITERAL+");
}
static void
append_body(struct worker *w)
{
	struct conn *c = w->c;
	char *out = malloc(
	    (size_t)(o.size + 8192 + 64) * (w->c->litplus ? o.multi : 1) + 512);
	long i;
	while ((i = atomic_fetch_add(&next_op, o.multi)) < o.n) {
		long k, end = i + o.multi < o.n ? i + o.multi : o.n;
		char *p = out;
		double t = now();
		p += sprintf(p, "t%d APPEND \"%s\"", ++c->tag, o.mbox);
		for (k = i; k < end; k++) {
			size_t n = gen(w->msg, o.index + k, o.size);
			p += sprintf(
			    p, " {%zu%s}\r\n", n, c->litplus ? "+" : "");
			if (!c->litplus) {
				c_write(c, out, p - out);
				if (imap_wait(c, NULL) != 2)
					die("APPEND refused");
				p = out;
			}
			memcpy(p, w->msg, n);
			p += n;
			w->bytes += n;
		}
		p = put(p, "\r\n");
		c_write(c, out, p - out);
		if (imap_wait(c, NULL) != 1)
			w->errs++;
		h_add(&w->lat, now() - t);
		w->ops += end - i;
	}
	free(out);
	imap_cmd(c, "LOGOUT");
	c_close(c);
}

/* --------------------------------------------------- select, cmd, cycle -- */

static void
do_select(void)
{
	struct hist h = { 0 };
	struct conn *c = NULL;
	struct usage u0 = usage_now();
	double began = now(), login = 0;
	for (int i = 0; i < o.repeat; i++) {
		if (!c)
			c = imap_login(o.first, 65536);
		double t = now();
		imap_select(c, o.mbox);
		h_add(&h, now() - t);
		if (i == 0)
			login = now() - began;
		if (o.fresh) {
			imap_cmd(c, "LOGOUT");
			c_close(c);
			c = NULL;
		}
	}
	printf("%s select mbox=%s fresh=%d n=%zu first=%.3f login_first=%.3f",
	    o.label, o.mbox, o.fresh, h.n, h.v[0] * 1e3, login * 1e3);
	h_print("ms", &h);
	usage_print(u0);
}
static void
do_cmd(void)
{
	struct conn *c = NULL;
	for (int x = 0; x < o.nx; x++) {
		struct hist h = { 0 }, hf = { 0 };
		uint64_t bytes = 0, un = 0;
		struct usage u0 = usage_now();
		int ok = 1;
		for (int r = 0; r < o.repeat; r++) {
			if (!c) {
				c = imap_login(o.first, 1 << 18);
				if (*o.mbox)
					imap_select(c, o.mbox);
			}
			uint64_t b0 = c->rx;
			double t = now();
			un = 0;
			imap_send(c, "%s", o.x[x]);
			ok &= imap_wait(c, &un) == 1;
			double e = now();
			h_add(&h, e - t);
			h_add(&hf, c->first - t);
			bytes = c->rx - b0;
			if (o.fresh) {
				imap_cmd(c, "LOGOUT");
				c_close(c);
				c = NULL;
			}
		}
		double first = h.v[0];
		h_sort(&h);
		h_sort(&hf);
		double m = h_q(&h, .5);
		printf("%s cmd '%s' ok=%d n=%zu first_ms=%.1f min_ms=%.1f "
		       "med_ms=%.1f max_ms=%.1f ttfb_ms=%.1f"
		       " untagged=%llu bytes=%llu resp_s=%.0f MB_s=%.1f",
		    o.label, o.x[x], ok, h.n, first * 1e3, h_q(&h, 0) * 1e3,
		    m * 1e3, h_q(&h, 1) * 1e3, h_q(&hf, .5) * 1e3,
		    (unsigned long long)un, (unsigned long long)bytes, un / m,
		    bytes / m / 1e6);
		usage_print(u0);
	}
	if (c) {
		imap_cmd(c, "LOGOUT");
		c_close(c);
	}
}
static void
cycle_body(struct worker *w)
{
	while (now() < t_end) {
		long i = next_op++;
		double t = now();
		struct conn *c = imap_login(o.first + i % o.users, 32768);
		h_add(&w->lat2, now() - t);
		imap_select(c, o.mbox);
		if (imap_cmd(c, "FETCH 1 BODY.PEEK[]") != 1)
			w->errs++;
		imap_cmd(c, "LOGOUT");
		w->bytes += c->rx;
		c_close(c);
		h_add(&w->lat, now() - t);
		w->ops++;
	}
}
static void
connect_body(struct worker *w)
{
	while (now() < t_end) {
		size_t n;
		double t = now();
		struct conn *c = c_open(o.port, 4096);
		if (!c_line(c, &n))
			w->errs++;
		c_close(c);
		h_add(&w->lat, now() - t);
		w->ops++;
	}
}

/* ---------------------------------------------------------- idle, push -- */

static void
do_idle(int idle)
{
	struct conn **c = calloc(o.n, sizeof *c);
	struct ptree a = ptree_read(1), b;
	long m0 = mem_available();
	double t = now(), dt;
	for (long i = 0; i < o.n; i++) {
		c[i] = imap_login(o.first + i % o.users, 4096);
		if (!idle)
			continue;
		imap_select(c[i], o.mbox);
		imap_send(c[i], "IDLE");
		if (imap_wait(c[i], NULL) != 2)
			die("IDLE refused");
	}
	dt = now() - t;
	if (o.wait > 0)
		usleep((useconds_t)(o.wait * 1e6));
	b = ptree_read(1);
	printf("%s %s conns=%ld tls=%d open_secs=%.2f procs0=%d pss0_kb=%ld "
	       "procs=%d pss_kb=%ld rss_kb=%ld pdirty_kb=%ld"
	       " pss_per_conn_kb=%.1f pdirty_per_conn_kb=%.1f "
	       "memavail_delta_per_conn_kb=%.1f cpu=%.2f\n",
	    o.label, idle ? "idle" : "noidle", o.n, o.tls, dt, a.procs, a.pss,
	    b.procs, b.pss, b.rss, b.pdirty, (b.pss - a.pss) / (double)o.n,
	    (b.pdirty - a.pdirty) / (double)o.n,
	    (m0 - mem_available()) / (double)o.n, b.cpu - a.cpu);
	fflush(stdout);
	if (o.secs > 0)
		usleep((useconds_t)(o.secs * 1e6));
	for (long i = 0; i < o.n; i++)
		c_close(c[i]);
}
/* Does the unread data of c hold an EXISTS line?  Consumes whole lines. */
static int
saw_exists(struct conn *c)
{
	int hit = 0;
	char *nl;
	while ((nl = memchr(c->buf + c->off, '\n', c->len - c->off))) {
		size_t n = nl - (c->buf + c->off);
		if (memmem(c->buf + c->off, n, " EXISTS", 7))
			hit = 1;
		c->off += n + 1;
	}
	return hit;
}
/* Start one delivery, up to the last byte of the data; the reply is unread. */
static void
push_data(struct conn *l, const char *rcpt, const char *m, size_t n)
{
	if (o.lmtp_port) {
		if (lmtp_data(l, rcpt, m, n) < 0)
			die("LMTP refused");
		return;
	}
	imap_send(l, "APPEND \"%s\" {%zu}", o.mbox, n);
	if (imap_wait(l, NULL) != 2)
		die("APPEND refused");
	c_write(l, m, n);
	c_write(l, "\r\n", 2);
}
/* Is the final reply there?  Reads what is unread. */
static int
push_reply(struct conn *l)
{
	if (!memchr(l->buf + l->off, '\n', l->len - l->off))
		return 0;
	return o.lmtp_port ? smtp_reply(l) > 0 : imap_wait(l, NULL) == 1;
}
static void
do_push(void)
{
	char r[256], *msg = malloc(o.size + 8192);
	struct hist after = { 0 }, total = { 0 };
	struct conn *i = imap_login(o.first, 65536);
	struct conn *l =
	    o.lmtp_port ? c_open(o.lmtp_port, 4096) : imap_login(o.first, 4096);
	int lost = 0;
	imap_select(i, o.mbox);
	imap_send(i, "IDLE");
	if (imap_wait(i, NULL) != 2)
		die("IDLE refused");
	if (o.lmtp_port)
		lmtp_hello(l);
	user_name(r, sizeof r, o.rcpt ? o.rcpt : o.user, o.first);
	usleep(500000);
	for (long k = 0; k < o.n; k++) {
		double t0, td = 0, te = 0;
		size_t n = gen(msg, o.index + k, o.size);
		saw_exists(i);
		push_data(l, r, msg, n);
		t0 = now();
		while (!td || !te) {
			struct pollfd p[2] = { { l->fd, POLLIN, 0 },
				{ i->fd, POLLIN, 0 } };
			if (poll(p, 2, 35000) <= 0)
				break;
			double t = now();
			if (p[0].revents) {
				if (c_fill(l) < 0)
					die("delivery closed");
				if (push_reply(l))
					td = t;
			}
			if (p[1].revents) {
				if (c_fill(i) < 0)
					die("IMAP closed");
				if (saw_exists(i) && !te)
					te = t;
			}
		}
		if (!te) {
			lost++;
			continue;
		}
		h_add(&after, te - td);
		h_add(&total, te - t0);
		usleep(o.wait > 0 ? (useconds_t)(o.wait * 1e6) : 50000);
	}
	printf("%s push n=%zu lost=%d", o.label, after.n, lost);
	h_print("after_ms", &after);
	h_print("total_ms", &total);
	printf("\n");
}

/* --------------------------------------------------------------- POP3 -- */

static void
pop3_ok(struct conn *c, const char *what)
{
	size_t n;
	char *l = c_line(c, &n);
	if (!l || n < 3 || memcmp(l, "+OK", 3))
		die("POP3 %s: %.*s", what, l ? (int)n : 0, l ? l : "");
}
static void
pop3_setup(struct worker *w)
{
	char u[256];
	w->c = c_open(o.port, 1 << 18);
	pop3_ok(w->c, "greeting");
	c_printf(w->c, "USER %s\r\n",
	    user_name(u, sizeof u, o.user, o.first + w->id % o.users));
	pop3_ok(w->c, "USER");
	double t = now();
	c_printf(w->c, "PASS %s\r\n", o.pass);
	pop3_ok(w->c, "PASS");
	h_add(&w->lat2, now() - t); /* ms2: maildrop open */
}
/* Skip a multi-line body through CRLF.CRLF; the status line is already read. */
static void
pop3_multi(struct conn *c)
{
	size_t n;
	if (c->off >= 2)
		c->off -= 2; /* the CRLF of the status line */
	for (;;) {
		char *s = c->buf + c->off,
		     *e = memmem(s, c->len - c->off, "\r\n.\r\n", 5);
		if (e) {
			c->off += e + 5 - s;
			return;
		}
		n = c->len - c->off;
		if (n > 4)
			c->off += n - 4;
		if (c_fill(c) < 0)
			die("POP3 connection closed");
	}
}
/* Ask for the messages up to until. */
static void
pop3_ask(struct conn *c, long *sent, long until)
{
	char b[16384];
	size_t n = 0;

	while (*sent < until && n < sizeof b - 32)
		n += sprintf(b + n, "RETR %ld\r\n", ++*sent);
	c_write(c, b, n);
}
static void
pop3_body(struct worker *w)
{
	struct conn *c = w->c;
	size_t n;
	long total = 0, sent = 0;
	c_printf(c, "STAT\r\n");
	char *l = c_line(c, &n);
	if (!l || sscanf(l, "+OK %ld", &total) != 1)
		die("POP3 STAT");
	if (o.n && o.n < total)
		total = o.n;
	uint64_t b0 = c->rx;
	for (long i = 0; i < total; i++) {
		double t = now();
		if (sent - i <= o.multi / 2)
			pop3_ask(c, &sent,
			    i + o.multi < total ? i + o.multi : total);
		pop3_ok(c, "RETR");
		pop3_multi(c);
		h_add(&w->lat, now() - t);
		w->ops++;
	}
	w->bytes = c->rx - b0;
	c_printf(c, "QUIT\r\n");
	c_close(c);
}

/* --------------------------------------------------------------- other -- */

static void
do_maildir(void)
{
	static const char *sub[] = { "", "/new", "/cur", "/tmp" };
	char path[1024], *msg = malloc(o.size + 8192);
	for (int i = 0; i < 4; i++) {
		snprintf(path, sizeof path, "%s%s", o.mbox, sub[i]);
		mkdir(path, 0700);
	}
	for (long k = 0; k < o.n; k++) {
		size_t n = gen(msg, o.index + k, o.size), m = 0;
		for (size_t i = 0; i < n; i++)
			if (msg[i] != '\r')
				msg[m++] = msg[i]; /* LF on disk */
		snprintf(path, sizeof path,
		    "%s/cur/%ld.M%ldP1Q%ld.host,S=%zu,W=%zu:2,", o.mbox,
		    1704067200 + (o.index + k) * 600, k, k, m, n);
		int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
		if (fd < 0 || write(fd, msg, m) != (ssize_t)m)
			die("%s: %s", path, strerror(errno));
		close(fd);
	}
}
static void
usage(void)
{
	fputs(
	    "usage: load [options] "
	    "lmtp|append|select|cmd|cycle|idle|noidle|push|pop3|connect|gen|"
	    "maildir|ptree\n"
	    "  -h host  -p port  -q lmtp port (push; default: APPEND)  -T "
	    "implicit TLS\n"
	    "  -u user format (u%d)  -f LMTP recipient format (as -u)  -w "
	    "password (pw)\n"
	    "  -a first user (1)  -U number of users (1)  -c connections (1)\n"
	    "  -n operations (1000)  -s message size (4096)  -i first message "
	    "index (0)\n"
	    "  -m mailbox (INBOX)  -M messages per APPEND / POP3 requests in "
	    "flight (1)\n"
	    "  -x IMAP command (repeatable)  -r repeat (1)  -F fresh session "
	    "each time\n"
	    "  -t seconds (10)  -W wait seconds  -1 no LMTP pipelining\n"
	    "  -R pid of server root process (repeatable)  -L label\n"
	    "The comment at the top of load.c describes each command.\n",
	    stderr);
	exit(2);
}
int
main(int argc, char **argv)
{
	int k;
	signal(SIGPIPE, SIG_IGN);
	while ((k = getopt(argc, argv,
		    "h:p:q:Tu:f:w:a:U:c:n:s:i:m:M:x:r:Ft:W:1R:L:?")) != -1)
		switch (k) {
		case 'h':
			o.host = optarg;
			break;
		case 'p':
			o.port = atoi(optarg);
			break;
		case 'q':
			o.lmtp_port = atoi(optarg);
			break;
		case 'T':
			o.tls = 1;
			break;
		case 'u':
			o.user = optarg;
			break;
		case 'f':
			o.rcpt = optarg;
			break;
		case 'w':
			o.pass = optarg;
			break;
		case 'a':
			o.first = atoi(optarg);
			break;
		case 'U':
			o.users = atoi(optarg);
			break;
		case 'c':
			o.conns = atoi(optarg);
			break;
		case 'n':
			o.n = atol(optarg);
			break;
		case 's':
			o.size = atol(optarg);
			break;
		case 'i':
			o.index = atol(optarg);
			break;
		case 'm':
			o.mbox = optarg;
			break;
		case 'M':
			o.multi = atoi(optarg);
			break;
		case 'x':
			if (o.nx < MAXX)
				o.x[o.nx++] = optarg;
			break;
		case 'r':
			o.repeat = atoi(optarg);
			break;
		case 'F':
			o.fresh = 1;
			break;
		case 't':
			o.secs = atof(optarg);
			break;
		case 'W':
			o.wait = atof(optarg);
			break;
		case '1':
			o.nopipe = 1;
			break;
		case 'R':
			if (o.nroot < MAXR)
				o.root[o.nroot++] = atoi(optarg);
			break;
		case 'L':
			o.label = optarg;
			break;
		default:
			usage();
		}
	if (optind != argc - 1)
		usage();
	const char *cmd = argv[optind];
	gen_init();
	if (o.tls) {
		ctx = SSL_CTX_new(TLS_client_method());
		SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
		SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	}
	if (!strcmp(cmd, "lmtp"))
		run(cmd, lmtp_setup, lmtp_body);
	else if (!strcmp(cmd, "append"))
		run(cmd, append_setup, append_body);
	else if (!strcmp(cmd, "select"))
		do_select();
	else if (!strcmp(cmd, "cmd"))
		do_cmd();
	else if (!strcmp(cmd, "cycle"))
		run(cmd, NULL, cycle_body);
	else if (!strcmp(cmd, "connect"))
		run(cmd, NULL, connect_body);
	else if (!strcmp(cmd, "idle"))
		do_idle(1);
	else if (!strcmp(cmd, "noidle"))
		do_idle(0);
	else if (!strcmp(cmd, "push"))
		do_push();
	else if (!strcmp(cmd, "pop3"))
		run(cmd, pop3_setup, pop3_body);
	else if (!strcmp(cmd, "maildir"))
		do_maildir();
	else if (!strcmp(cmd, "gen")) {
		char *m = malloc(o.size + 8192);
		fwrite(m, 1, gen(m, o.index, o.size), stdout);
	} else if (!strcmp(cmd, "ptree")) {
		struct ptree t = ptree_read(1);
		printf("%s ptree procs=%d pss_kb=%ld rss_kb=%ld pdirty_kb=%ld "
		       "cpu=%.2f\n",
		    o.label, t.procs, t.pss, t.rss, t.pdirty, t.cpu);
	} else
		usage();
	return 0;
}

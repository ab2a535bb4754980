#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/mem.h"
#include "proc/certificate.h"
#include "proc/gate.h"
#include "proc/settings.h"

/*
 * The certificates of a configuration, tried by the code that serves them. One
 * after the other, so that all mistakes are said at once.
 */

static int
check_one(const struct conf *conf, const struct certificate_files *f)
{
	AUTO_BUF struct buf text = BUF_INIT(CERTIFICATE_TEXT_MAX);
	struct tls_set *set = NULL;
	struct why w = { "" };
	int r = certificate_read(f, &text, &w);
	/* a key is not for everybody who may ask what is wrong */
	bool hidden = (r == -EACCES || r == -EPERM) && geteuid() != 0;

	if (r == 0) {
		struct tls_pem pem = { buf_view(&text), f->certificate };

		r = tls_set_new(&pem, 1, gate_tls_version(conf), &set, &w);
		tls_set_free(&set);
	}
	if (text.p != NULL)
		explicit_bzero(text.p, text.n);
	if (r != 0)
		(void)fprintf(stderr, "%s%s\n", w.text,
		    hidden ? "; the certificate was not checked" : "");
	return r == 0 || hidden ? EX_OK : EX_CONFIG;
}

int
gate_check(const char *path)
{
	AUTO_CONF struct conf *conf = conf_new(&settings_schema);
	struct certificate_files f;
	struct tls_env env;
	struct why w = { "" };
	int status = EX_OK;

	if (!conf_read_file(conf, path) || !conf_check(conf) ||
	    !settings_check(conf))
		return EX_CONFIG;
	if (tls_env_init(&env, &w) != 0) {
		(void)fprintf(stderr, "%s\n", w.text);
		return EX_SOFTWARE;
	}
	for (size_t i = 0; certificate_files(conf, i, &f); i++)
		if (check_one(conf, &f) != EX_OK)
			status = EX_CONFIG;
	tls_env_fini(&env);
	return status;
}

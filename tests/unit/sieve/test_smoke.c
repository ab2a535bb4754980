#include "sieve/sieve.h"
#include "tap.h"
int
main(void)
{
	static struct sieve_errors e;
	struct sieve_program *p;
	tap_ok(sieve_compile(
		   VIEW_LIT(
		       "require \"fileinto\"; if header :contains \"subject\" "
		       "\"x\" { fileinto \"a\"; } else { discard; }"),
		   NULL, &p, &e),
	    "compiles");
	for (size_t i = 0; i < e.n; i++)
		printf("# %u:%u %s\n", e.e[i].line, e.e[i].column, e.e[i].text);
	struct sieve_env env = { .message =
				     VIEW_LIT("Subject: axb\r\n\r\nhi\r\n") };
	struct sieve_result r;
	sieve_run(p, &env, &r);
	tap_ok(r.n_actions == 1 && r.actions[0].kind == SIEVE_FILEINTO,
	    "fileinto");
	sieve_result_fini(&r);
	sieve_free(&p);
	return tap_done();
}

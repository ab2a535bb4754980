#include <string.h>

#include "proc/gate.h"

/*
 * Also "fumi-gate --check FILE", for fumi config check: so the one command need
 * not be linked with the library of TLS.
 */
int
main(int argc, char **argv)
{
	static struct gate g; /* large, and lives as long as the process */

	if (argc == 3 && strcmp(argv[1], "--check") == 0)
		return gate_check(argv[2]);
	return start_run(argc, argv, &gate_ops, &g);
}

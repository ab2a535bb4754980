#include "proc/gate.h"

int
main(int argc, char **argv)
{
	static struct gate g; /* large, and lives as long as the process */

	return start_run(argc, argv, &gate_ops, &g);
}

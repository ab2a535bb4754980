#include "proc/out.h"

int
main(int argc, char **argv)
{
	static struct out o; /* large, and lives as long as the process */

	return start_run(argc, argv, &out_ops, &o);
}

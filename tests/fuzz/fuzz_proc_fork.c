#define PAIR "fork"
#include "fuzz_proc.h"

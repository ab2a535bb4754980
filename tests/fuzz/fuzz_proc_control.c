#define PAIR "control"
#include "fuzz_proc.h"

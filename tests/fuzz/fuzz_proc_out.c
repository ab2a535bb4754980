#define PAIR "out"
#include "fuzz_proc.h"

#define PAIR "master"
#include "fuzz_proc.h"

#define PAIR "deliver"
#include "fuzz_proc.h"

#define PAIR "hand"
#include "fuzz_proc.h"

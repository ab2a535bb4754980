#define PAIR "auth"
#include "fuzz_proc.h"

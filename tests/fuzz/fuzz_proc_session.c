#define PAIR "session"
#include "fuzz_proc.h"

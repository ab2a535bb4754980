#define PAIR "lmtp"
#include "fuzz_proc.h"

#define PAIR "grant"
#include "fuzz_proc.h"

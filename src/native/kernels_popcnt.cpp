#include "kernels_scalar.hpp"

#if HASHLENS_X86
HASHLENS_SCALAR_LEVEL(popcnt, HASHLENS_POPCNT, HardwarePopcount, Level::kPopcnt)
#endif

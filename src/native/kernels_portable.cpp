#include "kernels_scalar.hpp"

HASHLENS_SCALAR_LEVEL(portable, , PortablePopcount, Level::kPortable)

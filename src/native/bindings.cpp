// Python bindings of the native kernels.
#include <nanobind/nanobind.h>

NB_MODULE(_native, m) { m.doc() = "Compiled kernels of hashlens."; }

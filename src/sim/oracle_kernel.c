#include "sim.h"
const struct oracle oracles_kernel[] = {{0}};

#include "sim.h"
const struct oracle oracles_flow[] = {{0}};

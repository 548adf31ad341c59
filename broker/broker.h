/* The house: puts the layers together, and takes them down.
 */
#pragma once

#include "broker/options.h"

/* Runs a broker until it is asked to stop. The exit code. `options` outlives it. */
int broker_main(const struct options *options);

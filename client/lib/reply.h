/* Answers to requests that came to a service. */
#pragma once

#include <stdint.h>

#include <brokerclient.h>

/* An error reply without a payload, for a request that no service took. */
void reply_refuse(broker *b, uint64_t token);

/*
 * The roles that the harness plays itself, on a peer's functions; crew_add() runs them.
 *
 * A publisher first sends probes until every subscribing connection has heard every publisher, on each subject:
 * then all subscriptions are in force and the way is warm. Behind the gate it sends numbered messages, never
 * more than plan.window ahead of the slowest receiver, and at last an end mark. A receiver (bench_take) checks
 * that each publisher's numbers come one by one, of w6 only that they grow, for it hears a part of them.
 *
 * The first byte of a payload is the kind, the second the publisher, the third of a probe the subject; from
 * the eighth on stands the message's number.
 */
#pragma once

#include <stdint.h>

enum mark { MARK_MESSAGE = 'M', MARK_PROBE = 'W', MARK_END = 'E', MARK_REQUEST = 'Q' };
enum { AT_KIND = 0, AT_PUBLISHER = 1, AT_SUBJECT = 2, AT_NUMBER = 8 };

void role_publish(unsigned index);
void role_receive(unsigned part);
void role_ask(unsigned index);
void role_serve(unsigned index);
void role_idle(unsigned index);

/** Probes that all receivers together have to hear. */
unsigned role_n_probes(void);

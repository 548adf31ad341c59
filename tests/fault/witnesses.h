/*
 * The two of a rig whom nothing may happen to: a speaker, and a listener who hears and serves it.
 */
#ifndef TESTS_FAULT_WITNESSES_H
#define TESTS_FAULT_WITNESSES_H

#include "tests/fault/rig.h"

/** Connects both. From now on calls of the broker on their descriptors do not fail. */
void witnesses_bring(struct rig *rig);
/** They leave. Idempotent. */
void witnesses_dismiss(struct rig *rig);
/** New ones, when these have said so much that their books are full; only while there are no other clients. */
void witnesses_renew(struct rig *rig);
/** Nothing has happened to them, and they are served now; or the test fails. */
void witnesses_hear(struct rig *rig);
/** Nobody's descriptors are spared: for a broker that has no witnesses yet. */
void witnesses_unspare(struct rig *rig);

#endif

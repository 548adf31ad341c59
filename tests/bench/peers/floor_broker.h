/*
 * The broker of the floor: what a broker must at least do for each frame, and no policy at all.
 *
 * Each frame is read within its bounds, gets its sender's id in place, its subject is hashed and looked up, and
 * a SELECT stands before what is for another subscription. What was read lies in blocks of 256 KiB that all
 * receivers share (a short run with its SELECT is copied into one that they share too); each receiver gets one
 * sendmsg(2) a turn. Senders to a receiver with 4 MiB waiting are not read meanwhile. It says hello and answers
 * SUB, SERVE and PING as brokerd does, and ends whoever sends anything else: there are no quotas, credentials,
 * groups, deadlines, notices and counters.
 *
 * `--variant copy-nothing` passes on the bytes of a publisher to all who have subscribed to anything, and those
 * between requesters and the server, without looking at them.
 */
#pragma once

/** Serves at bench_options->address, a path or unix:PATH, for ever. As peer.broker_run. */
int floor_broker_run(void);

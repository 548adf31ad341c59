/*
 * Sockets of libzmq, and the broker that is two proxies between them. Every function ends the process if it fails.
 * The address is a folder: endpoint NAME is ipc://FOLDER/zmq-NAME.
 *
 *     PUB -> xsub [XSUB XPUB] xpub -> SUB          DEALER -> front [ROUTER DEALER] back -> REP
 */
#pragma once

#include <zmq.h>

void socket_check(int result, const char *what);

/* A socket of the process's one context, connected to an endpoint. */
void *socket_dial(int type, const char *endpoint);

/* Binds the four endpoints and is the broker, for ever. */
int proxies_run(void);

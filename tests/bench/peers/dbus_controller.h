/*
 * Starts dbus-broker without systemd, for a bench.
 *
 * dbus-broker makes no socket and knows no policy: a controller at the other end of a socket pair (dbus-broker(1),
 * --controller) hands it listeners, each with the policy of those who connect there. Here the controller is a child
 * that adds one listener on which everybody may do everything, and stays, since the broker ends when it goes. It ends
 * with the broker.
 */
#pragma once

/* Listens at a path and becomes dbus-broker, with all its limits raised. */
_Noreturn void dbus_broker_become(const char *path);

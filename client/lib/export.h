/*
 * Included ahead of every file of the library by the build (-include): what the public header declares is
 * exported, all else is hidden (-fvisibility=hidden), and the header needs no macro for it.
 */
#ifndef CLIENT_LIB_EXPORT_H
#define CLIENT_LIB_EXPORT_H

#pragma GCC visibility push(default)
#include <brokerclient.h>
#pragma GCC visibility pop

#endif

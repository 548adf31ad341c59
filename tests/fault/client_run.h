/*
 * Runs client_program.c under interpose.so, against a broker in which nothing fails.
 */
#ifndef TESTS_FAULT_CLIENT_RUN_H
#define TESTS_FAULT_CLIENT_RUN_H

/** @param what  "memory", "calls" or "unseen". Fails the test unless all is well; prints what the program said. */
void client_run(const char *what, unsigned step);

#endif

/* Cores without payloads: what crashes may be looked into, without anybody's messages.
 *
 * Payloads lie in memory that came while the broker ran, heap and mappings without a file; so a
 * handler of the signals that make a core leaves all of that out (MADV_DONTDUMP, madvise(2)) before
 * the process dies of the signal, and nothing is paid for it until then; and clears the registers
 * that copies go through. What is kept is the stack, the other registers, and what the programs'
 * files and the loader brought, so that a debugger can walk the stack. If anything of that fails there is no core at all. docs/decisions/0019-hardening.md.
 *
 * Driven by the house, once, before it reads anything. For one thread. A debugger that is let in
 * (ptrace(2), gcore(1)) sees everything, as ever.
 */
#pragma once

/* From now on. Says in the log if it cannot be: then there will be no core. */
void coredump_spare_payloads(void);

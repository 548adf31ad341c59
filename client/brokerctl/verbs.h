/* The verbs. Each is main() of its own little program: argv[0] is the verb, the
 * return value the exit code.
 */
#pragma once

#include "client/brokerctl/options.h"

int verb_pub(struct ctl *ctl, int argc, char **argv);
int verb_sub(struct ctl *ctl, int argc, char **argv);
int verb_req(struct ctl *ctl, int argc, char **argv);
int verb_serve(struct ctl *ctl, int argc, char **argv);
int verb_ping(struct ctl *ctl, int argc, char **argv);
int verb_bench(struct ctl *ctl, int argc, char **argv);
int verb_info(struct ctl *ctl, int argc, char **argv);
int verb_stats(struct ctl *ctl, int argc, char **argv);
int verb_clients(struct ctl *ctl, int argc, char **argv);
int verb_client(struct ctl *ctl, int argc, char **argv);
int verb_subjects(struct ctl *ctl, int argc, char **argv);
int verb_config(struct ctl *ctl, int argc, char **argv);
int verb_reload(struct ctl *ctl, int argc, char **argv);
int verb_policy(struct ctl *ctl, int argc, char **argv);

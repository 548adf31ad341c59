/* brokerctl info and stats: one map of names and values each. */
#include "client/brokerctl/verbs.h"

#include "client/brokerctl/facts.h"
#include "client/brokerctl/sys.h"

static void show_info(struct mp map)
{
    facts_print(map, false);
}

static void show_stats(struct mp map)
{
    facts_print(map, true);
}

int verb_info(struct ctl *ctl, int argc, char **argv)
{
    static const struct usage usage = {
        .verb = "info",
        .operands = "",
        .about = "Prints what the broker is: version, instance, uptime, limits.",
        .example = "  brokerctl info --json | jq -r .version",
        .raw = "print the broker's answers as they are, in msgpack",
    };

    return sys_simple_verb(ctl, &usage, argc, argv, "$SYS.info", show_info);
}

int verb_stats(struct ctl *ctl, int argc, char **argv)
{
    static const struct usage usage = {
        .verb = "stats",
        .operands = "",
        .about = "Prints what the broker has counted since it started.",
        .example = "  brokerctl stats",
        .raw = "print the broker's answers as they are, in msgpack",
    };

    return sys_simple_verb(ctl, &usage, argc, argv, "$SYS.stats", show_stats);
}

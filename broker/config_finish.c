/* The last steps: what cannot change keeps its value, what hangs on several keys, the policy. */
#include <errno.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "broker/config_build_internal.h"
#include "broker/net/sockpath.h"

/* ---- what needs a restart ------------------------------------------------------------ */

static void tell_kept(struct config_errors *kept, const struct config *config,
                      const struct config *before, enum config_key key)
{
    enum { SHOWN_MAX = 256 };
    char was[SHOWN_MAX], wanted[SHOWN_MAX];
    struct config_origin origin = config->values[key].origin;
    bool in_file = origin.kind == CONFIG_FROM_FILE;
    config_show(config, key, wanted, sizeof wanted);
    config_show(before, key, was, sizeof was);
    config_errors_add(kept, in_file ? config->files[origin.file] : NULL, in_file ? origin.line : 0,
                      "%s = %s needs a restart; until then it is %s", config_key_info(key).name,
                      *wanted ? wanted : "(nothing)", *was ? was : "(nothing)");
}

static void keep_what_cannot_change(struct config_build *build, const struct config *before,
                                    struct config_errors *kept)
{
    for (unsigned key = 0; key < N_CONFIG_KEYS; key++) {
        if (config_key_info(key).live || config_same(build->config, before, key))
            continue;
        tell_kept(kept, build->config, before, key);
        if (!build_copy(build->config, before, key))
            build_out_of_memory(build);
    }
}

/* ---- what hangs on several keys ---------------------------------------------------------- */

/* Who names a socket, root too, and does not say that it is the system's, has a broker of their
 * own. */
static bool is_system(const struct config *config)
{
    uint64_t which = config_number(config, CONFIG_SCOPE);
    return which == CONFIG_SCOPE_SYSTEM ||
           (which == CONFIG_SCOPE_AUTO && config->n_listen == 0 && getuid() == 0);
}

static void settle(struct config_build *build, const struct config *before)
{
    struct config *config = build->config;
    config->system = before ? before->system : is_system(config);
    if (!config_is_set(config, CONFIG_MODE))
        config->values[CONFIG_MODE].number =
            config->system ? SOCKPATH_MODE_SYSTEM : SOCKPATH_MODE_USER;
}

/* ---- limits ------------------------------------------------------------------------------- */

static uint64_t memory_of_machine(void)
{
    long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
    return pages > 0 && size > 0 ? (uint64_t)pages * (uint64_t)size : 0;
}

/* The broker raises its limit of open files to the hard one, see getrlimit(2). */
static uint64_t most_files(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_max == RLIM_INFINITY)
        return 0;
    return limit.rlim_max;
}

/* Defaults are what the machine can bear, what was written holds. */
static void make_limits(struct config_build *build)
{
    char why[LIMITS_WHY_MAX];
    struct config *config = build->config;
    limits_default(&config->limits);
    limits_fit(&config->limits, memory_of_machine(), most_files());
    for (unsigned i = 0; i < LIMITS_KEYS; i++) {
        uint64_t *limit = limits_value(&config->limits, i);
        struct config_value *value = &config->values[CONFIG_FIRST_LIMIT + i];
        if (value->text)
            *limit = value->number;
        else
            value->number = *limit;
    }
    if (!limits_check(&config->limits, why))
        config_errors_add(build->errors, NULL, 0, "%s", why);
}

/* ---- the policy ---------------------------------------------------------------------------- */

/* Who the broker is, once it has what needs privileges. */
static uid_t own_uid(const struct config *config)
{
    return config_is_set(config, CONFIG_RUN_AS) ? config_run_as(config).uid : getuid();
}

static void make_policy(struct config_build *build)
{
    char why[POLICY_WHY_MAX];
    struct config *config = build->config;
    policy_builder_defaults(build->rules,
                            config->system ? POLICY_DEFAULTS_SYSTEM : POLICY_DEFAULTS_USER,
                            own_uid(config));
    policy_builder_audit_only(build->rules,
                              config_number(config, CONFIG_POLICY) == CONFIG_POLICY_AUDIT);
    int r = policy_builder_finish(build->rules, &config->policy, why);
    if (r == -ENOMEM)
        build_out_of_memory(build);
    else if (r < 0)
        config_errors_add(build->errors, NULL, 0, "%s", why);
}

int config_build_finish(struct config_build *build, const struct config *before,
                        struct config_errors *kept, struct config **ret)
{
    if (before)
        keep_what_cannot_change(build, before, kept);
    settle(build, before);
    make_limits(build);
    if (!build->rules_spoiled) /* what spoiled them was told */
        make_policy(build);
    if (build->no_memory)
        return -ENOMEM;
    if (config_errors_total(build->errors) > 0)
        return -EINVAL;
    *ret = build->config;
    build->config = NULL;
    return 0;
}

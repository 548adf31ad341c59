#include "tests/fault/config.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/kit/runner.h"

static FILE *create(const char *dir, const char *name, char path[300])
{
    snprintf(path, 300, "%.200s/%s", dir, name);
    FILE *file = fopen(path, "we");
    if (!file)
        fail_msg("cannot make %s: %s", path, strerror(errno));
    return file;
}

/* The broker never sees half of a file. */
static void publish_file(FILE *file, const char *from, const char *dir, const char *name)
{
    char to[300];

    snprintf(to, sizeof to, "%.200s/%s", dir, name);
    if (fclose(file) != 0 || rename(from, to) < 0)
        fail_msg("cannot write %s: %s", to, strerror(errno));
}

/* Those who have no name here are known by their number. */
static void write_names(FILE *file)
{
    const struct passwd *user = getpwuid(getuid());
    const struct group *group = getgrgid(getgid());

    fprintf(file, "[rule \"uid\"]\ndeny = publish\nsubject = forbidden.uid\nuid = %u\n", getuid());
    fputs("[rule \"user\"]\ndeny = publish\nsubject = forbidden.user\n", file);
    if (user)
        fprintf(file, "user = %s\n", user->pw_name);
    fputs("[rule \"group\"]\ndeny = publish\nsubject = forbidden.group\n", file);
    if (group)
        fprintf(file, "group = %s\n", group->gr_name);
}

void config_write(const char *dir, int version)
{
    char path[300], drop_ins[300];
    FILE *file = create(dir, "next", path);

    fprintf(file, "[broker]\nlog-level = info\n[limits]\nsubscriptions-per-connection = %d\n",
            CONFIG_SUBSCRIPTIONS);
    write_names(file);
    publish_file(file, path, dir, "brokerd.conf");

    snprintf(drop_ins, sizeof drop_ins, "%.200s/conf.d", dir);
    if (mkdir(drop_ins, 0700) < 0 && errno != EEXIST)
        fail_msg("cannot make %s: %s", drop_ins, strerror(errno));
    file = create(drop_ins, ".next", path);
    fprintf(file, "[rule \"either\"]\ndeny = publish\nsubject = either.%c\n", version ? 'b' : 'a');
    publish_file(file, path, drop_ins, "more.conf");
}

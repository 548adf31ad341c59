/* Files of the configuration, from the disk to memory.
 *
 * Regular files only, of a bounded size, opened so that nothing there can block
 * (a FIFO, a terminal). Symbolic links are followed, since links are how /etc is
 * kept; what counts is the file that was opened. For a system's broker it must
 * be one that only root, or the user who runs the broker, could have written.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "broker/config_value.h"

enum {
    CONFIG_FILE_MAX = 1 << 20,     /* bytes of one file: 10,000 rules */
    CONFIG_DROP_INS_MAX = 256,     /* files of one conf.d */
    CONFIG_DROP_IN_SUFFIX_LEN = 5, /* ".conf" */
};

/* Reads `path` whole; *ret belongs to the caller and has a NUL behind it, which
 * *ret_len does not count. `guarded`: it must be one of root or of our own, and
 * nobody else's to write. 0; or -errno with a sentence in `why` that completes
 * "PATH: ": -ENOENT, -EPERM (not to be trusted), -EFBIG, -EINVAL (no regular
 * file), -EAGAIN (somebody writes it just now), -ENOMEM, or what open(2) and read(2) say. */
int config_file_read(const char *path, bool guarded, char **ret, size_t *ret_len,
                     char why[CONFIG_WHY_MAX]);

/* Whether the folder that `path` lies in, too, is root's or our own to write; one
 * with the sticky bit will do, since nobody can replace our files there. 0, or
 * as above. Folders above it are not examined. */
int config_file_check_folder(const char *path, char why[CONFIG_WHY_MAX]);

/* The names in the folder `path` that end in ".conf" and do not begin with a
 * dot, in order of their bytes, in *ret, to be freed with config_file_free_names.
 * A folder that is not there has none. 0 or -errno, as above; -E2BIG: too many. */
int config_file_list(const char *path, bool guarded, char ***ret, size_t *ret_n,
                     char why[CONFIG_WHY_MAX]);
void config_file_free_names(char **names, size_t n);

/* Builds a configuration: the files in their order, then the command line.
 *
 * What comes later overrides what came before; a list is replaced as a whole. In
 * one file a key stands once, unless it is a list. Whatever is wrong goes into the
 * errors and building goes on, so that all of it is told; no configuration
 * comes of it then.
 */
#pragma once

#include "broker/config.h"
#include "broker/config_errors.h"

struct config_build;

/* `errors` is added to, and outlives the result. NULL: no memory, which is told. */
struct config_build *config_build_new(struct config_errors *errors);
struct config_build *config_build_free(struct config_build *build);

/* A file's text, len bytes of it; `path` is for origins and errors. */
void config_build_file(struct config_build *build, const char *path, const char *text, size_t len);
/* An option of the command line, checked already. Of a list one more. */
void config_build_option(struct config_build *build, enum config_key key, const char *text);

/* Makes the configuration, of which the caller gets the only reference. `before`
 * (NULL: none) is the one that holds: keys that cannot change while the broker
 * runs keep its values, and `kept` says which and what they would have been.
 * 0; -EINVAL if anything was wrong; -ENOMEM, told too. */
int config_build_finish(struct config_build *build, const struct config *before,
                        struct config_errors *kept, struct config **ret);

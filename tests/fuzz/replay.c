/*
 * Runs a fuzz target on every file of its corpus, so that a fuzzer is also a unit test, with any compiler.
 *
 * usage: replay_NAME FOLDER|FILE…
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static int replay_file(const char *path)
{
    static uint8_t data[1 << 20];
    FILE *file = fopen(path, "re");

    if (!file) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return -1;
    }
    size_t len = fread(data, 1, sizeof(data), file);
    fclose(file);

    /* A copy of the exact size: AddressSanitizer sees a read past its end. */
    uint8_t *copy = malloc(len ? len : 1);
    if (!copy)
        return -1;
    memcpy(copy, data, len);
    printf("%s\n", path); /* before, so that a crash has a name */
    fflush(stdout);
    LLVMFuzzerTestOneInput(copy, len);
    free(copy);
    return 1;
}

/** Replays @p path, and if it is a folder what is in it; returns the number of files, negative on failure. */
static int replay(const char *path)
{
    struct dirent **entries;
    int n_entries = scandir(path, &entries, NULL, alphasort), n = 0;

    if (n_entries < 0)
        return replay_file(path);
    for (int i = 0; i < n_entries; i++) {
        char name[4096];
        snprintf(name, sizeof(name), "%s/%s", path, entries[i]->d_name);
        if (n >= 0 && entries[i]->d_name[0] != '.')
            n = replay_file(name) < 0 ? -1 : n + 1;
        free(entries[i]);
    }
    free(entries);
    return n;
}

int main(int argc, char **argv)
{
    int n = 0;

    for (int i = 1; i < argc; i++) {
        int n_more = replay(argv[i]);
        if (n_more < 0)
            return 1;
        n += n_more;
    }
    printf("%d inputs\n", n);
    return n > 0 ? 0 : 1; /* an empty corpus tests nothing */
}

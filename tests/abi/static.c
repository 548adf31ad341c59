/* A program may have functions with the names that the library uses inside: the static library keeps its own. */
#include <brokerclient.h>
#include <string.h>

int subject_valid(const char *s);
void writer_uint(void);
int handle_check(void);

int subject_valid(const char *s)
{
    return s[0] == 'x';
}

void writer_uint(void)
{
}

int handle_check(void)
{
    return 7;
}

int main(void)
{
    broker *b;
    int64_t r;

    if (broker_subject_check("a.b", NULL, NULL) != 0 || subject_valid("a.b") || handle_check() != 7)
        return 1;
    if (broker_new(&b, NULL) < 0)
        return 1;
    r = broker_publish(b, "a..b", "x", 1, 0);
    broker_close(b, 0);
    broker_free(b);
    return r < 0 ? 0 : 1;
}

/* The public header stands alone: it is the first and only include, in C11 without GNU extensions. */
#include <brokerclient.h>

int main(void)
{
    return 0;
}

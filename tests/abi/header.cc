// A C++ program includes the public header cleanly, and its functions link as C.
#include <brokerclient.h>

int main()
{
    return 0;
}

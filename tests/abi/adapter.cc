// One adapter (-DADAPTER) in a C++ program.
#include ADAPTER

int main()
{
    return 0;
}

/* One adapter (-DADAPTER), the first and only include, in C11 without GNU extensions, or compiled as C++. */
#include ADAPTER

int main(void)
{
    return 0;
}

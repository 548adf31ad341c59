#include "broker/broker.h"

int main(int argc, char **argv)
{
    struct options options;
    int code = options_parse(&options, argc, argv);
    return code >= 0 ? code : broker_main(&options);
}

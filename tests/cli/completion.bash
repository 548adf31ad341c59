# What bash offers for a line of brokerctl that is typed up to its end: completion.bash COMPLETION-FILE
. "$1"
wrong=0

# offers LINE WORD…: exactly these, in this order
offers() {
    COMP_LINE=$1 COMP_POINT=${#1} COMPREPLY=()
    shift
    _brokerctl
    [ "${COMPREPLY[*]}" = "$*" ] && return
    printf '%s\n  offers: %s\n  wanted: %s\n' "$COMP_LINE" "${COMPREPLY[*]}" "$*"
    wrong=1
}

offers 'brokerctl su' sub subjects
offers 'brokerctl --url unix:/x su' sub subjects
offers 'brokerctl --url=unix:/x su' sub subjects
offers 'brokerctl --url unix:/x sub --pol' --policy
offers 'brokerctl --url=unix:/x sub --pol' --policy
offers 'brokerctl --url=unix:/x pub --pol'
offers 'brokerctl --url=un'
offers 'brokerctl sub a --policy dro' drop-old drop-new
offers 'brokerctl sub a --policy=dro' drop-old drop-new
offers 'brokerctl sub a -p ' wait drop-old drop-new latest disconnect
offers 'brokerctl sub a --queue '
offers 'brokerctl help su' sub subjects
offers 'brokerctl ping --r'
offers 'brokerctl info --r' --raw
offers 'brokerctl rel' reload
offers 'brokerctl config --r' --raw
offers 'brokerctl serve a -- cat --r'
offers 'brokerctl b' bench
offers 'brokerctl bench pubs' pubsub
offers 'brokerctl bench ' pub sub pubsub fanout fanin req
offers 'brokerctl bench --rate 5 f' fanout fanin
offers 'brokerctl bench fanout --c' --count --clients
offers 'brokerctl bench pubsub --c' --count
offers 'brokerctl bench sub --' --clients --timeout --url --user --system --json --help
offers 'brokerctl bench req --batch '
offers 'brokerctl pol' policy
offers 'brokerctl policy ' explain
offers 'brokerctl policy explain s' subscribe serve
offers 'brokerctl policy explain --c' --client
offers 'brokerctl policy explain --client '
exit $wrong

# For the tests of networks without containers: a "machine" that is a network namespace of the test's own, and
# "outside", another one beside it, joined by up0. After `load lib`:
#
#     setup()    { machine_setup; …addresses and routes of up0… }
#     teardown() { machine_teardown; }

machine_setup() {
    [ "$(id -u)" -eq 0 ] || skip "root is needed"
    TOOLS=$BERTH_BUILD/tests
    [ -x "$TOOLS/network-tool" ] || skip "$TOOLS/network-tool is not built"
    STATE=$(mktemp -d /tmp/berth-net.XXXXXX)
    TAG=${STATE##*.}
    export BERTH_ROOT=$STATE/root BERTH_RUN=$STATE/run BERTH_LIBEXEC_DIR=$BERTH_BUILD/libexec/berth
    PIDS=
    ip netns add "berthm$TAG"
    ip netns add "bertho$TAG"
    ip -n "berthm$TAG" link set lo up
    ip -n "bertho$TAG" link set lo up
    ip -n "berthm$TAG" link add up0 type veth peer name up0 netns "bertho$TAG"
}

machine_teardown() {
    [ -n "${STATE:-}" ] || return 0
    local pid name
    for pid in $PIDS; do kill "$pid" 2>/dev/null || :; done
    for pid in $(pids_of_server); do kill -9 "$pid" 2>/dev/null || :; done
    for name in "$BERTH_RUN"/netns/*; do umount -l "$name" 2>/dev/null || :; done
    ip netns del "berthm$TAG" 2>/dev/null || :
    ip netns del "bertho$TAG" 2>/dev/null || :
    rm -rf --one-file-system "$STATE"
}

machine() { nsenter --net="/run/netns/berthm$TAG" "$@"; }
outside() { nsenter --net="/run/netns/bertho$TAG" "$@"; }
tool() { machine "$TOOLS/network-tool" "$@"; }
# in_container ID COMMAND …: in that container's namespace.
in_container() { local id=$1; shift; nsenter --net="$BERTH_RUN/netns/$id" "$@"; }
peer=network-peer
serve() { # serve WHERE [ID] PROTOCOL PORT TEXT
    local pid
    pid=$("$@")
    PIDS="$PIDS $pid"
}
pids_of_server() { pgrep -f -x "$BERTH_LIBEXEC_DIR/berth-dns $BERTH_RUN/dns" || :; }
expect() { # expect WANTED COMMAND …
    local wanted=$1 got
    shift
    got=$("$@") || { echo "failed ($?): $*"; return 1; }
    [ "$got" = "$wanted" ] || { echo "wanted: $wanted"; echo "got:    $got"; return 1; }
}
expect_nothing() { # the connection is refused or unanswered
    local got
    if got=$("$@"); then echo "an answer came: $got"; return 1; fi
}

# Networks without containers: namespaces as a container's start makes them (network-tool), with processes
# that join them. The "machine" is a network namespace of the test's own, and "outside" another one beside
# it that knows nothing of the containers' subnets.

bats_require_minimum_version 1.5.0
load lib
load machine

MACHINE=198.51.100.1
OUTSIDE=198.51.100.2

setup() {
    machine_setup
    ip -n "berthm$TAG" addr add "$MACHINE/24" dev up0
    ip -n "bertho$TAG" addr add "$OUTSIDE/24" dev up0
    ip -n "berthm$TAG" link set up0 up
    ip -n "bertho$TAG" link set up0 up
    ip -n "berthm$TAG" route add default via "$OUTSIDE"
    # The machine's own name servers are there, but closed: passing on fails at once.
    for server in $(awk '$1 == "nameserver" && $2 ~ /^[0-9.]+$/ && $2 !~ /^127/ { print $2 }' /etc/resolv.conf); do
        ip -n "bertho$TAG" addr add "$server/32" dev lo
    done
    [ ! -e /proc/sys/net/bridge/bridge-nf-call-iptables ] || machine sh -c 'echo 0 >/proc/sys/net/bridge/bridge-nf-call-iptables'
}

teardown() { machine_teardown; }

address_of() { in_container "$1" ip -4 -br addr show "${2:-eth0}" | awk '{ split($3, part, "/"); print part[1] }'; }
expect_clean() { # nothing of ours is left on the machine
    expect "lo
up0" machine sh -c 'ip -br link | sed "s/[ @].*//" | sort'
    expect "" machine nft list ruleset
    expect "" ls "$BERTH_RUN/netns"
    expect "lock" ls "$BERTH_RUN/dns"
    [ -z "$(pids_of_server)" ] || { echo "berth-dns still runs"; return 1; }
    ! grep -F " $STATE/" /proc/self/mounts || return 1
}

both_bridge_filters() { # runs the function with packets on bridges seen by the firewall, and not seen
    local file=/proc/sys/net/bridge/bridge-nf-call-iptables
    "$1"
    [ -e "$file" ] || return 0
    machine sh -c "echo 1 >$file"
    echo "# with br_netfilter"
    "$1"
}

@test "containers of a network reach each other, replicas share an alias, names stay within their networks" {
    tool create front
    tool create back
    a=$(tool up a front=web)
    b=$(tool up b front=web back=store)
    c=$(tool up c back)
    serve in_container "$b" "$TOOLS/$peer" serve tcp 80 b
    expect "b $(address_of "$a")" in_container "$a" "$TOOLS/$peer" ask tcp "$(address_of "$b")" 80

    server=$(in_container "$a" ip route | awk '/default/ { print $3 }')
    expect "0
$(address_of "$a")" in_container "$a" "$TOOLS/$peer" resolve "$server" A
    seen=
    for _ in $(seq 40); do seen="$seen $(in_container "$a" "$TOOLS/$peer" resolve "$server" web | sed -n 2p)"; done
    [[ $seen == *"$(address_of "$a")"* && $seen == *"$(address_of "$b")"* ]]
    # The answer over TCP, with EDNS, for other types, and backwards.
    [ "$(in_container "$a" "$TOOLS/$peer" resolve "$server" web tcp | wc -l)" -eq 3 ]
    [ "$(in_container "$a" "$TOOLS/$peer" resolve "$server" web edns | wc -l)" -eq 3 ]
    expect 0 in_container "$a" "$TOOLS/$peer" resolve "$server" web 28
    expect "0
$(address_of "$a")" in_container "$a" "$TOOLS/$peer" resolve "$server" "${a:0:12}"
    expect "0
$(address_of "$a")" in_container "$a" "$TOOLS/$peer" resolve "$server" a.front
    reverse=$(address_of "$b" | awk -F. '{ print $4 "." $3 "." $2 "." $1 ".in-addr.arpa" }')
    expect "0
b.front" in_container "$a" "$TOOLS/$peer" resolve "$server" "$reverse" 12

    # b is in both networks and sees both through one server; a does not see the names of back.
    expect "0
$(address_of "$c")" in_container "$b" "$TOOLS/$peer" resolve "$server" c
    expect 2 in_container "$a" "$TOOLS/$peer" resolve "$server" store # nobody to pass it on to
    # and cannot ask back's server for them.
    other=$(in_container "$c" ip route | awk '/default/ { print $3 }')
    run in_container "$a" "$TOOLS/$peer" resolve "$other" c
    [[ $status -ne 0 || $output = 5* ]]

    for name in a b c; do tool down "$name"; done
    expect_clean
}

@test "a network without IPv6 has none at either end, and what a container makes by itself may have it" {
    tool create front
    a=$(tool up a front)
    expect "" in_container "$a" ip -6 -o addr show eth0
    expect 1 in_container "$a" cat /proc/sys/net/ipv6/conf/eth0/disable_ipv6
    expect 0 in_container "$a" cat /proc/sys/net/ipv6/conf/default/disable_ipv6
    expect 0 in_container "$a" cat /proc/sys/net/ipv6/conf/lo/disable_ipv6
    veth=$(machine sh -c 'ip -br link show type veth' | sed -n 's/^\(veth[^@ ]*\).*/\1/p' | grep -v '^up')
    wait_for 50 machine sh -c "ip -br link show $veth | grep -q LOWER_UP"
    expect "" machine ip -6 -o addr show "$veth"
    in_container "$a" ip link add own type veth peer name other
    in_container "$a" ip link set other up
    in_container "$a" ip link set own up
    wait_for 50 in_container "$a" sh -c 'ip -6 -o addr show own | grep -q fe80'
    tool down a
    expect_clean
}

@test "the way out is masqueraded, the way in to unpublished ports and other bridges is closed" {
    check() {
        expect "out $MACHINE" in_container "$a" "$TOOLS/$peer" ask tcp "$OUTSIDE" 7000
        expect_nothing in_container "$a" "$TOOLS/$peer" ask tcp "$(address_of "$b")" 80
        expect_nothing outside "$TOOLS/$peer" ask tcp "$(address_of "$b")" 80
        expect "b $(address_of "$b" | sed 's/[0-9]*$/1/')" machine "$TOOLS/$peer" ask tcp "$(address_of "$b")" 80
    }
    tool create one
    tool create two
    a=$(tool up a one)
    b=$(tool up b two)
    serve outside "$TOOLS/$peer" serve tcp 7000 out
    serve in_container "$b" "$TOOLS/$peer" serve tcp 80 b
    outside ip route add 172.16.0.0/12 via "$MACHINE" # somebody beside us who routes to our subnets
    outside ip route add 192.168.0.0/16 via "$MACHINE"
    # The loopback of the machine is not reachable through route_localnet.
    serve machine "$TOOLS/$peer" serve tcp 9000 machine
    in_container "$a" ip route add 127.0.0.5/32 via "$(in_container "$a" ip route | awk '/default/ { print $3 }')" || :
    expect_nothing in_container "$a" "$TOOLS/$peer" ask tcp 127.0.0.5 9000
    both_bridge_filters check
    tool down a
    tool down b
    expect_clean
}

@test "published ports are reached from outside, over 127.0.0.1, own addresses, other containers and the container itself" {
    check() {
        gateway=$(address_of "$a" | sed 's/[0-9]*$/1/')
        for protocol in tcp udp; do
            expect "a $OUTSIDE" outside "$TOOLS/$peer" ask $protocol "$MACHINE" 8080
            expect "a $gateway" machine "$TOOLS/$peer" ask $protocol 127.0.0.1 8080
            machine "$TOOLS/$peer" ask $protocol "$MACHINE" 8080 | grep '^a '
            for from in "$a" "$b" "$c"; do
                in_container "$from" "$TOOLS/$peer" ask $protocol "$MACHINE" 8080 | grep '^a '
                in_container "$from" "$TOOLS/$peer" ask $protocol "$gateway" 8080 | grep '^a '
            done
        done
    }
    tool create one
    tool create two
    a=$(tool up a one -p :8080:80/tcp -p :8080:80/udp)
    b=$(tool up b one)
    c=$(tool up c two)
    serve in_container "$a" "$TOOLS/$peer" serve tcp 80 a
    serve in_container "$a" "$TOOLS/$peer" serve udp 80 a
    both_bridge_filters check
    for name in a b c; do tool down "$name"; done
    expect_clean
}

@test "a port published on 127.0.0.1 is not reachable from anywhere else" {
    tool create one
    a=$(tool up a one -p 127.0.0.1:8080:80/tcp)
    b=$(tool up b one)
    serve in_container "$a" "$TOOLS/$peer" serve tcp 80 a
    machine "$TOOLS/$peer" ask tcp 127.0.0.1 8080 | grep '^a '
    expect_nothing machine "$TOOLS/$peer" ask tcp "$MACHINE" 8080
    expect_nothing outside "$TOOLS/$peer" ask tcp "$MACHINE" 8080
    outside ip route add 127.0.0.1/32 via "$MACHINE" table 77 2>/dev/null || :
    expect_nothing in_container "$b" "$TOOLS/$peer" ask tcp "$MACHINE" 8080
    expect_nothing in_container "$b" "$TOOLS/$peer" ask tcp "$(address_of "$a" | sed 's/[0-9]*$/1/')" 8080
    tool down a
    tool down b
}

@test "a port in use is refused in Docker's words and leaves everything as it was" {
    tool create one
    tool up a one -p 127.0.0.1:8080:80/tcp
    rules=$(machine nft list ruleset)
    run -1 tool up b one -p :8080:80/tcp
    [ "$output" = "Bind for 0.0.0.0:8080 failed: port is already allocated" ]
    [ "$(machine nft list ruleset)" = "$rules" ]
    run -0 tool up c one -p 127.0.0.2:8080:80/tcp # another address
    tool down c

    serve machine "$TOOLS/$peer" serve tcp 8081 somebody
    run -1 tool up d one -p 127.0.0.1:8081:80/tcp
    [[ $output =~ ^"failed to bind host port for 127.0.0.1:8081:"[0-9.]+":80/tcp: address already in use"$ ]]
    # The first free one of a range; an ephemeral one.
    tool up e one -p :8080-8083:80/tcp -p ::81/tcp
    tool settings e | grep '"HostPort": "8082"'
    tool settings e | tr -d '\n ' | grep -E '"81/tcp":\[\{"HostIp":"0.0.0.0","HostPort":"[0-9]{5}"'
    # What is held by a bound socket is refused to others.
    coproc HOLD { tool hold e; }
    holder=$HOLD_PID
    read -r line <&"${HOLD[0]}"
    [ "$line" = held ]
    run -1 machine "$TOOLS/$peer" serve tcp 8082 late
    eval "exec ${HOLD[1]}>&-"
    wait "$holder"
    for name in a b c d e; do tool down "$name"; done
    expect_clean
}

@test "UDP flows from before a port was published and after it was taken over reach the right container" {
    tool create one
    a=$(tool up a one -p :8053:53/udp)
    serve in_container "$a" "$TOOLS/$peer" serve udp 53 first
    outside "$TOOLS/$peer" ask udp "$MACHINE" 8053 4000 | grep '^first '
    tool down a
    b=$(tool up b one -p :8053:53/udp)
    serve in_container "$b" "$TOOLS/$peer" serve udp 53 second
    outside "$TOOLS/$peer" ask udp "$MACHINE" 8053 4000 | grep '^second '
    tool down b
}

@test "an internal network has names but no way out, and none in" {
    tool create closed internal
    a=$(tool up a closed)
    b=$(tool up b closed -p :8080:80/tcp)
    serve outside "$TOOLS/$peer" serve tcp 7000 out
    serve in_container "$b" "$TOOLS/$peer" serve tcp 80 b
    expect "b $(address_of "$a")" in_container "$a" "$TOOLS/$peer" ask tcp "$(address_of "$b")" 80
    expect "" in_container "$a" ip route show default
    gateway=$(address_of "$a" | sed 's/[0-9]*$/1/')
    in_container "$a" ip route add default via "$gateway" # even when somebody tries
    expect_nothing in_container "$a" "$TOOLS/$peer" ask tcp "$OUTSIDE" 7000
    expect_nothing outside "$TOOLS/$peer" ask tcp "$MACHINE" 8080
    expect "0
$(address_of "$b")" in_container "$a" "$TOOLS/$peer" resolve "$gateway" b
    expect 3 in_container "$a" "$TOOLS/$peer" resolve "$gateway" example.com
    tool down a
    tool down b
    expect_clean
}

@test "without inter-container communication only published ports are reached" {
    tool create quiet com.docker.network.bridge.enable_icc=false
    a=$(tool up a quiet -p :8080:80/tcp)
    b=$(tool up b quiet)
    serve in_container "$a" "$TOOLS/$peer" serve tcp 80 a
    serve in_container "$a" "$TOOLS/$peer" serve tcp 81 a
    expect_nothing in_container "$b" "$TOOLS/$peer" ask tcp "$(address_of "$a")" 81
    in_container "$b" "$TOOLS/$peer" ask tcp "$MACHINE" 8080 | grep '^a '
    tool down a
    tool down b
}

@test "a network in use is not removed, a fixed address and a subnet are kept, names are unique" {
    tool create fixed 10.231.7.0/24
    run -1 tool create fixed
    [ "$output" = "network with name fixed already exists" ]
    a=$(tool up a fixed@10.231.7.77)
    [ "$(address_of "$a")" = 10.231.7.77 ]
    run -1 tool up b fixed@10.231.7.77
    [ "$output" = "Address already in use" ]
    run -1 tool remove fixed
    [ "$output" = "error while removing network: network fixed has active endpoints (name:\"a\" id:\"${a:0:12}\")" ]
    tool inspect fixed | grep -q '"IPv4Address": "10.231.7.77/24"'
    run -1 tool create other 10.231.0.0/16
    [[ $output = *"Pool overlaps"* ]]
    run -1 tool remove bridge
    [ "$output" = "bridge is a pre-defined network and cannot be removed" ]
    tool down a
    tool remove fixed
    run -1 tool up a fixed
    [ "$output" = "network fixed not found" ]
    expect_clean
}

@test "flushed rules, a killed name server and a lost bridge are repaired by the next start" {
    tool create one
    a=$(tool up a one -p :8080:80/tcp)
    serve in_container "$a" "$TOOLS/$peer" serve tcp 80 a
    machine nft flush ruleset
    kill -9 "$(pids_of_server)"
    b=$(tool up b one)
    outside "$TOOLS/$peer" ask tcp "$MACHINE" 8080 | grep '^a '
    gateway=$(address_of "$a" | sed 's/[0-9]*$/1/')
    expect "0
$(address_of "$b")" in_container "$a" "$TOOLS/$peer" resolve "$gateway" b

    # As after a reboot: links, rules and RUN are gone, the rows are not.
    tool reconcile
    machine nft flush ruleset
    for pid in $(pids_of_server); do kill -9 "$pid"; done
    for name in "$BERTH_RUN"/netns/*; do umount -l "$name"; done
    machine ip link del "$(machine ip -br link | awk '/^br-/ { print $1 }')"
    rm -rf "$BERTH_RUN"
    a=$(tool up a one -p :8080:80/tcp)
    b=$(tool up b one)
    serve in_container "$a" "$TOOLS/$peer" serve tcp 80 again
    outside "$TOOLS/$peer" ask tcp "$MACHINE" 8080 | grep '^again '
    expect "0
$(address_of "$a")" in_container "$b" "$TOOLS/$peer" resolve "$gateway" a
    tool down a
    tool down b
    expect_clean
}

@test "killed at any point, the next call carries on and leaves nothing" {
    tool create one
    for point in network.start.rows network.start.bridges network.start.firewall network.start.names; do
        BERTH_FAULT=$point:kill run tool up a one -p :8080:80/tcp
        [ "$status" -eq 137 ]
        a=$(tool up a one -p :8080:80/tcp)
        serve in_container "$a" "$TOOLS/$peer" serve tcp 80 a
        outside "$TOOLS/$peer" ask tcp "$MACHINE" 8080 | grep '^a '
        tool down a
        expect_clean
    done
    for point in network.teardown.rows network.teardown.firewall; do
        tool up a one -p :8080:80/tcp
        BERTH_FAULT=$point:kill run tool down a
        [ "$status" -eq 137 ]
        tool down a
        expect_clean
    done
}

@test "containers that start and end at once do not get in each other's way" {
    tool create one
    for i in $(seq 8); do tool up "c$i" one=all -p ":$((8100 + i)):80/tcp" >"$STATE/c$i" & done
    wait
    for i in $(seq 8); do [ -s "$STATE/c$i" ]; done
    first=$(cat "$STATE/c1")
    gateway=$(address_of "$first" | sed 's/[0-9]*$/1/')
    [ "$(in_container "$first" "$TOOLS/$peer" resolve "$gateway" all | wc -l)" -eq 9 ]
    serve in_container "$(cat "$STATE/c8")" "$TOOLS/$peer" serve tcp 80 eighth
    outside "$TOOLS/$peer" ask tcp "$MACHINE" 8108 | grep '^eighth '
    for i in $(seq 8); do tool down "c$i" & done
    wait
    expect_clean
}

@test "the name server answers after garbage, and passes on what it does not know over both transports" {
    # The server outside is another one of the kind, which knows one name.
    id=$(printf '0%.0s' $(seq 64))
    mkdir "$STATE/upstream"
    printf 'network upstream\nlisten %s\nsubnet 198.51.100.0/24\nhost 203.0.113.9 %s www.example.com\n' "$OUTSIDE" "$id" >"$STATE/upstream/$id"
    outside "$BERTH_LIBEXEC_DIR/berth-dns" "$STATE/upstream" 3>"$STATE/ready" &
    PIDS="$PIDS $!"
    until [ -s "$STATE/ready" ]; do :; done
    [ "$(cat "$STATE/ready")" = ok ]

    tool create one
    a=$(tool up a one -d "$OUTSIDE")
    b=$(tool up b one)
    gateway=$(address_of "$a" | sed 's/[0-9]*$/1/')
    expect "0
$(address_of "$a")" in_container "$a" "$TOOLS/$peer" garbage "$gateway" 3000 a
    [ "$(pids_of_server | wc -l)" -eq 1 ]
    expect "0
203.0.113.9" in_container "$a" "$TOOLS/$peer" resolve "$gateway" www.example.com
    expect "0
203.0.113.9" in_container "$a" "$TOOLS/$peer" resolve "$gateway" www.example.com tcp
    expect 2 in_container "$b" "$TOOLS/$peer" resolve "$gateway" www.example.com # its servers are others
    expect 2 in_container "$b" "$TOOLS/$peer" resolve "$gateway" www.example.com tcp
    tool down a
    tool down b
    expect_clean
}

@test "a network that holds all connections to the name server does not keep another from being answered" {
    tool create one
    tool create two
    a=$(tool up a one)
    b=$(tool up b two)
    gateway=$(address_of "$a" | sed 's/[0-9]*$/1/')
    for i in $(seq 240 250); do in_container "$a" ip addr add "${gateway%.*}.$i/32" dev eth0; done
    in_container "$a" python3 - "$gateway" 3>&- >"$STATE/held" <<'PY' &
import select, socket, sys, time
query = b"\0\x13" + b"\0\1\1\0\0\1\0\0\0\0\0\0" + b"\1a\0\0\1\0\1"
waiting = []
for i in range(240, 250):
    for _ in range(8):
        s = socket.socket()
        s.setblocking(False)
        s.bind((sys.argv[1].rsplit(".", 1)[0] + f".{i}", 0))
        s.connect_ex((sys.argv[1], 53))
        waiting.append(s)
held = []
while True: # who asks on and on is not disconnected for being silent
    ready = select.select([], waiting, [], 0.1)[1]
    held += ready
    waiting = [s for s in waiting if s not in ready]
    for s in held:
        try:
            s.send(query)
        except OSError:
            pass
    if not waiting:
        print("held", flush=True)
        time.sleep(0.2)
PY
    PIDS="$PIDS $!"
    until [ -s "$STATE/held" ]; do sleep 0.05; done
    gateway=$(address_of "$b" | sed 's/[0-9]*$/1/')
    expect "0
$(address_of "$b")" in_container "$b" "$TOOLS/$peer" resolve "$gateway" b tcp
    kill %1
    tool down a
    tool down b
    expect_clean
}

@test "where Docker drops what it does not know, containers still talk; what the administrator denies there stays denied" {
    check() {
        expect "out $MACHINE" in_container "$a" "$TOOLS/$peer" ask tcp "$OUTSIDE" 7000
        expect "b $(address_of "$a")" in_container "$a" "$TOOLS/$peer" ask tcp "$(address_of "$b")" 80
        outside "$TOOLS/$peer" ask tcp "$MACHINE" 8080 | grep '^b '
        expect_nothing outside "$TOOLS/$peer" ask tcp "$MACHINE" 8081
    }
    machine nft -f - <<'RULES'
table ip filter {
    chain DOCKER-USER { tcp dport 81 drop; counter return; }
    chain FORWARD { type filter hook forward priority filter; policy drop; jump DOCKER-USER; }
}
RULES
    before=$(machine nft list table ip filter)
    tool create one
    a=$(tool up a one)
    b=$(tool up b one -p :8080:80/tcp -p :8081:81/tcp)
    serve outside "$TOOLS/$peer" serve tcp 7000 out
    serve in_container "$b" "$TOOLS/$peer" serve tcp 80 b
    serve in_container "$b" "$TOOLS/$peer" serve tcp 81 b
    both_bridge_filters check
    tool create two
    c=$(tool up c two)
    [ "$(machine nft list chain ip filter DOCKER-USER | grep -c comment)" -eq 8 ]
    tool down c
    [ "$(machine nft list chain ip filter DOCKER-USER | grep -c comment)" -eq 4 ]
    tool reconcile
    [ "$(machine nft list chain ip filter DOCKER-USER | grep -c comment)" -eq 4 ]
    tool down a
    tool down b
    expect "$(sed 's/packets.*return/return/' <<<"$before")" eval "machine nft list table ip filter | sed 's/packets.*return/return/'"
}

@test "where ufw drops by default, containers reach the outside and names, and published ports wait to be allowed" {
    machine nft -f - <<'RULES'
table ip filter {
    chain ufw-user-input { }
    chain ufw-user-forward { }
    chain INPUT { type filter hook input priority filter; policy drop; iif lo accept; ct state established,related accept; jump ufw-user-input; }
    chain FORWARD { type filter hook forward priority filter; policy drop; ct state established,related accept; jump ufw-user-forward; }
}
RULES
    tool create one
    a=$(tool up a one)
    b=$(tool up b one -p :8080:80/tcp)
    serve outside "$TOOLS/$peer" serve tcp 7000 out
    serve in_container "$b" "$TOOLS/$peer" serve tcp 80 b
    gateway=$(address_of "$a" | sed 's/[0-9]*$/1/')
    expect "out $MACHINE" in_container "$a" "$TOOLS/$peer" ask tcp "$OUTSIDE" 7000
    expect "0
$(address_of "$b")" in_container "$a" "$TOOLS/$peer" resolve "$gateway" b
    expect "0
$(address_of "$b")" in_container "$a" "$TOOLS/$peer" resolve "$gateway" b tcp
    expect_nothing outside "$TOOLS/$peer" ask tcp "$MACHINE" 8080
    machine nft add rule ip filter ufw-user-forward tcp dport 80 accept
    outside "$TOOLS/$peer" ask tcp "$MACHINE" 8080 | grep '^b '
    tool down a
    tool down b
    [ "$(machine nft list table ip filter | grep -c comment)" -eq 0 ]
}

@test "names are answered beside a name server of the machine that listens on every address" {
    serve machine "$TOOLS/$peer" serve tcp 53 other
    serve machine "$TOOLS/$peer" serve udp 53 other
    tool create one
    a=$(tool up a one)
    b=$(tool up b one)
    gateway=$(address_of "$a" | sed 's/[0-9]*$/1/')
    expect "0
$(address_of "$b")" in_container "$a" "$TOOLS/$peer" resolve "$gateway" b
    tool down a
    tool down b
    expect_clean
}

@test "inspect shows addresses, ports and the namespace while the container uses its network, and nothing after" {
    tool create one
    a=$(tool up a one=web -p 127.0.0.1:8080:80/tcp)
    tool settings a | grep -F "\"SandboxKey\": \"$BERTH_RUN/netns/$a\""
    tool settings a | grep -F "\"IPAddress\": \"$(address_of "$a")\""
    tool settings a | grep -F '"HostIp": "127.0.0.1"'
    tool inspect one | grep -F '"Name": "a"'
    tool down a
    tool settings a | grep -F '"SandboxKey": ""'
    run tool settings a
    [[ $output != *127.0.0.1* ]]
    run tool inspect one
    [[ $output != *'"Name": "a"'* ]]
}

@test "a network whose subnet somebody takes while it starts gets another one" {
    tool create one
    a=$(tool up a one)
    gateway=$(in_container "$a" ip route | awk '/default/ { print $3 }')
    subnet=$gateway/$(in_container "$a" ip -4 -br addr show eth0 | awk '{ split($3, part, "/"); print part[2] }')
    tool down a
    machine ip link add taken type bridge
    # Stopped once it has looked for links with its subnet.
    BERTH_FAULT=network.start.rows:stop nsenter --net="/run/netns/berthm$TAG" "$TOOLS/network-tool" up a one >"$STATE/up" 2>"$STATE/err" &
    PIDS="$PIDS $!"
    wait_for 60 grep -q '^State:.T' "/proc/$!/status"
    machine ip addr add "$subnet" dev taken
    machine ip link set taken up
    kill -CONT $!
    wait $! || { cat "$STATE/err"; false; }
    a=$(cat "$STATE/up")
    [ "$(in_container "$a" ip route | awk '/default/ { print $3 }')" != "$gateway" ]
    tool down a
    machine ip link del taken
    expect_clean
}

@test "a network whose subnet somebody took while it was down gets another one" {
    tool create one
    a=$(tool up a one)
    old=$(address_of "$a")
    # The gateway's address with the prefix of the network: a /16 or a /20.
    subnet=$(in_container "$a" ip -4 -br addr show eth0 | awk '{ print $3 }')
    subnet=$(in_container "$a" ip route | awk '/default/ { print $3 }')/${subnet#*/}
    tool down a
    machine ip link add taken type bridge
    machine ip addr add "$subnet" dev taken
    machine ip link set taken up
    a=$(tool up a one)
    [ "$(address_of "$a")" != "$old" ]
    server=$(in_container "$a" ip route | awk '/default/ { print $3 }')
    expect "0
$(address_of "$a")" in_container "$a" "$TOOLS/$peer" resolve "$server" a
    tool down a
    machine ip link del taken
    expect_clean
}

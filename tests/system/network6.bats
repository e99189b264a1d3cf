# Networks with IPv6, without containers: as network.bats, on the same machine (machine.bash).

bats_require_minimum_version 1.5.0
load lib
load machine

MACHINE=2001:db8::1
OUTSIDE=2001:db8::2

setup() {
    [ -e /proc/sys/net/ipv6 ] || skip "the machine has no IPv6"
    machine_setup
    ip -n "berthm$TAG" addr add "$MACHINE/64" dev up0 nodad
    ip -n "bertho$TAG" addr add "$OUTSIDE/64" dev up0 nodad
    ip -n "berthm$TAG" addr add 198.51.100.1/24 dev up0
    ip -n "bertho$TAG" addr add 198.51.100.2/24 dev up0
    ip -n "berthm$TAG" link set up0 up
    ip -n "bertho$TAG" link set up0 up
    ip -n "berthm$TAG" -6 route add default via "$OUTSIDE"
    ip -n "berthm$TAG" route add default via 198.51.100.2
    [ ! -e /proc/sys/net/bridge/bridge-nf-call-ip6tables ] || machine sh -c 'echo 0 >/proc/sys/net/bridge/bridge-nf-call-ip6tables'
}

teardown() { machine_teardown; }

address_of() { in_container "$1" ip -6 addr show "${2:-eth0}" scope global | awk '/inet6/ { split($2, part, "/"); print part[1] }'; }
gateway_of() { in_container "$1" ip -6 route show default | awk '{ print $3 }'; }
expect_clean() { # nothing of ours is left on the machine
    expect "lo
up0" machine sh -c 'ip -br link | sed "s/[ @].*//" | sort'
    expect "" machine nft list ruleset
    expect "" ls "$BERTH_RUN/netns"
    wait_for 10 has_no_server
}
has_no_server() { [ -z "$(pids_of_server)" ]; }
both_bridge_filters() { # runs the function with packets on bridges seen by the firewall, and not seen
    local file=/proc/sys/net/bridge/bridge-nf-call-ip6tables
    "$1"
    [ -e "$file" ] || return 0
    machine sh -c "echo 1 >$file"
    echo "# with br_netfilter"
    "$1"
}
reverse6() { python3 -c 'import ipaddress, sys; print(ipaddress.ip_address(sys.argv[1]).reverse_pointer)' "$1"; }

@test "containers have addresses of both families at once, reach each other, and are named by both" {
    tool create front ipv6
    a=$(tool up a front=web)
    b=$(tool up b front=web)
    [[ $(address_of "$a") = fd*::2 && $(gateway_of "$a") = fd*::1 ]]
    ! in_container "$a" ip -6 addr | grep tentative || return 1
    serve in_container "$b" "$TOOLS/$peer" serve tcp6 80 b
    expect "b $(address_of "$a")" in_container "$a" "$TOOLS/$peer" ask tcp "$(address_of "$b")" 80
    server=$(in_container "$a" ip route | awk '/default/ { print $3 }')
    expect "0
$(address_of "$b")" in_container "$a" "$TOOLS/$peer" resolve "$server" b 28
    [ "$(in_container "$a" "$TOOLS/$peer" resolve "$server" web 28 | wc -l)" -eq 3 ]
    [ "$(in_container "$a" "$TOOLS/$peer" resolve "$server" web 1 | wc -l)" -eq 3 ]
    expect "0
b.front" in_container "$a" "$TOOLS/$peer" resolve "$server" "$(reverse6 "$(address_of "$b")")" 12
    grep -qx "$(address_of "$a")	a" "$BERTH_RUN/files/$a/hosts"
    tool inspect front | grep -qF "\"IPv6Address\": \"$(address_of "$a")/64\""
    tool settings a | grep -qF "\"GlobalIPv6Address\": \"$(address_of "$a")\""
    tool settings a | grep -qF "\"IPv6Gateway\": \"$(gateway_of "$a")\""
    # Another network gets another subnet of the same machine, and the same network the same one.
    first=$(tool inspect front | grep -o 'fd[0-9a-f:]*::/64')
    tool create back ipv6
    second=$(tool inspect back | grep -o 'fd[0-9a-f:]*::/64')
    [ "$first" != "$second" ]
    [ "${first%%::*}" = "$(cut -d: -f1-3 <<<"$second")" ]
    tool down a
    tool down b
    expect_clean
}

@test "a network without IPv4 has names, a way out and published ports" {
    tool create six ipv6 no-ipv4 2001:db8:6::/64
    a=$(tool up a six@2001:db8:6::77 -p :8080:80/tcp -p :8080:80/udp)
    b=$(tool up b six)
    [ "$(address_of "$a")" = 2001:db8:6::77 ]
    [ -z "$(in_container "$a" ip -4 addr show eth0)" ]
    grep -qx 'nameserver 2001:db8:6::1' "$BERTH_RUN/files/$b/resolv.conf"
    for transport in "" tcp; do
        expect "0
2001:db8:6::77" in_container "$b" "$TOOLS/$peer" resolve 2001:db8:6::1 a 28 $transport
        expect 0 in_container "$b" "$TOOLS/$peer" resolve 2001:db8:6::1 a 1 $transport
    done
    serve outside "$TOOLS/$peer" serve tcp6 7000 out
    serve in_container "$a" "$TOOLS/$peer" serve tcp6 80 a
    serve in_container "$a" "$TOOLS/$peer" serve udp6 80 a
    expect "out $MACHINE" in_container "$a" "$TOOLS/$peer" ask tcp "$OUTSIDE" 7000
    for protocol in tcp udp; do
        expect "a $OUTSIDE" outside "$TOOLS/$peer" ask $protocol "$MACHINE" 8080
    done
    tool settings a | tr -d '\n ' | grep -F '"80/tcp":[{"HostIp":"::","HostPort":"8080"}]'
    run -1 tool up c six@2001:db8:6::77
    [ "$output" = "Address already in use" ]
    run -1 tool up d six -p 127.0.0.1:8081:80/tcp
    [[ $output = *"has no IPv4 address"* ]]
    tool down a
    tool down b
    expect_clean
}

@test "the way out is masqueraded, the way in to unpublished ports and other networks is closed" {
    check() {
        expect "out $MACHINE" in_container "$a" "$TOOLS/$peer" ask tcp "$OUTSIDE" 7000
        expect_nothing in_container "$a" "$TOOLS/$peer" ask tcp "$(address_of "$b")" 80
        expect_nothing outside "$TOOLS/$peer" ask tcp "$(address_of "$b")" 80
        machine "$TOOLS/$peer" ask tcp "$(address_of "$b")" 80 | grep '^b '
        # With a source of the machine's, or of the other network.
        expect_nothing in_container "$c" "$TOOLS/$peer" ask tcp "$(address_of "$b")" 80
    }
    tool create one ipv6
    tool create two ipv6
    tool create four
    a=$(tool up a one)
    b=$(tool up b two)
    c=$(tool up c four)
    serve outside "$TOOLS/$peer" serve tcp6 7000 out
    serve in_container "$b" "$TOOLS/$peer" serve tcp6 80 b
    outside ip route add fd00::/8 via "$MACHINE" # somebody beside us who routes to our subnets
    # Root of a container without IPv6 switches it on: the machine does not listen there.
    in_container "$c" sysctl -qw net.ipv6.conf.eth0.disable_ipv6=0
    in_container "$c" ip addr add fd77::2/64 dev eth0 nodad
    in_container "$c" ip -6 route add default dev eth0
    both_bridge_filters check
    for name in a b c; do tool down "$name"; done
    expect_clean
}

@test "published ports are reached over IPv6 from outside, own addresses, other containers and the container itself" {
    check() {
        for protocol in tcp udp; do
            expect "a $OUTSIDE" outside "$TOOLS/$peer" ask $protocol "$MACHINE" 8080
            machine "$TOOLS/$peer" ask $protocol "$MACHINE" 8080 | grep '^a '
            outside "$TOOLS/$peer" ask $protocol 198.51.100.1 8080 | grep '^four '
            for from in "$a" "$b" "$c"; do
                in_container "$from" "$TOOLS/$peer" ask $protocol "$MACHINE" 8080 | grep '^a '
                in_container "$from" "$TOOLS/$peer" ask $protocol "$(gateway_of "$a")" 8080 | grep '^a '
            done
        done
        # Refused at once, so that clients go on to 127.0.0.1.
        run machine "$TOOLS/$peer" ask tcp ::1 8080
        [ "$status" -eq 1 ]
    }
    tool create one ipv6
    tool create two ipv6
    a=$(tool up a one -p :8080:80/tcp -p :8080:80/udp)
    b=$(tool up b one)
    c=$(tool up c two)
    for protocol in tcp udp; do
        serve in_container "$a" "$TOOLS/$peer" serve ${protocol}6 80 a
        serve in_container "$a" "$TOOLS/$peer" serve $protocol 80 four
    done
    coproc HOLD { tool hold a; }
    read -r _ <&"${HOLD[0]}"
    both_bridge_filters check
    run -1 tool up d one -p "[$MACHINE]:8080:80/tcp"
    [ "$output" = "Bind for [$MACHINE]:8080 failed: port is already allocated" ]
    run -1 tool up e one -p "[::1]:8082:80/tcp"
    [[ $output = *"not supported"* ]]
    tool up f one -p "[$MACHINE]:8083:80/tcp" # on that address alone
    serve in_container "$(tool up f one -p "[$MACHINE]:8083:80/tcp")" "$TOOLS/$peer" serve tcp6 80 f
    outside "$TOOLS/$peer" ask tcp "$MACHINE" 8083 | grep '^f '
    expect_nothing machine "$TOOLS/$peer" ask tcp "$(gateway_of "$a")" 8083
    eval "exec ${HOLD[1]}>&-"
    for name in a b c d e f; do tool down "$name"; done
    expect_clean
}

@test "an internal network has no way out for a hostile container either" {
    tool create closed internal ipv6
    tool create open ipv6
    a=$(tool up a closed)
    b=$(tool up b open)
    serve outside "$TOOLS/$peer" serve tcp6 7000 out
    serve in_container "$b" "$TOOLS/$peer" serve tcp6 80 b
    expect "" in_container "$a" ip -6 route show default
    gateway=$(tool inspect closed | grep -o '"Gateway": "fd[^"]*' | cut -d'"' -f4)
    in_container "$a" ip -6 route add default via "$gateway"
    expect_nothing in_container "$a" "$TOOLS/$peer" ask tcp "$OUTSIDE" 7000
    expect_nothing in_container "$a" "$TOOLS/$peer" ask tcp "$(address_of "$b")" 80
    # An address of the other network, or of the outside's, makes no difference: the bridge counts.
    for spoofed in "$(address_of "$b" | sed 's/::.*/::99/')" 2001:db8::99; do
        in_container "$a" ip -6 addr add "$spoofed/128" dev eth0 nodad
        in_container "$a" ip -6 route replace default via "$gateway" src "$spoofed"
        expect_nothing in_container "$a" "$TOOLS/$peer" ask tcp "$OUTSIDE" 7000
        expect_nothing in_container "$a" "$TOOLS/$peer" ask tcp "$(address_of "$b")" 80
    done
    tool down a
    tool down b
    expect_clean
}

@test "no container is the machine's router, or that of the others" {
    machine sysctl -qw net.ipv6.conf.up0.accept_ra=1
    tool create one ipv6
    a=$(tool up a one)
    b=$(tool up b one)
    bridge=$(machine ip -br link | awk '/^br-/ { print $1 }')
    expect 0 machine cat "/proc/sys/net/ipv6/conf/$bridge/accept_ra"
    expect 0 in_container "$b" cat /proc/sys/net/ipv6/conf/eth0/accept_ra
    # What the machine itself hears from its own routers it still hears, though it forwards now.
    expect 1 machine cat /proc/sys/net/ipv6/conf/all/forwarding
    expect 2 machine cat /proc/sys/net/ipv6/conf/up0/accept_ra
    before=$(machine ip -6 route)
    in_container "$a" python3 - <<'PY'
import socket, struct
s = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
index = socket.if_nametoindex("eth0")
prefix = struct.pack("!BBBBIII16s", 3, 4, 64, 0xC0, 3600, 3600, 0, socket.inet_pton(socket.AF_INET6, "2001:db8:bad::"))
for _ in range(3):
    s.sendto(struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0) + prefix, ("ff02::1", 0, 0, index))
PY
    expect "$(address_of "$b")" in_container "$b" sh -c "ip -6 addr show eth0 scope global | awk '/inet6/ { split(\$2, part, \"/\"); print part[1] }'"
    [ "$(machine ip -6 route)" = "$before" ]
    machine nft list chain ip6 "$(machine nft list tables ip6 | awk '{ print $3 }')" early | grep -q nd-router-advert
    tool down a
    tool down b
    expect_clean
}

@test "a subnet without enable_ipv6 gives no address out, and what does not fit is refused" {
    tool create half 10.231.7.0/24 2001:db8:7::/64
    a=$(tool up a half)
    [ -z "$(address_of "$a")" ]
    tool inspect half | grep -q '"EnableIPv6": false'
    tool down a
    run -1 tool create nothing no-ipv4
    [ "$output" = "IPv4 or IPv6 must be enabled" ]
    run -1 tool create bits ipv6 2001:db8:8::5/64
    [ "$output" = "invalid subnet 2001:db8:8::5/64: it should be 2001:db8:8::/64" ]
    tool create first ipv6 2001:db8:9::/64
    run -1 tool create second ipv6 2001:db8:9::/56
    [[ $output = *"it should be"* || $output = *"Pool overlaps"* ]]
    run -1 tool create third ipv6 2001:db8:9:0::/60
    [[ $output = *"Pool overlaps"* ]]
    run -1 tool up b first@2001:db8:5::2
    [[ $output = *"no configured subnet"* ]]
    tool create chosen ipv6
    run -1 tool up c chosen@fd00::2
    [[ $output = *"user configured subnets"* ]]
    expect_clean
}

@test "killed at any point, and with flushed rules, the next call carries on" {
    tool create one ipv6
    for point in network.start.rows network.start.bridges network.start.firewall network.start.names; do
        BERTH_FAULT=$point:kill run tool up a one -p :8080:80/tcp
        [ "$status" -eq 137 ]
        a=$(tool up a one -p :8080:80/tcp)
        serve in_container "$a" "$TOOLS/$peer" serve tcp6 80 a
        outside "$TOOLS/$peer" ask tcp "$MACHINE" 8080 | grep '^a '
        machine nft flush ruleset
        tool reconcile
        outside "$TOOLS/$peer" ask tcp "$MACHINE" 8080 | grep '^a '
        tool down a
        expect_clean
    done
}

@test "where Docker and ufw drop what they do not know, containers still talk over IPv6" {
    machine nft -f - <<'RULES'
table ip6 filter {
    chain DOCKER-USER { tcp dport 81 drop; counter return; }
    chain ufw6-user-forward { }
    chain ufw6-user-input { }
    chain INPUT { type filter hook input priority filter; policy drop; iif lo accept; meta l4proto icmpv6 accept; ct state established,related accept; jump ufw6-user-input; }
    chain FORWARD { type filter hook forward priority filter; policy drop; ct state established,related accept; jump DOCKER-USER; jump ufw6-user-forward; }
}
RULES
    tool create one ipv6 no-ipv4
    a=$(tool up a one)
    b=$(tool up b one -p :8080:80/tcp -p :8081:81/tcp)
    serve outside "$TOOLS/$peer" serve tcp6 7000 out
    serve in_container "$b" "$TOOLS/$peer" serve tcp6 80 b
    serve in_container "$b" "$TOOLS/$peer" serve tcp6 81 b
    expect "out $MACHINE" in_container "$a" "$TOOLS/$peer" ask tcp "$OUTSIDE" 7000
    outside "$TOOLS/$peer" ask tcp "$MACHINE" 8080 | grep '^b '
    expect_nothing outside "$TOOLS/$peer" ask tcp "$MACHINE" 8081
    expect "0
$(address_of "$b")" in_container "$a" "$TOOLS/$peer" resolve "$(gateway_of "$a")" b 28
    tool down a
    tool down b
    [ "$(machine nft list table ip6 filter | grep -c comment)" -eq 0 ]
}

@test "in a routed network published ports are reached at the container's own address, and nothing is translated" {
    check() {
        expect "a $OUTSIDE" outside "$TOOLS/$peer" ask tcp "$(address_of "$a")" 80
        expect_nothing outside "$TOOLS/$peer" ask tcp "$(address_of "$a")" 81
        expect_nothing outside "$TOOLS/$peer" ask tcp "$MACHINE" 8080
        expect_nothing in_container "$c" "$TOOLS/$peer" ask tcp "$(address_of "$a")" 80 # another network stays one
        expect "out $(address_of "$a")" in_container "$a" "$TOOLS/$peer" ask tcp "$OUTSIDE" 7000
        outside busybox ping -c 1 -W 5 "$(address_of "$a")"
        # IPv4 of the same network is translated as ever.
        outside "$TOOLS/$peer" ask tcp 198.51.100.1 8080 | grep '^four '
        # Without protection all ports are reached, and the way out is translated.
        expect "b $OUTSIDE" outside "$TOOLS/$peer" ask tcp "$(address_of "$b")" 81
        expect "out $MACHINE" in_container "$b" "$TOOLS/$peer" ask tcp "$OUTSIDE" 7000
        expect_nothing in_container "$c" "$TOOLS/$peer" ask tcp "$(address_of "$b")" 81
    }
    tool create routed ipv6 com.docker.network.bridge.gateway_mode_ipv6=routed
    tool create open ipv6 com.docker.network.bridge.gateway_mode_ipv6=nat-unprotected
    tool create other ipv6
    a=$(tool up a routed -p :8080:80/tcp)
    b=$(tool up b open)
    c=$(tool up c other)
    outside ip route add fd00::/8 via "$MACHINE"
    serve outside "$TOOLS/$peer" serve tcp6 7000 out
    serve in_container "$a" "$TOOLS/$peer" serve tcp6 80 a
    serve in_container "$a" "$TOOLS/$peer" serve tcp6 81 a
    serve in_container "$a" "$TOOLS/$peer" serve tcp 80 four
    serve in_container "$b" "$TOOLS/$peer" serve tcp6 81 b
    both_bridge_filters check
    tool settings a | tr -d '\n ' | grep -F '"80/tcp":[{"HostIp":"0.0.0.0","HostPort":"8080"},{"HostIp":"::","HostPort":""}]'
    run -1 tool create isolated internal ipv6 com.docker.network.bridge.gateway_mode_ipv6=isolated
    [[ $output = *"expected nat, nat-unprotected or routed"* ]]
    for name in a b c; do tool down "$name"; done
    expect_clean
}

@test "networks have IPv6 on a machine that has it switched off by default" {
    machine sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
    tool create one ipv6 no-ipv4
    a=$(tool up a one -p :8080:80/tcp)
    b=$(tool up b one)
    serve in_container "$b" "$TOOLS/$peer" serve tcp6 80 b
    expect "b $(address_of "$a")" in_container "$a" "$TOOLS/$peer" ask tcp "$(address_of "$b")" 80
    expect "0
$(address_of "$b")" in_container "$a" "$TOOLS/$peer" resolve "$(gateway_of "$a")" b 28
    tool down a
    tool down b
    expect 1 machine cat /proc/sys/net/ipv6/conf/up0/disable_ipv6
    expect_clean
}

# Networks of containers that were made already: connect and disconnect, while they run and while they do not.

bats_require_minimum_version 1.5.0
load lib

setup_file() {
    berth_setup
    import_busybox
}

teardown_file() {
    berth_teardown
}

setup() {
    [ -n "${STATE:-}" ] || skip "$(berth_why_not)"
    cd "$WORK" || return
}

teardown() {
    local ids
    ids=$(berth ps -aq)
    # shellcheck disable=SC2086
    [ -z "$ids" ] || berth rm -f -t 0 $ids >/dev/null 2>&1 || berth rm -f $ids >/dev/null
    ids=$(berth network ls -q --filter type=custom)
    # shellcheck disable=SC2086
    [ -z "$ids" ] || berth network rm $ids >/dev/null
}

sleeper() { # sleeper NAME OPTIONS…: a container that runs until it is removed
    local name=$1
    shift
    berth run -d --init --name "$name" "$@" busybox sleep 1000 >/dev/null
}
address() { berth inspect -f "{{(index .NetworkSettings.Networks \"$2\").IPAddress}}" "$1"; }
links() { berth exec "$1" ls /sys/class/net | tr '\n' ' '; }
default_route() { berth exec "$1" ip route | awk '/^default/ { print $3, $5 }'; }
gateway() { berth network inspect -f '{{(index .IPAM.Config 0).Gateway}}' "$1"; }
resolves() { berth exec "$1" nslookup "$2" 2>&1 | awk '/^Address/ { address = $NF } END { print address }'; }

@test "a running container joins a network: interface, address, names, hosts; and leaves it again" {
    berth network create one >/dev/null
    berth network create --subnet 10.231.8.0/24 two >/dev/null
    sleeper aa --network one
    sleeper bb --network two
    berth network connect --alias other --ip 10.231.8.77 two aa
    [ "$(links aa)" = "eth0 eth1 lo " ]
    [ "$(address aa two)" = 10.231.8.77 ]
    berth exec aa ping -c 1 -W 5 bb
    berth exec bb ping -c 1 -W 5 other
    [ "$(resolves bb aa)" = 10.231.8.77 ]
    berth exec aa grep -q '^10.231.8.77' /etc/hosts
    berth network inspect two | grep -q '"IPv4Address": "10.231.8.77/24"'
    [ "$(berth inspect -f '{{(index .NetworkSettings.Networks "two").IPAMConfig.IPv4Address}}' aa)" = 10.231.8.77 ]
    [ "$(default_route aa)" = "$(gateway one) eth0" ]

    run berth network connect two aa
    assert_status 1
    assert_output_has "endpoint with name aa already exists in network two"
    run berth network rm two
    assert_status 1
    assert_output_has "has active endpoints"

    berth network disconnect two aa
    [ "$(links aa)" = "eth0 lo " ]
    run ! berth exec bb nslookup other
    run ! berth exec aa grep -q 10.231.8 /etc/hosts
    run berth network disconnect two aa
    assert_status 1
    assert_output_has "is not connected to network two"
    berth network connect two aa # the lowest number that is free
    [ "$(links aa)" = "eth0 eth1 lo " ]
}

@test "what was connected is there after a restart, by the command and by the policy" {
    berth network create one >/dev/null
    berth network create two >/dev/null
    berth run -d --init --restart always --name aa --network one busybox sh -c 'trap "exit 3" TERM; while :; do sleep 0.1; done' >/dev/null
    berth network connect two aa
    two=$(address aa two)
    berth network disconnect one aa
    berth restart -t 0 aa
    [ "$(links aa)" = "eth0 lo " ]
    [ "$(address aa two)" = "$two" ]
    berth network connect one aa
    berth exec aa kill -TERM 1
    wait_for 30 sh -c '[ "$(berth inspect -f "{{.RestartCount}} {{.State.Running}}" aa)" = "1 true" ]'
    wait_for 30 berth exec aa true
    [ "$(links aa)" = "eth0 eth1 lo " ]
    [ "$(default_route aa)" = "$(gateway two) eth0" ]
    berth stop -t 0 aa
    berth network disconnect two aa
    berth start aa
    [ "$(links aa)" = "eth0 lo " ]
    [ "$(default_route aa)" = "$(gateway one) eth0" ]
}

@test "a run that the policy starts gets back what the one before has removed" {
    berth network create one >/dev/null
    berth network create two >/dev/null
    sleeper aa --restart always --cap-add NET_ADMIN --network one
    berth network connect two aa
    berth exec aa ip link del eth0
    [ "$(links aa)" = "eth1 lo " ]
    berth exec aa sh -c 'kill -KILL $(pidof sleep)'
    wait_for 30 sh -c '[ "$(berth inspect -f "{{.RestartCount}} {{.State.Running}}" aa)" = "1 true" ]'
    wait_for 30 berth exec aa true
    [ "$(links aa)" = "eth0 eth1 lo " ]
    [ "$(default_route aa)" = "$(gateway one) eth0" ]
}

@test "a network whose name is the beginning of the other's id is not left with it" {
    id=$(berth network create other)
    short=${id:0:1}
    berth network create "$short" >/dev/null
    sleeper aa --network "$short"
    berth network connect other aa
    berth network disconnect other aa
    [ "$(berth inspect -f '{{.HostConfig.NetworkMode}}' aa)" = "$short" ]
}

@test "the network with the highest priority has the default route, and published ports follow it" {
    port=$(free_port)
    berth network create one >/dev/null
    berth network create two >/dev/null
    berth network create --internal closed >/dev/null
    berth run -d --init --name aa --network closed -p "127.0.0.1:$port:80" busybox sh -c 'mkdir w; echo here >w/index.html; httpd -f -h w' >/dev/null
    asks() { python3 -c 'import sys, urllib.request as u; print(u.urlopen("http://127.0.0.1:%s/" % sys.argv[1], timeout=5).read().decode().strip())' "$port"; }
    run ! asks
    berth network connect one aa
    [ "$(asks)" = here ]
    [ "$(default_route aa)" = "$(gateway one) eth1" ]
    berth network connect --gw-priority 5 --driver-opt com.docker.network.endpoint.ifname=web0 two aa
    [ "$(default_route aa)" = "$(gateway two) web0" ]
    [ "$(berth inspect -f '{{(index .NetworkSettings.Networks "two").GwPriority}}' aa)" = 5 ]
    [ "$(asks)" = here ]
    berth network disconnect two aa
    [ "$(default_route aa)" = "$(gateway one) eth1" ]
    [ "$(asks)" = here ]
    berth network disconnect one aa
    run ! asks
    [ -z "$(berth port aa)" ]
    # Nobody holds it any more.
    python3 -c 'import socket, sys; s = socket.socket(); s.bind(("127.0.0.1", int(sys.argv[1])))' "$port"
}

@test "a host port that somebody took meanwhile leaves the container as it was" {
    port=$(free_port)
    berth network create --internal closed >/dev/null
    berth network create one >/dev/null
    sleeper aa --network closed -p "127.0.0.1:$port:80"
    python3 -c 'import socket, sys, time; s = socket.socket(); s.bind(("127.0.0.1", int(sys.argv[1]))); s.listen(); print("held", flush=True); time.sleep(1000)' "$port" 3>&- >"$WORK/held" &
    holder=$!
    wait_for 30 grep -q held "$WORK/held"
    run berth network connect one aa
    kill $holder
    assert_status 1
    assert_output_has "address already in use"
    [ "$(links aa)" = "eth0 lo " ]
    [ "$(berth inspect -f '{{len .NetworkSettings.Networks}}' aa)" = 1 ]
    berth network connect one aa
    [ "$(links aa)" = "eth0 eth1 lo " ]
}

listens() { # listens PROTOCOL PORT: the addresses
    ss -H -n -l "-$1" "sport = :$2" | awk '{ sub(/:[0-9]*$/, "", $4); print $4 }' | sort -u | tr '\n' ' '
}

@test "a published port is on what stands for every address in the network that it leads through" {
    local port other
    port=$(free_port)
    berth network create -o com.docker.network.bridge.host_binding_ipv4=127.0.0.1 inner >/dev/null
    berth network create outer >/dev/null
    sleeper cc --network outer -p "$port:80" -p "$port:80/udp" -p 127.0.0.2:$((port - 1)):81
    [ "$(berth port cc 80/tcp)" = "0.0.0.0:$port" ]
    berth network connect inner cc
    berth network disconnect outer cc
    [ "$(berth port cc)" = $'80/tcp -> 127.0.0.1:'"$port"$'\n80/udp -> 127.0.0.1:'"$port"$'\n81/tcp -> 127.0.0.2:'$((port - 1)) ]
    [ "$(listens t "$port")" = "127.0.0.1 " ]
    [ "$(listens u "$port")" = "127.0.0.1 " ]
    # One that is in the way leaves all as it was.
    python3 -c '
import socket, sys, time
s = socket.socket(); s.bind(("127.0.0.3", int(sys.argv[1]))); s.listen()
print("ready", flush=True); time.sleep(1000)' "$port" >ready 3>&- &
    other=$!
    wait_for 60 grep -q ready ready
    berth network connect outer cc
    run berth network disconnect inner cc
    assert_status 1
    assert_output_has "address already in use"
    [ "$(berth port cc 80/tcp)" = "127.0.0.1:$port" ]
    [ "$(listens t "$port")" = "127.0.0.1 127.0.0.3 " ]
    kill "$other"
    wait "$other" || :
    berth network disconnect inner cc
    [ "$(berth port cc 80/tcp)" = "0.0.0.0:$port" ]
    [ "$(listens t "$port")" = "0.0.0.0 " ]
    [ "$(listens u "$port")" = "0.0.0.0 " ]
}

@test "links, and what is no network of the user's" {
    berth network create one >/dev/null
    sleeper aa --network one
    sleeper bb
    sleeper cc --network none
    sleeper dd --network host
    sleeper ee --network container:aa
    berth network connect --link aa:db one bb
    [ "$(resolves bb db)" = "$(address aa one)" ]
    run ! berth exec aa nslookup db
    run berth network connect --alias x bridge aa
    assert_output_has "network-scoped alias is supported only for containers in user defined networks"
    run berth network connect --ip 10.9.9.9 bridge aa
    assert_output_has "user specified IP address is supported on user defined networks only"
    berth network connect bridge aa
    run berth network connect --ip 1.2.3.4 one cc
    assert_output_has "private (none) mode"
    berth network disconnect none cc
    berth network connect one cc
    [ "$(links cc)" = "eth0 lo " ]
    for name in dd ee; do
        run berth network connect one $name
        assert_status 1
        assert_output_has "cannot be connected to any other network"
    done
    run berth network connect host aa
    assert_output_has "cannot connect container to host network"
    run berth network connect nowhere aa
    assert_output_has "network nowhere not found"
    run berth network connect one nobody
    assert_output_has "No such container: nobody"
    run berth network connect --driver-opt com.example.x=1 one bb
    assert_status 1
}

@test "what a container has written into its hosts and hostname stays when its networks change" {
    berth network create one >/dev/null
    berth network create two >/dev/null
    sleeper aa --network one
    berth exec aa sh -c 'echo 192.0.2.7 mine >>/etc/hosts; echo own >/etc/hostname'
    berth network connect two aa
    berth exec aa grep -q '^192.0.2.7 mine$' /etc/hosts
    berth exec aa grep -q "^$(address aa two)" /etc/hosts
    gone=$(address aa one)
    berth network disconnect one aa
    [ "$(berth exec aa grep -c mine /etc/hosts)" = 1 ]
    run ! berth exec aa grep -q "^$gone" /etc/hosts
    [ "$(berth exec aa cat /etc/hostname)" = own ]
    berth restart -t 0 aa
    run ! berth exec aa grep -q mine /etc/hosts
}

@test "what is there under the name is left as it is when asked, and nothing else is passed over" {
    berth network create --subnet 10.231.9.0/24 -o com.docker.network.bridge.name=brtaken0 one >/dev/null
    run -0 berth network create --ignore --subnet 10.231.10.0/24 one
    [ "$(gateway one)" = 10.231.9.1 ]
    run ! berth network create --ignore --subnet 10.231.9.0/25 two
    assert_output_has "Pool overlaps"
    run ! berth network create --ignore -o com.docker.network.bridge.name=brtaken0 two
    assert_output_has "belongs to another network"
}

@test "killed at any point, the same command carries on" {
    berth network create one >/dev/null
    berth network create two >/dev/null
    sleeper aa --network one
    sleeper bb --network two
    for point in container.connect.rows network.update.rows container.connect.network container.connect.config; do
        BERTH_FAULT=$point:kill run berth network connect --alias x two aa
        [ "$status" -eq 137 ]
        berth network connect two aa
        [ "$(links aa)" = "eth0 eth1 lo " ]
        berth exec bb ping -c 1 -W 5 x
        berth network disconnect two aa
        [ "$(links aa)" = "eth0 lo " ]
    done
    for point in container.connect.config container.disconnect.detached container.disconnect.rows; do
        berth network connect two aa
        BERTH_FAULT=$point:kill run berth network disconnect two aa
        [ "$status" -eq 137 ]
        run berth network disconnect two aa
        [ "$(links aa)" = "eth0 lo " ]
        run ! berth exec bb nslookup aa
    done
}

@test "compose's drift tells of a network that was connected by hand" {
    printf 'name: net6\nservices:\n  a:\n    image: busybox\n    init: true\n    command: [sleep, "1000"]\n' >compose.yaml
    berth compose up -d
    berth network create more >/dev/null
    berth network connect more net6-a-1
    run berth compose drift
    assert_output_has 'it is connected to network "more"'
    berth network disconnect more net6-a-1
    run berth compose drift
    assert_status 0
    berth network disconnect net6_default net6-a-1
    berth compose up -d # connected again, by a new container
    [ "$(links net6-a-1)" = "eth0 lo " ]
    berth compose down -t 0
}

@test "a network without names, with name servers of its own, with a bridge of a chosen name" {
    berth network create --disable-dns quiet >/dev/null
    sleeper aa --network quiet
    sleeper bb --network quiet
    berth exec aa ping -c 1 -W 5 "$(address bb quiet)"
    run berth exec aa ping -c 1 -W 5 bb
    assert_status 1
    ! berth exec aa cat /etc/resolv.conf | grep -q "$(gateway quiet)" || return 1
    [ "$(berth network inspect -f '{{index .Options "io.berth.network.disable_dns"}}' quiet)" = true ]

    berth network create --dns 10.9.8.7 --dns fd00::7 asked >/dev/null
    sleeper cc --network asked
    sleeper dd --network asked --dns 10.1.1.1
    grep -qx "forward $(address cc asked) 10.9.8.7 fd00::7" "$BERTH_RUN/dns/$(berth network inspect -f '{{.Id}}' asked)"
    grep -qx "forward $(address dd asked) 10.1.1.1" "$BERTH_RUN/dns/$(berth network inspect -f '{{.Id}}' asked)"
    run berth network create --dns 10.9.8.x bad
    assert_status 1
    assert_output_has 'expected addresses'
    run berth network create --dns 10.9.8.7 --disable-dns bad
    assert_output_has '--dns and --disable-dns exclude each other'

    berth network create --interface-name "bt$$" named >/dev/null
    sleeper ee --network named
    ip link show "bt$$"
    run berth network create --interface-name toolonginterfacename bad
    assert_status 1
    assert_output_has 'at most 15 characters'
}

@test "a network that gives out no addresses" {
    berth network create --ipam-driver none bare >/dev/null
    sleeper aa --network bare
    sleeper bb --network bare
    [ "$(links aa)" = "eth0 lo " ]
    [ -z "$(berth exec aa ip -4 addr show eth0 | grep inet)" ]
    [ -z "$(address aa bare)" ]
    [ "$(berth exec aa cat /sys/class/net/eth0/address)" != "$(berth exec bb cat /sys/class/net/eth0/address)" ]
    berth exec --privileged aa ip addr add 10.240.0.1/24 dev eth0
    berth exec --privileged bb ip addr add 10.240.0.2/24 dev eth0
    berth exec aa ping -c 1 -W 5 10.240.0.2
    berth restart -t 0 aa >/dev/null
    berth network inspect bare | jq -e '.[0].Containers | length == 2'
    run berth network create --ipam-driver none --subnet 10.7.0.0/24 bad
    assert_status 1
    assert_output_has 'without addresses there can be no subnet'
    run berth network create --ipam-driver dhcp bad
    assert_output_has 'unsupported ipam driver "dhcp"'
    berth network create --ipam-driver host-local usual >/dev/null
    [ -n "$(gateway usual)" ]
}

@test "what belongs to a swarm says so" {
    berth network create --attachable --scope local mine >/dev/null
    [ "$(berth network inspect -f '{{.Attachable}} {{.Scope}}' mine)" = "true local" ]
    for option in --config-only --ingress '--config-from x' '--scope swarm'; do
        # shellcheck disable=SC2086
        run berth network create $option bad
        assert_status 1
        assert_output_has 'it is for the networks of a swarm'
    done
}

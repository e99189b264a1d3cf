# What a project's networks and its services' places in them come to in the containers.

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
    berth compose down -v -t 0 >/dev/null 2>&1 || :
}

has_ipv6() { [ -e /proc/sys/net/ipv6 ] || skip "the machine has no IPv6"; }
inside() { berth compose exec -T "$@"; }
project() { cat >compose.yaml; }

@test "enable_ipv6, ipam of both families, fixed and link-local addresses, names of interfaces" {
    has_ipv6
    project <<'YAML'
name: net6
x-base: &base { image: busybox, init: true, command: [sleep, "1000"], stop_grace_period: 0s }
services:
  a:
    <<: *base
    networks:
      front:
        ipv4_address: 10.231.9.77
        ipv6_address: 2001:db8:9::77
        link_local_ips: [169.254.7.7, "fe80::77"]
        mac_address: 02:42:00:00:00:77
        interface_name: web0
      back:
        gw_priority: 5
        driver_opts:
          com.docker.network.endpoint.ifname: db0
          com.docker.network.endpoint.sysctls: net.ipv4.conf.IFNAME.log_martians=1,net.ipv6.conf.IFNAME.hop_limit=77
  b:
    <<: *base
    networks: [front, back]
  c:
    <<: *base
    networks: [six]
networks:
  front:
    enable_ipv6: true
    ipam:
      config:
        - { subnet: 10.231.9.0/24, aux_addresses: { router: 10.231.9.2 } }
        - { subnet: "2001:db8:9::/64", gateway: "2001:db8:9::ff", aux_addresses: { router6: "2001:db8:9::1" } }
  back: { enable_ipv6: true }
  six: { enable_ipv4: false, enable_ipv6: true }
YAML
    berth compose up -d
    [ "$(inside a ls /sys/class/net | tr '\n' ' ')" = "db0 lo web0 " ]
    inside a ip addr show web0 >out
    for address in 10.231.9.77/24 2001:db8:9::77/64 169.254.7.7/16 fe80::77/64 02:42:00:00:00:77; do
        grep -qF " $address " out || { cat out; return 1; }
    done
    [ "$(inside a cat /proc/sys/net/ipv4/conf/db0/log_martians /proc/sys/net/ipv6/conf/db0/hop_limit | tr '\n' ' ')" = "1 77 " ]
    [ "$(inside a ip route | awk '/^default/ { print $5 }')" = db0 ]
    [ "$(inside a ip -6 route | awk '/^default/ { print $5 }')" = db0 ]
    # The addresses that are taken are given to nobody.
    [ "$(berth inspect -f '{{.NetworkSettings.Networks.net6_front.IPAddress}} {{.NetworkSettings.Networks.net6_front.GlobalIPv6Address}}' net6-b-1)" = "10.231.9.3 2001:db8:9::2" ]
    inside b ping6 -c 1 -W 5 2001:db8:9::77
    inside b nslookup a.net6_front | grep -qF 2001:db8:9::77
    [ -z "$(inside c ip -4 addr show eth0)" ]
    inside c ping6 -c 1 -W 5 c
    [ "$(berth network inspect -f '{{.EnableIPv4}} {{.EnableIPv6}}' net6_six)" = "false true" ]
    berth network ls --filter name=net6_six --format '{{.IPv4}} {{.IPv6}}' | grep -qx "false true"
    [ "$(berth inspect -f '{{.NetworkSettings.Networks.net6_front.IPAMConfig.LinkLocalIPs}}' net6-a-1)" = "[169.254.7.7 fe80::77]" ]
    run berth compose up -d
    assert_output_lacks Recreate
    berth restart -t 0 net6-a-1
    inside a ip addr show web0 | grep -qF 2001:db8:9::77/64
}

@test "ports are published over both families, and over the one that is left" {
    has_ipv6
    port=$(free_port)
    project <<YAML
name: net6
services:
  a:
    image: busybox
    init: true
    command: [sh, -c, "mkdir w; echo here >w/index.html; exec httpd -f -p 80 -h w"]
    stop_grace_period: 0s
    ports: ["$port:80", "80", "[::]:$((port + 1)):80"]
networks:
  default: { enable_ipv6: true }
YAML
    asks() { python3 -c 'import sys, urllib.request as u; print(u.urlopen("http://%s:%s/" % tuple(sys.argv[1:]), timeout=5).read().decode().strip())' "$1" "$port"; }
    berth compose up -d
    before=$(berth port net6-a-1 | sort)
    [ "$(wc -l <<<"$before")" -eq 5 ]
    grep -qx "80/tcp -> 0.0.0.0:$port" <<<"$before"
    grep -qx "80/tcp -> \[::\]:$port" <<<"$before"
    other=$(grep -F 0.0.0.0 <<<"$before" | grep -v ":$port\$" | sed 's/.*://') # the same in both families
    grep -qx "80/tcp -> \[::\]:$other" <<<"$before"
    [ "$(asks 127.0.0.1)" = here ]
    [ "$(asks localhost)" = here ]
    gateway=$(berth network inspect -f '{{(index .IPAM.Config 1).Gateway}}' net6_default)
    [ "$(asks "[$gateway]")" = here ]
    # Another network without IPv6: the ports lead there over IPv4 alone.
    berth network create four >/dev/null
    berth network connect --gw-priority 1 four net6-a-1
    [ "$(asks 127.0.0.1)" = here ]
    [ "$(asks "[$gateway]")" = here ]
    berth network disconnect net6_default net6-a-1
    [ "$(berth port net6-a-1 | sort)" = "$(grep -F 0.0.0.0 <<<"$before")" ]
    [ "$(asks 127.0.0.1)" = here ]
    berth network connect --ip6 fd00::1 four net6-a-1 && false
    berth network connect net6_default net6-a-1
    [ "$(berth port net6-a-1 | sort)" = "$before" ]
    [ "$(asks "[$gateway]")" = here ]
    # To a routed network and back.
    berth network create -o com.docker.network.bridge.gateway_mode_ipv4=routed routed >/dev/null
    berth network connect --gw-priority 2 routed net6-a-1
    berth port net6-a-1 | grep -qx "80/tcp -> 0.0.0.0:"
    run ! asks 127.0.0.1
    berth network disconnect routed net6-a-1
    [ "$(berth port net6-a-1 | sort)" = "$before" ]
    [ "$(asks 127.0.0.1)" = here ]
    berth network rm routed
    berth compose down -t 0
    berth network rm four
}

@test "run and connect take IPv6 addresses, and refuse what the network has not" {
    has_ipv6
    berth network create --ipv6 --subnet 2001:db8:7::/64 --ip-range 2001:db8:7::100/120 --aux-address x=2001:db8:7::100 six >/dev/null
    [ "$(berth run --rm --network six busybox ip -6 addr show eth0 scope global | awk '/inet6/ { print $2 }')" = 2001:db8:7::101/64 ]
    [ "$(berth run --rm --network six --ip6 2001:db8:7::9 busybox ip -6 addr show eth0 scope global | awk '/inet6/ { print $2 }')" = 2001:db8:7::9/64 ]
    berth run --rm --network name=six,ip6=2001:db8:7::9,interface-name=web0,link-local-ip=fe80::9 busybox ip -6 addr show web0 >out
    grep -qF fe80::9/64 out
    berth run --rm --network six --add-host me:host-gateway busybox grep me /etc/hosts
    run berth run --rm --network six --ip6 2001:db8:8::9 busybox true
    assert_output_has "no configured subnet"
    run berth run --rm --network six --link-local-ip 10.0.0.1 busybox true
    assert_output_has "invalid link-local IP address"
    run berth run --rm --network name=six,interface-name=far-too-long-a-name busybox true
    assert_output_has "invalid interface name"
    for setting in net.ipv4.conf.eth0.log_martians=1 net.core.somaxconn=1 net.ipv4.conf.IFNAME.../../../x=1 net.ipv4.conf.IFNAME.x; do
        run berth run --rm --network "name=six,driver-opt=com.docker.network.endpoint.sysctls=$setting" busybox true
        assert_output_has "invalid setting"
    done
    run berth network create --ipv6 --subnet fd00:1::/64 --gateway fd00:2::1 bad
    assert_output_has "is not an address of the subnet"
    run berth network create --gateway fd00:2::1 bad
    assert_output_has "no --subnet"
    run berth network create --subnet 10.1.0.0/24 --subnet 10.2.0.0/24 bad
    assert_output_has "multiple subnets"
    # IPv6 can be switched off for a container.
    [ -z "$(berth run --rm --network six --sysctl net.ipv6.conf.all.disable_ipv6=1 busybox sh -c 'ip -6 addr; grep : /etc/hosts')" ]
    berth network rm six
}

@test "macvlan and ipvlan: containers stand on a link of the machine, with its network's addresses" {
    parent=nv$$
    ip link add "$parent" type bridge
    ip link set "$parent" up
    for driver in macvlan ipvlan; do
        ip link add link "$parent" name "${parent}x" type $driver || { echo "# this kernel has no $driver" >&3; continue; }
        ip link del "${parent}x"
        project <<YAML
name: net6
x-base: &base { image: busybox, init: true, command: [sleep, "1000"], stop_grace_period: 0s }
services:
  a: { <<: *base, ports: ["8080"], networks: { lan: { ipv4_address: 10.231.10.77, interface_name: lan0 } } }
  b: { <<: *base, networks: [lan] }
networks:
  lan:
    driver: $driver
    driver_opts: { parent: $parent }
    ipam: { config: [{ subnet: 10.231.10.0/24, gateway: 10.231.10.254 }] }
YAML
        berth compose up -d
        inside a ip addr show lan0 | grep -qF ' 10.231.10.77/24 '
        [ "$(inside a ip route | awk '/^default/ { print $3, $5 }')" = "10.231.10.254 lan0" ]
        inside b ping -c 1 -W 5 10.231.10.77
        [ -z "$(berth port net6-a-1)" ]
        [ "$(berth network inspect -f '{{.Driver}}' net6_lan)" = $driver ]
        berth restart -t 0 net6-a-1
        inside b ping -c 1 -W 5 10.231.10.77
        run berth network disconnect net6_lan net6-b-1
        assert_status 1
        assert_output_has "not supported"
        # Beside a network of its own.
        berth network create more >/dev/null
        berth network connect --gw-priority 1 more net6-b-1
        [ "$(inside b ip route | awk '/^default/ { print $5 }')" = eth1 ]
        inside b ping -c 1 -W 5 10.231.10.77
        berth network disconnect more net6-b-1
        berth network rm more
        berth compose down -t 0
    done
    ip link del "$parent"
    run berth network create -d macvlan lan
    assert_output_has "needs the option \"parent\""
    run berth network create -d macvlan -o parent=eth0 lan
    assert_output_has "needs a subnet"
    run berth network create -d macvlan -o parent=eth0 -o ipvlan_mode=l3 --subnet 10.231.11.0/24 lan
    assert_output_has "not supported"
    berth network create -d macvlan -o parent=nowhere0 --subnet 10.231.11.0/24 lan >/dev/null
    run berth run --rm --network lan busybox true
    assert_output_has "this machine has no link nowhere0"
    berth network rm lan
    run berth network create -d overlay lan
    assert_output_has "driver \"overlay\" is not supported"
}

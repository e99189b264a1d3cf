#!/usr/bin/env bats
# Attributes of services, seen from inside the container: each has its effect.

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
    berth compose down -v -t 0 >/dev/null 2>&1
}

# service LINES...: one service "a" that does nothing for long, with these attributes, is started.
service() {
    printf 'name: attributes\nservices:\n  a:\n    image: busybox\n    command: [sleep, "1000"]\n    stop_grace_period: 0s\n' >compose.yaml
    [ $# -eq 0 ] || printf '    %s\n' "$@" >>compose.yaml
    [ -z "${TOP:-}" ] || printf '%s\n' "$TOP" >>compose.yaml
    berth up -d 2>"$STATE/up" || { cat "$STATE/up" compose.yaml >&2; return 1; }
}

# inside COMMAND...: in the service's container; output and status as by run.
inside() {
    run berth compose exec -T a "$@"
}

# is TEXT COMMAND...: what the command prints inside.
is() {
    local text=$1
    shift
    inside "$@"
    [ "$status" -eq 0 ] && [ "$output" = "$text" ] ||
        { printf 'expected %q but got (status %s) %q from: %s\n' "$text" "$status" "$output" "$*" >&2; return 1; }
}

# Of the container's first process: what a line of its status says.
status_of() {
    berth compose exec -T a sed -n "s/^$1:[[:space:]]*//p" /proc/1/status
}

# What the container's cgroup says, in v2's file or v1's controller and file.
cgroup() {
    local pid path
    pid=$(berth inspect -f '{{.State.Pid}}' attributes-a-1)
    if [ -f /sys/fs/cgroup/cgroup.controllers ]; then
        path=$(sed -n 's/^0:://p' "/proc/$pid/cgroup")
        cat "/sys/fs/cgroup$path/$1"
    else
        path=$(sed -n "s/^[0-9]*:\([^:]*,\)*$2\(,[^:]*\)*:\(.*\)/\3/p" "/proc/$pid/cgroup")
        cat "/sys/fs/cgroup/$2$path/$3"
    fi
}

@test "environment and env_file: files first, later files stronger, environment strongest, and the shell's for bare names" {
    printf 'A=one\nB=one\nC="quoted # text"\nD=${B}-expanded\n# comment\n' >first.env
    printf 'B=two\n' >second.env
    E=from-shell service 'env_file: [first.env, second.env, {path: none.env, required: false}]' \
        'environment: {A: three, E: , EMPTY: ""}'
    is "three two quoted # text from-shell []" sh -c 'echo "$A $B $C $E [$EMPTY]"'
    is "one-expanded" sh -c 'echo "$D"'
}

@test "interpolation takes .env, the shell before it, and defaults" {
    printf 'FROM_FILE=file\nBOTH=file\n' >.env
    BOTH=shell service 'environment: ["X=${FROM_FILE}-${BOTH}-${UNSET:-default}-${UNSET-other}-$$HOME"]'
    is 'file-shell-default-other-$HOME' sh -c 'echo "$X"'
    rm .env
}

@test "entrypoint and command replace the image's; an empty entrypoint clears it" {
    service 'entrypoint: [sh, -c, "echo \"$$0 $$@\" >/said; exec sleep 1000"]'
    is "sleep 1000" cat /said
}

@test "user, by name and by numbers, with the image's supplementary groups" {
    service 'user: app'
    is "1000 1000 1000 63" sh -c 'echo $(id -u) $(id -g) $(id -G)'
    is "/home/app" sh -c 'echo $HOME'
    service 'user: "1234:4321"' 'group_add: [audio]'
    is "1234 4321" sh -c 'echo $(id -u) $(id -g)'
}

@test "working_dir is made and is where programs start" {
    service 'working_dir: /some/where'
    is /some/where pwd
    is /some/where readlink /proc/1/cwd
}

@test "hostname and domainname, also in /etc/hosts" {
    service 'hostname: box'
    is box hostname
    inside grep -w box /etc/hosts
    assert_status 0
}

@test "init: PID 1 reaps and forwards; without it PID 1 is the program" {
    service 'init: true'
    inside cat /proc/1/comm
    assert_output_has init
    service 'init: false'
    is sleep cat /proc/1/comm
}

@test "tty gives the program a terminal, stdin_open leaves its input open" {
    service 'tty: true' 'stdin_open: true'
    inside readlink /proc/1/fd/0
    assert_output_has /dev/
    sed -i 's/command:.*/command: cat/' compose.yaml
    berth up -d
    [ "$(berth compose ps --format '{{.State}}')" = running ]
    sed -i 's/stdin_open: true/stdin_open: false/; s/tty: true/tty: false/' compose.yaml
    berth up -d
    [ "$(berth wait attributes-a-1)" = 0 ]
}

@test "read_only: the root cannot be written, volumes and tmpfs can" {
    TOP='volumes: {data: {}}' service 'read_only: true' 'volumes: [data:/data]' 'tmpfs: [/scratch]'
    inside touch /file
    assert_status 1
    assert_output_has "Read-only file system"
    inside touch /data/file /scratch/file /dev/shm/file
    assert_status 0
}

@test "tmpfs takes size and mode, in both forms" {
    service 'tmpfs: ["/one:size=1m,mode=1770,noexec"]' \
        'volumes: [{type: tmpfs, target: /two, tmpfs: {size: 2m, mode: 0700}}]'
    is 1770 stat -c %a /one
    is 700 stat -c %a /two
    is "1024 2048" sh -c "df -k /one /two | awk 'NR > 1 {print \$2}' | xargs"
    inside grep ' /one ' /proc/mounts
    assert_output_has noexec
}

@test "cap_add and cap_drop" {
    service 'cap_drop: [ALL]'
    [ "$(status_of CapEff)" = 0000000000000000 ]
    service 'cap_drop: [ALL]' 'cap_add: [NET_ADMIN, CAP_SYS_TIME]'
    [ "$(status_of CapEff)" = 0000000002001000 ]
    service 'cap_drop: [chown]'
    inside chown 1 /etc/passwd
    assert_status 1
    service
    [ "$(status_of CapEff)" = 00000000a80425fb ]
}

@test "ulimits, one number and both" {
    service 'ulimits: {nproc: 123, nofile: {soft: 64, hard: 128}}'
    is "64 128" sh -c 'echo $(ulimit -Sn) $(ulimit -Hn)'
    is "123 123" awk '/^Max processes/ {print $3, $4}' /proc/self/limits
}

@test "mem_limit, cpus and pids_limit are the cgroup's limits" {
    service 'mem_limit: 64m' 'cpus: 0.5' 'pids_limit: 20'
    [ "$(cgroup memory.max memory memory.limit_in_bytes)" = 67108864 ]
    [ "$(cgroup pids.max pids pids.max)" = 20 ]
    if [ -f /sys/fs/cgroup/cgroup.controllers ]; then
        [ "$(cgroup cpu.max)" = "50000 100000" ]
    else
        [ "$(cgroup '' cpu cpu.cfs_quota_us)" = 50000 ]
    fi
}

@test "more memory than mem_limit is refused, and that is told" {
    service 'mem_limit: 32m'
    inside sh -c 'head -c 100000000 /dev/zero | tail'
    [ "$status" -ne 0 ]
    sed -i 's/command:.*/command: [sh, -c, "exec tail \/dev\/zero"]/' compose.yaml
    berth up -d
    [ "$(berth wait attributes-a-1)" = 137 ]
    [ "$(berth inspect -f '{{.State.OOMKilled}}' attributes-a-1)" = true ]
}

@test "stop_signal is what stops, stop_grace_period how long it waits" {
    service 'stop_signal: SIGUSR1'
    sed -i 's/command:.*/command: [sh, -c, "trap \x27exit 42\x27 USR1; while :; do sleep 0.1; done"]/; s/stop_grace_period: 0s/stop_grace_period: 1m/' compose.yaml
    berth up -d
    berth compose stop
    [ "$(berth inspect -f '{{.State.ExitCode}}' attributes-a-1)" = 42 ]
    sed -i 's/trap [^;]*;/trap "" USR1;/; s/stop_grace_period: 1m/stop_grace_period: 1s/' compose.yaml
    sed -i "s/command:.*/command: [sh, -c, \"trap '' USR1; while :; do sleep 0.1; done\"]/" compose.yaml
    berth up -d
    berth compose stop
    [ "$(berth inspect -f '{{.State.ExitCode}}' attributes-a-1)" = 137 ]
}

@test "labels are on the container, the network and the volume" {
    TOP='networks: {default: {labels: {where: network}}}
volumes: {data: {labels: [where=volume]}}' service 'labels: {where: container, empty: ""}' 'volumes: [data:/data]'
    [ "$(berth inspect -f '{{.Config.Labels.where}}' attributes-a-1)" = container ]
    [ "$(berth network inspect -f '{{.Labels.where}}' attributes_default)" = network ]
    [ "$(berth volume inspect -f '{{.Labels.where}}' attributes_data)" = volume ]
    [ "$(berth ps -q --filter label=where=container | wc -l)" = 1 ]
}

@test "secrets and configs from files are there, read-only, at their places" {
    echo s3cret >secret.txt
    echo configured >config.txt
    TOP='secrets: {one: {file: secret.txt}}
configs: {two: {file: config.txt}}' service 'secrets: [one, {source: one, target: other}, {source: one, target: /etc/abs}]' \
        'configs: [two, {source: two, target: /etc/two.conf}]'
    is s3cret cat /run/secrets/one
    is s3cret cat /run/secrets/other
    is s3cret cat /etc/abs
    is configured cat /two
    is configured cat /etc/two.conf
    inside sh -c 'echo x >/run/secrets/one'
    assert_status 1
    inside sh -c 'echo x >/etc/two.conf'
    assert_status 1
    [ "$(cat secret.txt)" = s3cret ]
}

@test "volumes: named ones keep data, binds show the host, ro is read-only, anonymous ones go with down -v" {
    mkdir -p host
    echo host >host/file
    TOP='volumes: {data: {}}' service 'volumes: [data:/data, ./host:/host:ro, ./host:/rw, /anonymous]'
    is host cat /host/file
    inside touch /host/new
    assert_status 1
    inside sh -c 'echo kept >/data/kept; echo new >/rw/new; touch /anonymous/x'
    assert_status 0
    [ "$(cat host/new)" = new ]
    berth down -v
    [ -z "$(berth volume ls -q)" ]
    berth up -d
    inside sh -c '! test -e /data/kept && echo kept >/data/kept'
    assert_status 0
    berth down
    berth up -d
    is kept cat /data/kept
}

@test "networks: aliases, the service's name and the container's, on every network of the service" {
    cat >compose.yaml <<'YAML'
name: attributes
services:
  a:
    image: busybox
    command: sleep 1000
    stop_grace_period: 0s
    networks: [front, back]
  b:
    image: busybox
    command: sleep 1000
    stop_grace_period: 0s
    hostname: hosty
    networks:
      front: {aliases: [other, third.example]}
  c:
    image: busybox
    command: sleep 1000
    stop_grace_period: 0s
    networks: [back]
networks: {front: {}, back: {}}
YAML
    berth up -d
    local name
    for name in b other third.example attributes-b-1 c; do
        inside ping -c 1 -w 5 "$name"
        assert_status 0
    done
    run berth compose exec -T c ping -c 1 -w 5 b
    [ "$status" -ne 0 ]
}

@test "network_mode none, host and service:x" {
    service 'network_mode: none'
    is lo ls /sys/class/net
    service 'network_mode: host'
    [ "$(berth compose exec -T a readlink /proc/self/ns/net)" = "$(readlink /proc/self/ns/net)" ]
    berth down
    cat >compose.yaml <<'YAML'
name: attributes
services:
  a: {image: busybox, command: sleep 1000, stop_grace_period: 0s, network_mode: "service:b"}
  b: {image: busybox, command: sleep 1000, stop_grace_period: 0s}
YAML
    berth up -d
    [ "$(berth compose exec -T a readlink /proc/1/ns/net)" = "$(berth compose exec -T b readlink /proc/1/ns/net)" ]
}

@test "ports: short and long form, TCP and UDP, a chosen and a free one" {
    local tcp udp
    tcp=$(free_port)
    udp=$(free_port)
    service "ports: [\"127.0.0.1:$tcp:80\", {target: 53, published: \"$udp\", protocol: udp, host_ip: 127.0.0.1}, \"127.0.0.1::81\"]"
    sed -i 's/command:.*/command: [sh, -c, "httpd -p 80 -h \/etc; exec httpd -f -p 81 -h \/etc"]/' compose.yaml
    berth up -d
    [ "$(berth compose port a 80)" = "127.0.0.1:$tcp" ]
    [ "$(berth compose port --protocol udp a 53)" = "127.0.0.1:$udp" ]
    wait_for 120 curl -fsS "http://127.0.0.1:$tcp/passwd"
    wait_for 120 curl -fsS "http://$(berth compose port a 81)/passwd"
}

@test "scale makes so many containers, and takes back what is too much" {
    service 'scale: 3'
    [ "$(berth compose ps -q | wc -l)" = 3 ]
    sed -i 's/scale: 3/scale: 1/' compose.yaml
    berth up -d
    [ "$(berth compose ps --format '{{.Name}}')" = attributes-a-1 ]
    berth up -d --scale a=2
    [ "$(berth compose ps -q | wc -l)" = 2 ]
}

@test "restart: on-failure counts, always goes on, no stays" {
    service 'restart: on-failure:2'
    sed -i 's/command:.*/command: [sh, -c, "echo run; exit 3"]/' compose.yaml
    berth up -d
    [ "$(berth wait attributes-a-1)" = 3 ]
    given_up() { [ "$(berth inspect -f '{{.RestartCount}} {{.State.Status}}' attributes-a-1)" = "2 exited" ]; }
    wait_for 120 given_up
    [ "$(berth compose logs --no-log-prefix a | grep -c run)" = 3 ]
    sed -i 's/restart:.*/restart: "no"/' compose.yaml
    berth up -d
    berth wait attributes-a-1
    [ "$(berth inspect -f '{{.RestartCount}}' attributes-a-1)" = 0 ]
    sed -i 's/restart:.*/restart: always/' compose.yaml
    berth up -d
    again() { [ "$(berth inspect -f '{{.RestartCount}}' attributes-a-1)" -ge 2 ]; }
    wait_for 120 again
}

@test "healthcheck as a text, CMD, CMD-SHELL and NONE" {
    local form
    for form in 'test -e /etc/passwd' '["CMD", "test", "-e", "/etc/passwd"]' '["CMD-SHELL", "test -e /etc/passwd && true"]'; do
        service "healthcheck: {test: $form, interval: 1s, timeout: 10s, retries: 3, start_period: 0s}"
        berth up -d --wait
        [ "$(berth inspect -f '{{.State.Health.Status}}' attributes-a-1)" = healthy ]
    done
    service 'healthcheck: {test: ["CMD", "false"], interval: 1s, timeout: 10s, retries: 1}'
    unhealthy() { [ "$(berth inspect -f '{{.State.Health.Status}}' attributes-a-1)" = unhealthy ]; }
    wait_for 120 unhealthy
    run berth up -d --wait
    assert_status 1
    assert_output_has "unhealthy"
    service 'healthcheck: {disable: true}'
    [ "$(berth ps --format '{{.Status}}' | grep -c health)" = 0 ]
}

@test "depends_on: started, healthy, completed" {
    cat >compose.yaml <<'YAML'
name: attributes
services:
  last:
    image: busybox
    command: [sh, -c, "cat /shared/order; exec sleep 1000"]
    stop_grace_period: 0s
    volumes: [shared:/shared]
    depends_on:
      job: {condition: service_completed_successfully}
      healthy: {condition: service_healthy}
      plain: {condition: service_started}
  job:
    image: busybox
    command: [sh, -c, "sleep 0.3; echo job >>/shared/order"]
    volumes: [shared:/shared]
  healthy:
    image: busybox
    command: [sh, -c, "sleep 0.3; echo healthy >>/shared/order; exec sleep 1000"]
    stop_grace_period: 0s
    volumes: [shared:/shared]
    healthcheck: {test: grep -q healthy /shared/order, interval: 1s, timeout: 10s, start_interval: 1s}
  plain:
    image: busybox
    command: sleep 1000
    stop_grace_period: 0s
volumes: {shared: {}}
YAML
    berth up -d
    wait_for 120 sh -c '[ "$(berth compose logs --no-log-prefix last | sort | xargs)" = "healthy job" ]'
}

#!/usr/bin/env bats
# Options of run and create beyond the common ones, Podman's among them; what cannot be done is refused by name.
load lib
bats_require_minimum_version 1.5.0

setup() {
    berth_setup
    import_busybox
}

teardown() {
    berth_teardown
}

@test "options that cannot work are refused by name with status 125" {
    for option in --init-path=/init --requires=c --rdt-class=x --preserve-fds=1 --chrootdirs=/x --shm-size-systemd=1m; do
        run berth run --rm --network none $option busybox true
        assert_status 125
        assert_output_has "\"${option%%=*}\" is not supported"
    done
    for option in --cpu-count=1 --cpu-percent=1 --io-maxiops=1 --io-maxbandwidth=1m; do
        run berth run --rm --network none $option busybox true
        assert_status 125
        assert_output_has 'only Windows has it'
    done
    for option in --passwd-entry=x --group-entry=x --hostuser=x --passwd --passwd=true; do
        run berth run --rm --network none $option busybox true
        assert_status 125
        assert_output_has "nothing is written into the image's /etc/passwd"
    done
    run berth run --rm --network none --use-api-socket busybox true
    assert_status 125
    assert_output_has 'there is no daemon'
    run berth run --rm --storage-opt size=1g busybox true
    assert_status 125
    assert_output_has 'containers have no limit of their size'
    run berth run --rm --isolation hyperv busybox true
    assert_status 125
    run berth run --rm --volume-driver nfs busybox true
    assert_status 125
    assert_output_has 'volume driver "nfs" is not supported'
    run berth run --rm --platform linux/s390x --pull never busybox true
    assert_status 125
}

@test "umask, time zone and the variables of the caller reach the process" {
    [ "$(berth run --rm --umask 0077 --network none busybox sh -c umask)" = 0077 ]
    if [ -e /usr/share/zoneinfo/Asia/Tokyo ]; then
        [ "$(berth run --rm --tz Asia/Tokyo --network none busybox date +%Z)" = JST ]
    fi
    run berth run --rm --tz ../../../etc/passwd --network none busybox true
    assert_status 125
    assert_output_has 'invalid time zone'
    [ "$(FOO=own berth run --rm --env-host -e BAR=2 --network none busybox sh -c 'echo $FOO $BAR')" = "own 2" ]
    [ "$(http_proxy=http://p:1 FOO=own berth run --rm --http-proxy --network none busybox sh -c 'echo $http_proxy $FOO')" = "http://p:1" ]
    run berth run --rm --umask 999 --network none busybox true
    assert_status 125
}

@test "a read-only root has writable places only where Podman's option puts them" {
    run berth run --rm --read-only --network none busybox touch /tmp/x
    assert_status 1
    berth run --rm --read-only --read-only-tmpfs --network none busybox sh -c 'touch /tmp/x /run/x /var/tmp/x; ! touch /x 2>/dev/null'
}

@test "volumes-from gives another container's mounts, but for places that are taken" {
    mkdir host
    echo host >host/file
    berth run --name source --network none -v vol:/vol -v /anon -v "$WORK/host:/host" busybox sh -c 'echo vol >/vol/file; echo anon >/anon/file'
    [ "$(berth run --rm --volumes-from source --network none busybox cat /vol/file /anon/file /host/file)" = $'vol\nanon\nhost' ]
    run berth run --rm --volumes-from source:ro --network none busybox touch /anon/x
    assert_status 1
    assert_output_has 'Read-only file system'
    run berth run --rm --volumes-from source --tmpfs /vol --network none busybox ls /vol
    [ "$output" = "" ]
    # The other container's anonymous volume outlives this one.
    [ "$(berth run --rm --volumes-from source --network none busybox cat /anon/file)" = anon ]
    run berth create --volumes-from no-such busybox
    assert_status 1
    assert_output_has 'No such container: no-such'
}

@test "replace removes the container of that name, running or not" {
    old=$(berth run -d --name x1 --network none busybox sleep 1000)
    new=$(berth run -d --replace --name x1 --network none busybox sleep 1000)
    [ "$old" != "$new" ]
    [ "$(berth ps -aq --no-trunc)" = "$new" ]
    run berth run --rm --replace --network none busybox true
    assert_status 125
    assert_output_has 'cannot replace container without --name being set'
}

@test "pid files name the process and its monitor" {
    berth run -d --name x1 --pidfile pid --conmon-pidfile monitor --network none busybox sleep 1000 >/dev/null
    [ "$(cat pid)" = "$(berth inspect -f '{{.State.Pid}}' x1)" ]
    tr '\0' ' ' <"/proc/$(cat monitor)/cmdline" | grep -q berth-monitor
    berth restart -t 0 x1
    [ "$(cat pid)" = "$(berth inspect -f '{{.State.Pid}}' x1)" ]
    run berth run -d --rm --name x2 --pidfile /no/such/place --network none busybox sleep 1000
    assert_status 125
    [ -z "$(berth ps -aq --filter name=x2)" ]
}

@test "an unhealthy container is stopped, killed or restarted as asked" {
    local check=(--health-cmd 'test ! -e /bad' --health-interval 100ms --health-retries 1 --stop-timeout 0 --network none)
    berth run -d --name stop --health-on-failure stop --restart always "${check[@]}" busybox sleep 1000 >/dev/null
    berth run -d --name kill --health-on-failure kill "${check[@]}" busybox sleep 1000 >/dev/null
    berth run -d --name restart --health-on-failure restart "${check[@]}" busybox sh -c 'rm -f /bad; exec sleep 1000' >/dev/null
    berth run -d --name none --health-on-failure none "${check[@]}" busybox sleep 1000 >/dev/null
    for c in stop kill restart none; do berth exec $c touch /bad; done
    [ "$(berth wait stop kill)" = $'137\n137' ]
    wait_for 60 sh -c '[ "$(berth inspect -f "{{.RestartCount}} {{.State.Status}} {{.State.Health.Status}}" restart)" = "1 running healthy" ]'
    wait_for 60 sh -c '[ "$(berth inspect -f "{{.State.Health.Status}}" none)" = unhealthy ]'
    [ "$(berth inspect -f '{{.State.Status}} {{.RestartCount}}' stop none)" = $'exited 0\nrunning 0' ]
    run berth run --rm --health-on-failure explode busybox true
    assert_status 125
}

@test "limits of block devices are checked and stored as Docker shows them" {
    run berth create --blkio-weight 5 busybox
    assert_status 1
    assert_output_has 'Range of blkio weight is from 10 to 1000'
    run berth create --device-read-bps nonsense busybox
    assert_status 125
    berth create --name x1 --device-read-bps /dev/no-such:1mb --device-write-iops /dev/no-such:100 --cpu-rt-runtime 1000 busybox >/dev/null
    [ "$(berth inspect -f '{{json .HostConfig.BlkioDeviceReadBps}} {{json .HostConfig.BlkioDeviceWriteIOps}} {{.HostConfig.CpuRealtimeRuntime}}' x1)" = '[{"Path":"/dev/no-such","Rate":1048576}] [{"Path":"/dev/no-such","Rate":100}] 1000' ]
    run berth start x1
    assert_status 1
    assert_output_has 'cannot limit the device "/dev/no-such"'
}

@test "systemd as program gets what it needs, other programs do not" {
    [ "$(berth inspect -f '{{len .HostConfig.MaskedPaths}}' "$(berth create busybox true)")" -gt 5 ]
    berth create --name plain busybox /sbin/init >/dev/null
    berth create --name forced --systemd always busybox true >/dev/null
    [ "$(berth inspect -f '{{.Config.StopSignal}}' forced)" = SIGRTMIN+3 ]
    berth inspect -f '{{json .HostConfig.Tmpfs}}' forced | grep -q '/run/lock'
    run berth inspect -f '{{json .Config}}' plain
    assert_output_lacks SIGRTMIN
    run berth create --systemd perhaps busybox true
    assert_status 1
}

@test "a directory is the root instead of an image, written to only when that is wanted" {
    make_rootfs "$WORK/tree"
    berth run --rm --rootfs --network none tree sh -c 'echo own >/root/file; cat /etc/image-name'
    [ "$(cat tree/root/file)" = own ]
    berth run --name over --rootfs --network none "$WORK/tree:O" sh -c 'echo other >/root/file; cat /root/file'
    [ "$(cat tree/root/file)" = own ]
    berth cp over:/root/file copied
    [ "$(cat copied)" = other ]
    run berth diff over
    assert_output_has '/root/file'
    run berth commit over made
    assert_status 1
    assert_output_has 'no image to build on'
    [ "$(berth inspect -f '{{.Image}}' over)" = "" ]
    berth create --name plain --rootfs --network none tree true
    run berth diff plain
    assert_status 1
    assert_output_has 'no layer of its own'
    echo new >new
    berth cp new plain:/root/new
    [ "$(cat tree/root/new)" = new ]
    for root in nowhere new / tree:x; do
        run berth run --rm --rootfs --network none "$root" true
        assert_status 125
    done
}

@test "variables of the image and of berth are left out by name, or all" {
    import_busybox env -c 'ENV ONE=1 TWO=2'
    run berth run --rm --network none --unsetenv ONE --unsetenv HOSTNAME -e THREE=3 env env
    assert_output_lacks ONE=1
    assert_output_lacks HOSTNAME
    assert_output_has TWO=2
    assert_output_has THREE=3
    run berth run --rm --network none --unsetenv-all -e THREE=3 env /bin/env
    [ "$(grep -v HOME= <<<"$output")" = THREE=3 ]
}

@test "name files are the image's when berth shall not make them" {
    mkdir tree && make_rootfs "$WORK/tree"
    echo own >tree/etc/hosts
    echo own >tree/etc/hostname
    [ "$(berth run --rm --network none --rootfs --no-hosts --no-hostname tree:O cat /etc/hosts /etc/hostname)" = $'own\nown' ]
    [ "$(berth run --rm --network none --rootfs --hostname other tree:O cat /etc/hostname)" = other ]
    run berth run --rm --network none --no-hosts --add-host a:1.2.3.4 busybox true
    assert_status 125
}

@test "the image's volumes are as --image-volume says" {
    import_busybox vol -c 'VOLUME /var/www'
    [ "$(berth run --rm --network none --image-volume tmpfs vol sh -c 'grep -c " /var/www tmpfs " /proc/mounts')" = 1 ]
    [ "$(berth run --rm --network none --image-volume ignore vol sh -c 'grep -c " /var/www " /proc/mounts || :')" = 0 ]
    [ "$(berth run --rm --network none --image-volume bind vol sh -c 'grep -c " /var/www " /proc/mounts')" = 1 ]
    run berth run --rm --network none --image-volume odd vol true
    assert_status 125
}

@test "paths are hidden and shown as --security-opt says" {
    run berth run --rm --network none --security-opt mask=/etc/passwd:/srv busybox sh -c 'cat /etc/passwd; touch /srv/x'
    assert_status 1
    assert_output_has 'Read-only file system'
    assert_output_lacks root:
    run berth run --rm --network none busybox sh -c 'echo 1 >/proc/sys/kernel/domainname'
    [ "$status" -ne 0 ]
    berth create --name shown --network none --security-opt 'unmask=/proc/k*:/proc/sys' busybox true
    run berth inspect -f '{{json .HostConfig.MaskedPaths}} {{json .HostConfig.ReadonlyPaths}}' shown
    assert_output_lacks '/proc/kcore'
    assert_output_lacks '/proc/sys"'
    assert_output_has '/proc/scsi'
    assert_output_has '/proc/bus'
    [ "$(berth create --name all --security-opt unmask=ALL --network none busybox true >/dev/null && berth inspect -f '{{json .HostConfig.MaskedPaths}}' all)" = '[]' ]
}

@test "a 32-bit personality is what programs see" {
    [ "$(berth run --rm --network none --personality LINUX32 busybox uname -m)" != "$(uname -m)" ]
    run berth run --rm --network none --personality ODD busybox true
    [ "$status" -ne 0 ]
}

@test "a container is killed when its time is over" {
    run berth run --name late --network none --timeout 1 busybox sleep 1000
    assert_status 137
    [ "$(berth run --rm --network none --timeout 1000 busybox echo done)" = done ]
}

@test "rmi removes the image with the container, unless another one uses it" {
    import_busybox gone -c 'LABEL own=1'
    [ "$(berth run --rmi --network none gone echo ran)" = ran ]
    run berth image inspect gone
    assert_status 1
    berth create --name user --network none busybox true
    berth run --rmi --network none busybox true
    berth image inspect busybox >/dev/null
    run berth run -d --rmi --network none busybox true
    assert_status 125
}

@test "a startup check comes first, and restarts the container when it fails too often" {
    mkdir state
    berth run -d --name slow --network none -v "$PWD/state:/s" --health-cmd 'touch /s/regular' --health-interval 100ms \
        --health-startup-cmd '["CMD", "test", "-e", "/s/ready"]' --health-startup-interval 100ms --health-startup-success 2 \
        busybox sh -c 'echo begun >>/s/begun; sleep 1000' >/dev/null
    [ "$(berth inspect -f '{{.State.Health.Status}}' slow)" = starting ]
    [ ! -e state/regular ]
    touch state/ready
    berth wait --condition healthy slow
    [ -e state/regular ]
    [ "$(wc -l <state/begun)" -eq 1 ]
    berth rm -f slow
    rm state/ready state/begun
    berth run -d --name failing --network none -v "$PWD/state:/s" --health-cmd true --health-startup-cmd 'test -e /s/ready' \
        --health-startup-interval 100ms --health-startup-retries 2 -t --stop-timeout 0 busybox sh -c 'echo begun >>/s/begun; sleep 1000' >/dev/null
    wait_for 60 sh -c "[ \$(wc -l <$PWD/state/begun) -ge 2 ]"
    touch state/ready
    berth wait --condition healthy failing
}

@test "results of checks are kept in number and length as asked for" {
    berth run -d --name log --network none --health-cmd 'echo 0123456789; false' --health-interval 50ms --health-retries 12 --health-max-log-count 8 \
        --health-max-log-size 4 busybox sleep 1000 >/dev/null
    berth wait --condition unhealthy log
    [ "$(berth inspect -f '{{len .State.Health.Log}}{{range .State.Health.Log}} {{.Output}}{{end}}' log)" = "8 0123 0123 0123 0123 0123 0123 0123 0123" ]
    for option in --health-max-log-count=101 --health-max-log-size=5000 --health-log-destination=/tmp --health-startup-retries=3 --health-startup-cmd=true; do
        run berth create --network none "$option" busybox true
        [ "$status" -eq 1 ] || assert_status 125 # what the engine checks is 1
    done
}

@test "a link on the default bridge is a name in hosts and a set of variables" {
    berth run -d --name lt -e FOO=bar --expose 80 busybox sleep 1000 >/dev/null
    address=$(berth inspect -f '{{.NetworkSettings.IPAddress}}' lt)
    id=$(berth inspect -f '{{slice .Id 0 12}}' lt)
    berth create --name lc --link lt:my-db --link lt busybox sh -c 'cat /etc/hosts; env' >/dev/null
    [ "$(berth inspect -f '{{json .HostConfig.Links}}' lc)" = '["/lt:/lc/my-db","/lt:/lc/lt"]' ]
    run berth start -a lc
    for line in "$address"$'\t'"my-db $id lt" MY_DB_NAME=/lc/my-db "MY_DB_PORT=tcp://$address:80" "MY_DB_PORT_80_TCP_ADDR=$address" \
        MY_DB_PORT_80_TCP_PROTO=tcp MY_DB_ENV_FOO=bar LT_NAME=/lc/lt; do
        [[ $output == *"$line"* ]] || { echo "no $line in: $output"; return 1; }
    done
    [[ $output != *_ENV_PATH* ]]
    berth stop -t 0 lt >/dev/null
    run berth start lc
    [ "$status" -ne 0 ]
    [[ $output == *'Cannot link to a non running container: /lt AS /lc/my-db'* ]]
    run -125 berth run --rm --link nope:x busybox true
    [[ $output == *'could not get container for nope'* ]]
    run -125 berth run --rm --network host --link lt:x busybox true
    run -125 berth run --rm --link a:b:c busybox true
}

@test "a link on another network is a name that the linking container alone has" {
    berth network create linked >/dev/null
    berth run -d --name target --network linked busybox sleep 1000 >/dev/null
    address=$(berth inspect -f '{{.NetworkSettings.Networks.linked.IPAddress}}' target)
    run berth run --rm --network linked --link target:db busybox ping -c 1 -W 5 db
    [[ $output == *"$address"* ]]
    run berth run --rm --network linked busybox ping -c 1 -W 5 db
    [ "$status" -ne 0 ]
}

@test "update changes the weight of block devices and real-time budgets, too" {
    berth create --name box --network none busybox true
    berth update --blkio-weight 300 --cpu-rt-period 200000 --cpu-rt-runtime 1000 box
    [ "$(berth inspect -f '{{.HostConfig.BlkioWeight}} {{.HostConfig.CpuRealtimePeriod}} {{.HostConfig.CpuRealtimeRuntime}}' box)" = "300 200000 1000" ]
    run berth update --blkio-weight 5 box
    assert_status 1
    assert_output_has 'Range of blkio weight is from 10 to 1000'
}

@test "values that mean nothing are refused with their names" {
    # words of the message, then the options
    while IFS='|' read -r words options; do
        # shellcheck disable=SC2086 # words
        run berth run --rm $options busybox true
        assert_status 125
        assert_output_has "$words"
    done <<'EOF'
DNS server "nope" is no IP address|--dns nope
invalid tmpfs option "bogus=1" of /x|--tmpfs /x:size=1m,bogus=1
invalid ulimit type: bogus|--ulimit bogus=1
expected apparmor=PROFILE, label=disable|--security-opt bogus
expected no, always, unless-stopped or on-failure[:N]|--restart bogus
network-scoped aliases are only supported for user-defined networks|--network-alias x
EOF
    [ -z "$(berth ps -aq)" ]
    berth create --name x1 --dns fe80::1%eth0 --dns 1.2.3.4 --tmpfs /x:rw,noexec,size=1m,mode=700,uid=5 --ulimit NOFILE=5 busybox true
    run berth update x1
    assert_status 1
    assert_output_has 'nothing to update'
    run berth rm -f nobody
    [ "$status,$output" = '0,berth: No such container: nobody' ]
    run berth rm -i nobody
    assert_status 0
    assert_output_lacks 'No such'
}

@test "options that stand for what is so anyway do nothing, one with a word" {
    berth run --rm --network none --passwd=false --disable-content-trust --isolation default busybox true
    run berth run --rm --network none --kernel-memory 10m busybox true
    assert_status 0
    assert_output_has '--kernel-memory has no effect'
    run berth run --rm --network none --kernel-memory much busybox true
    assert_status 125
}

@test "a variable is made of the image's, and given ones are stronger" {
    printf 'FROM busybox\nENV A=one B="two words"\n' >Dockerfile
    berth build -q -t vars . >/dev/null
    # shellcheck disable=SC2016
    [ "$(berth run --rm --network none --env-merge 'A=${A}-more' --env-merge 'C=$B$NONE!' --env-merge 'D=$1 ${B' -e B=own vars \
        sh -c 'echo "$A|$B|$C|$D"')" = 'one-more|own|two words!|$1 ${B' ]
    [ "$(berth run --rm --network none --env-merge 'A=${A}-more' -e A=own vars sh -c 'echo $A')" = own ]
    run berth run --rm --network none --env-merge A vars true
    assert_status 125
    assert_output_has 'expected KEY=VALUE'
}

@test "lines of a file come behind the container's own hosts, at each start" {
    printf '10.1.1.1 first other\n10.1.1.2 given' >lines
    berth run -d --init --name hosts --network none --hosts-file lines --add-host given:10.9.9.9 busybox sleep 1000 >/dev/null
    [ "$(berth exec hosts awk '$2 == "given" { print $1 }' /etc/hosts | tr '\n' ' ')" = "10.9.9.9 10.1.1.2 " ]
    berth exec hosts grep -q '^127.0.0.1.*localhost' /etc/hosts
    echo '10.1.1.3 later' >lines
    berth restart -t 0 hosts >/dev/null
    [ "$(berth exec hosts awk '$2 == "later" || $2 == "first" { print $1 }' /etc/hosts)" = 10.1.1.3 ]
    rm lines
    run berth restart -t 0 hosts
    assert_status 1
    assert_output_has 'cannot read the hosts file'
    berth run --rm --network none --hosts-file none busybox true
    run berth run --rm --network none --hosts-file nowhere busybox true
    assert_status 125
    run berth run --rm --network none --hosts-file image busybox true
    assert_status 125
    assert_output_has "--no-hosts leaves the image's as it is"
}

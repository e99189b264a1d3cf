#!/usr/bin/env bats
# Surroundings and containers that mean no good: what they must not be able to spoil or to see.
load lib
bats_require_minimum_version 1.5.0

setup() {
    berth_setup
    import_busybox
}

teardown() {
    berth_teardown
}

@test "the umask of the caller does not lock the container's users out" {
    umask 077
    run berth run --rm --network none -u 1000 -v data:/data busybox sh -c 'ls / >/dev/null && ls -ld /data && echo seen'
    assert_status 0
    assert_output_has seen
    assert_output_has drwxr-xr-x
    # What is the engine's own stays closed.
    [ "$(stat -c %a "$BERTH_ROOT/images")" = 700 ]
}

@test "control characters of a label reach neither the table nor the terminal" {
    berth create --name x1 --network none --label "a=$(printf '\033]0;x\007\302\233mz')" busybox true
    run berth ps -a --format 'table {{.Names}}\t{{.Label "a"}}'
    assert_status 0
    assert_output_lacks "$(printf '\033')"
    assert_output_lacks "$(printf '\302\233')"
}

@test "names and addresses cannot bring lines of their own into hosts and resolv.conf" {
    local option
    for option in --hostname --add-host --dns-search --dns-option; do
        run berth run --rm --network none "$option" $'x\n6.6.6.6 evil:1.2.3.4' busybox true
        assert_status 125
        assert_output_has 'control character'
    done
    berth run -d --name x1 busybox sleep 1000
    run berth run --rm --link $'x1:a\n6.6.6.6\tevil' busybox cat /etc/hosts
    assert_status 125
    assert_output_has 'control character'
}

# CVE-2021-41091, CVE-2021-41103: a setuid program that a container leaves is not to be reached.
@test "users of the machine look into nothing that the engine keeps" {
    berth run --name x1 --network none -v data:/data busybox sh -c 'echo secret >/data/file; chmod 4777 /data/file'
    local source
    source=$(berth volume inspect -f '{{.Mountpoint}}' data)
    [ "$(cat "$source/file")" = secret ]
    chmod 755 "$STATE"
    run setpriv --reuid 65534 --regid 65534 --clear-groups cat "$source/file"
    assert_output_has 'Permission denied'
    for source in images layers containers volumes secrets; do
        run setpriv --reuid 65534 --regid 65534 --clear-groups ls "$BERTH_ROOT/$source/."
        assert_output_has 'Permission denied'
    done
}

@test "directories that an earlier version left open are closed" {
    local dir
    berth run -d --name x1 --network none -u 1000 -v data:/data busybox sleep 1000
    for dir in images layers containers volumes tmp secrets; do chmod 711 "$BERTH_ROOT/$dir"; done
    berth ps
    for dir in images layers containers volumes tmp secrets; do [ "$(stat -c %a "$BERTH_ROOT/$dir")" = 700 ]; done
    berth exec x1 ls /data /etc/passwd
}

# CVE-2020-15257: who shares the host's network reaches sockets without a path.
@test "a container in the host's network finds no abstract socket of the engine" {
    berth run -d --name x1 --network host busybox sleep 1000
    run ! grep -E " @.*(berth|$(berth inspect -f '{{.Id}}' x1 | cut -c1-12))" /proc/net/unix
    berth rm -f x1
}

# CVE-2022-23648: what is copied into a new volume is the image's, whatever it is linked to.
@test "a volume over a link of the image gets nothing of the host" {
    mkdir -p "$WORK/host"
    echo host >"$WORK/host/secret"
    printf 'FROM busybox\nRUN ln -s %s /absolute && ln -s ../../../../../../../..%s /relative\nVOLUME /absolute /relative\n' \
        "$WORK/host" "$WORK/host" >Dockerfile
    berth build -q -t linked . >/dev/null
    run berth run --rm --network none linked sh -c 'cat /absolute/secret /relative/secret; echo own >/absolute/secret'
    assert_output_lacks host$'\n'
    [ "$(cat "$WORK/host/secret")" = host ]
}

# CVE-2022-1227: programs of the image do not look at its processes for us.
@test "top runs nothing of the image" {
    berth run -d --name x1 --network none -v "$WORK:/out" busybox sh -c '
        rm /bin/ps; printf "#!/bin/sh\ntouch /out/ran\n" >/bin/ps; chmod 755 /bin/ps; touch /ready; exec sleep 1000' >/dev/null
    wait_for 20 berth exec x1 test -e /ready
    run berth top x1
    assert_status 0
    assert_output_has 'sleep 1000'
    [ ! -e "$WORK/ran" ]
}

# CVE-2018-10856, CVE-2016-8867: another user than root has no rights, whoever added them.
@test "a user of the container has no capabilities, by run and by exec" {
    berth run -d --name x1 --network none -u 1000 --cap-add SYS_ADMIN busybox sleep 1000 >/dev/null
    run berth exec x1 grep -E 'Cap(Inh|Prm|Eff|Amb)' /proc/1/status /proc/self/status
    assert_status 0
    [ "$(grep -c 0000000000000000 <<<"$output")" -eq 8 ]
    berth rm -f x1
}

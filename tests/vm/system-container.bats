#!/usr/bin/env bats
# An image whose command is systemd: it boots as process 1 of a container, runs units, and stops in order.
load ../system/lib
bats_require_minimum_version 1.5.0

setup() {
    berth_setup
}

teardown() {
    berth_teardown
}

# systemd of the machine itself, with what it needs to run one service, as an image.
make_image() {
    local root=$WORK/rootfs program
    mkdir -p "$root"/{etc/systemd/system,usr/bin,usr/sbin,usr/lib,usr/lib64,proc,sys,dev,run,tmp,var/log,root}
    ln -s usr/bin usr/sbin usr/lib usr/lib64 "$root/"
    mkdir -p "$root/usr/lib/systemd"
    cp -a /usr/lib/systemd/system "$root/usr/lib/systemd/"
    ln -s ../lib/systemd/systemd "$root/usr/sbin/init"
    for program in /usr/lib/systemd/systemd /usr/bin/systemctl /usr/bin/bash /usr/bin/sleep /usr/bin/cat; do
        # shellcheck disable=SC2046 # one word per library
        cp -L --parents "$program" $(ldd "$program" | grep -o '/[^ ]*') "$root/"
    done
    printf 'root:x:0:0:root:/root:/bin/bash\n' >"$root/etc/passwd"
    printf 'root:x:0:\n' >"$root/etc/group"
    : >"$root/etc/machine-id"
    : >"$root/etc/os-release"
    # Only the one service: what a full system starts is not what this is about.
    rm -rf "$root"/usr/lib/systemd/system/{sysinit,multi-user,graphical,basic}.target.wants
    cat >"$root/etc/systemd/system/hello.service" <<UNIT
[Unit]
DefaultDependencies=no
Conflicts=shutdown.target
Before=shutdown.target
[Service]
ExecStart=/usr/bin/sleep 100000
ExecStop=/bin/bash -c 'echo orderly >/var/log/stopped'
MemoryMax=32M
UNIT
    cat >"$root/etc/systemd/system/tiny.target" <<UNIT
[Unit]
DefaultDependencies=no
Requires=hello.service
After=hello.service
UNIT
    ln -sf tiny.target "$root/etc/systemd/system/default.target"
    tar -C "$root" -cf "$WORK/system.tar" .
    berth import -c 'CMD ["/sbin/init"]' -c 'STOPSIGNAL SIGRTMIN+3' "$WORK/system.tar" system >/dev/null
    rm -rf "$root" "$WORK/system.tar"
}

has_service() {
    berth exec x1 systemctl is-active hello.service
}

@test "systemd boots in a container, keeps its units in control groups below, and stops in order" {
    make_image
    berth run -d --name x1 --network none system >/dev/null
    wait_for 600 has_service
    group=/sys/fs/cgroup$(sed -n 's/^0:://p' "/proc/$(berth inspect -f '{{.State.Pid}}' x1)/cgroup")
    group=${group%/init.scope}
    grep -q . "$group/system.slice/hello.service/cgroup.procs"
    if grep -qw memory "$group/cgroup.controllers"; then
        [ "$(cat "$group/system.slice/hello.service/memory.max")" = $((32 << 20)) ]
    fi
    [ "$(berth exec x1 cat /proc/1/comm)" = systemd ]
    # top looks into the groups below, too; the machine id is that of the container.
    berth top x1 | grep -q 'sleep 100000'
    id=$(berth inspect -f '{{.Id}}' x1)
    [ "$(berth exec x1 cat /etc/machine-id)" = "${id:0:32}" ]
    # What is started in it later is where systemd itself is: a group that passes controllers on takes no process.
    if grep -q . "$group/cgroup.subtree_control"; then
        [ "$(berth exec x1 cat /proc/self/cgroup)" = 0::/init.scope ]
    fi
    # One in a container does not reach the machine's.
    [ "$(systemctl is-active hello.service)" != active ]
    berth stop -t 120 x1
    [ "$(berth inspect -f '{{.State.Status}}' x1)" = exited ]
    [ "$(berth inspect -f '{{.State.ExitCode}}' x1)" != 137 ]
    berth cp x1:/var/log/stopped stopped
    [ "$(cat stopped)" = orderly ]
    [ ! -e "$group" ]
}

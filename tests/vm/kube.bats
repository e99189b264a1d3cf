#!/usr/bin/env bats
# .kube quadlets as units: `kube play` is the main process, the pods live in its control group and end with it.
load ../system/lib
bats_require_minimum_version 1.5.0

setup() {
    export PATH=$BERTH_BUILD/bin:$PATH NO_COLOR=1
    import_busybox localhost/busybox
    mkdir -p /etc/containers/systemd /etc/berth
    printf '[Generator]\nEngine=berth\n' >/etc/berth/generator.conf
}

teardown() {
    systemctl stop app.service || :
    systemctl reset-failed app.service || :
    rm -rf /etc/containers/systemd /etc/berth/generator.conf
    systemctl daemon-reload
    berth pod rm -f -a
}

assert_state() {
    [ "$(systemctl is-active "$2" || :)" = "$1" ] ||
        { systemctl status --no-pager "$2"; journalctl -b --no-pager -u "$2"; return 1; }
}
is_state() { [ "$(systemctl is-active "$2" || :)" = "$1" ]; }
pid_of() { berth inspect --format '{{.State.Pid}}' "$1"; }

# play COMMAND [KEY=VALUE...]: a pod of two containers, of which the second runs the command, and its unit.
play() {
    cat >/etc/containers/systemd/app.yaml <<END
apiVersion: v1
kind: Pod
metadata: {name: app}
spec:
  restartPolicy: Never
  terminationGracePeriodSeconds: 1
  initContainers:
  - {name: before, image: localhost/busybox, command: [sh, -c, "echo first; sleep 1"]}
  containers:
  - {name: one, image: localhost/busybox, command: [sh, -c, "echo one runs; exec sleep $one"]}
  - {name: two, image: localhost/busybox, command: [sh, -c, "$1"]}
END
    printf '[Kube]\nYaml=app.yaml\n' >/etc/containers/systemd/app.kube
    shift
    [ $# -eq 0 ] || printf '%s\n' "$@" >>/etc/containers/systemd/app.kube
    systemctl daemon-reload
}

@test "the unit is active while its pod runs, and takes it down when it stops" {
    one=100000 play 'exec sleep 100000'
    systemctl start app.service
    assert_state active app.service
    [ "$(berth pod ps --format '{{.Name}} {{.Status}} {{.NumberOfContainers}}')" = "app Running 3" ]
    main=$(systemctl show -P MainPID app.service)
    tr '\0' ' ' <"/proc/$main/cmdline" | grep -q 'berth kube play'
    for pid in "$main" "$(pid_of app-one)" "$(pid_of app-two)"; do
        grep -q app.service "/proc/$pid/cgroup"
    done
    wait_for 60 sh -c 'journalctl -b -u app.service | grep -q "one runs"'
    journalctl -b -u app.service | grep -q "app-before.*first"
    systemctl restart app.service
    assert_state active app.service
    systemctl stop app.service
    assert_state inactive app.service
    [ "$(systemctl show -P Result app.service)" = success ]
    [ -z "$(berth ps -aq)" ]
    run -1 berth pod exists app
}

@test "it ends with its pod, and fails when ExitCodePropagation says so" {
    one=2 play 'sleep 2; exit 3'
    systemctl start app.service
    wait_for 60 is_state inactive app.service
    [ "$(systemctl show -P Result app.service)" = success ]
    wait_for 60 sh -c '[ -z "$(berth ps -aq)" ]'
    one=2 play 'sleep 2; exit 3' ExitCodePropagation=any
    systemctl start app.service
    wait_for 60 is_state failed app.service
    [ "$(systemctl show -P ExecMainStatus app.service)" = 137 ]
    wait_for 60 sh -c '[ -z "$(berth ps -aq)" ]'
    one=2 play 'sleep 2; exit 3' ExitCodePropagation=all
    systemctl start app.service
    wait_for 60 is_state inactive app.service
    [ "$(systemctl show -P Result app.service)" = success ]
}

@test "it fails when the pod cannot be played, and leaves nothing" {
    one=1 play 'true'
    sed -i 's/echo first; sleep 1/exit 5/' /etc/containers/systemd/app.yaml
    run -1 systemctl start app.service
    assert_state failed app.service
    journalctl -b -u app.service | grep -q "init container app-before exited with code 5"
    [ -z "$(berth ps -aq)" ]
}

@test "what its main process leaves when it is killed goes with the unit" {
    one=100000 play 'exec sleep 100000'
    systemctl start app.service
    systemctl kill --kill-whom=main -s KILL app.service
    wait_for 60 is_state failed app.service
    [ -z "$(berth ps -aq)" ]
}

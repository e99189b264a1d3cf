#!/usr/bin/env bats
# `berth oci`: the OCI runtime's commands on bundles made here.

bats_require_minimum_version 1.5.0
load lib

setup() {
    berth_setup
    OCI_ROOT=$STATE/oci
    BUNDLE=$WORK/bundle
    mkdir -p "$BUNDLE/rootfs"
    tar -C "$BUNDLE/rootfs" -xf "$(busybox_tar)"
    chmod 755 "$BUNDLE/rootfs"
    make_config 'sleep 1000'
    cd "$BUNDLE" || return
    CONTAINER=oci-${STATE##*.}
}

teardown() {
    local name
    for name in $(berth oci --root "$OCI_ROOT" list -q); do
        berth oci --root "$OCI_ROOT" delete --force "$name" || :
    done
    berth_teardown
}

oci() { berth oci --root "$OCI_ROOT" "$@"; }

# What a container keeps open is not the test's.
create() { oci create "$@" "$CONTAINER" </dev/null >"$WORK/out" 2>"$WORK/err" 3>&- 4>&-; }

# make_config 'SHELL COMMAND' [PYTHON]: a configuration as `runc spec` makes it; the Python changes c.
make_config() {
    COMMAND=$1 CHANGE=${2:-} BUNDLE=$BUNDLE python3 - <<'PYTHON'
import json, os
caps = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"]
c = {
    "ociVersion": "1.2.0",
    "process": {
        "user": {"uid": 0, "gid": 0}, "args": ["/bin/sh", "-c", os.environ["COMMAND"]],
        "env": ["PATH=/bin", "TERM=xterm"], "cwd": "/", "noNewPrivileges": True,
        "capabilities": {"bounding": caps, "effective": caps, "permitted": caps},
    },
    "root": {"path": "rootfs"},
    "hostname": "box",
    "annotations": {"org.example.key": "value"},
    "mounts": [
        {"destination": "/proc", "type": "proc", "source": "proc"},
        {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]},
        {"destination": "/dev/pts", "type": "devpts", "source": "devpts",
         "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]},
    ],
    "linux": {"namespaces": [{"type": t} for t in ("pid", "ipc", "uts", "mount", "network")]},
}
exec(os.environ["CHANGE"])
json.dump(c, open(os.environ["BUNDLE"] + "/config.json", "w"))
PYTHON
}

status_of() { oci state "$CONTAINER" | python3 -c 'import json, sys; print(json.load(sys.stdin)["status"])'; }
is_status() { [ "$(status_of)" = "$1" ]; }

@test "run gives the program's output and exit status, and leaves nothing" {
    make_config 'hostname; id -u; exit 42'
    run oci run "$CONTAINER"
    assert_status 42
    [ "$output" = $'box\n0' ]
    run oci list -q
    [ -z "$output" ]
}

@test "run ends with 128 and the signal's number when a signal killed the program" {
    make_config 'sleep 1000 & wait' 'c["process"]["args"] = ["/bin/sh", "-c", "kill -9 $$; sleep 5"]; c["linux"]["namespaces"] = [n for n in c["linux"]["namespaces"] if n["type"] != "pid"]'
    run oci run "$CONTAINER"
    assert_status 137
}

@test "create, start, kill and delete go through the states of the specification" {
    run create
    assert_status 0
    is_status created
    run oci delete missing
    assert_status 1
    oci start "$CONTAINER"
    is_status running
    run oci start "$CONTAINER"
    assert_status 1
    assert_output_has "cannot start an already running container"
    run oci delete "$CONTAINER"
    assert_status 1
    assert_output_has "cannot delete container $CONTAINER that is not stopped: running"
    oci kill "$CONTAINER" KILL
    wait_for 30 is_status stopped
    run oci start "$CONTAINER"
    assert_status 1
    assert_output_has "cannot start a container that has stopped"
    run oci kill "$CONTAINER" TERM
    assert_status 1
    assert_output_has "container not running"
    oci delete "$CONTAINER"
    run oci state "$CONTAINER"
    assert_status 1
    assert_output_has "does not exist"
    [ ! -e "$OCI_ROOT/$CONTAINER" ]
}

@test "state has the members of the specification" {
    create
    oci state "$CONTAINER" | python3 -c '
import json, os, sys
state = json.load(sys.stdin)
bundle, name = sys.argv[1:]
assert state["ociVersion"] == "1.2.0" and state["id"] == name and state["status"] == "created", state
assert state["bundle"] == bundle and state["rootfs"] == bundle + "/rootfs", state
assert state["annotations"] == {"org.example.key": "value"} and state["owner"] == "root", state
assert os.path.exists("/proc/%d" % state["pid"]), state
' "$(realpath "$BUNDLE")" "$CONTAINER"
}

@test "the program does not run before start, and a missing one fails create" {
    make_config 'touch /started; sleep 1000'
    create --pid-file "$WORK/pid"
    [ ! -e rootfs/started ]
    kill -0 "$(cat "$WORK/pid")"
    oci start "$CONTAINER"
    wait_for 30 test -e rootfs/started
    oci delete --force "$CONTAINER"

    make_config '' 'c["process"]["args"] = ["not-there"]'
    run oci create "$CONTAINER"
    assert_status 1
    assert_output_has 'exec: \"not-there\": executable file not found in $PATH'
    [ ! -e "$OCI_ROOT/$CONTAINER" ]
}

@test "a second container of one name, and one in an inhabited control group, are refused" {
    create
    run oci create "$CONTAINER"
    assert_status 1
    assert_output_has "container with given ID already exists"
    is_status created

    make_config 'true' "c['linux']['cgroupsPath'] = '/berth-oci/$CONTAINER'"
    run oci run "$CONTAINER-2"
    assert_status 1
    assert_output_has "container's cgroup is not empty: 1 process(es) found"
    is_status created
}

@test "delete --force ends a running container, and takes a missing one for done" {
    create
    oci start "$CONTAINER"
    oci delete --force "$CONTAINER"
    run oci list -q
    [ -z "$output" ]
    oci delete --force "$CONTAINER"
    run oci delete "$CONTAINER"
    assert_status 1
}

@test "pause holds the container, exec is refused meanwhile, resume lets it go on" {
    create
    oci start "$CONTAINER"
    oci pause "$CONTAINER"
    is_status paused
    run oci exec "$CONTAINER" true
    assert_status 255
    assert_output_has "cannot exec in a paused container"
    oci resume "$CONTAINER"
    is_status running
    run oci resume "$CONTAINER"
    assert_status 1
    assert_output_has "container not paused"
    oci pause "$CONTAINER"
    oci kill "$CONTAINER" KILL
    wait_for 30 is_status stopped
}

@test "exec starts a process with the container's surroundings and what its options add" {
    create
    oci start "$CONTAINER"
    run oci exec "$CONTAINER" hostname
    [ "$output" = box ]
    run oci exec --cwd /tmp --env A=b --user 1000:1000 --additional-gids 63 "$CONTAINER" sh -c 'pwd; echo $A; id -u; id -G'
    [ "$output" = $'/tmp\nb\n1000\n1000 63' ]
    run oci exec "$CONTAINER" sh -c 'exit 7'
    assert_status 7
    run oci exec "$CONTAINER" not-there
    assert_status 255
    assert_output_has "executable file not found"
    run oci exec --cap CAP_SYS_TIME "$CONTAINER" grep CapEff /proc/self/status
    assert_output_has "0000000022000420"
    run oci exec "$CONTAINER"
    assert_status 255
    echo '{"args": ["/bin/sh", "-c", "echo $B; pwd"], "env": ["B=c", "PATH=/bin"], "cwd": "/etc", "user": {"uid": 0, "gid": 0}}' >process.json
    run oci exec --process process.json "$CONTAINER"
    [ "$output" = $'c\n/etc' ]
    oci exec --detach --pid-file "$WORK/pid" "$CONTAINER" sleep 1000 </dev/null >/dev/null 2>&1 3>&- 4>&-
    kill -0 "$(cat "$WORK/pid")"
    run oci ps --format json "$CONTAINER"
    assert_output_has "$(cat "$WORK/pid")"
}

@test "neither program, created nor executed, has a descriptor of the runtime's" {
    local fds='for f in /proc/self/fd/*; do case $f in */[012]) ;; *) readlink $f ;; esac; done; :'
    make_config "$fds"
    run --separate-stderr oci run "$CONTAINER" 3>&- 4>&-
    assert_status 0
    [ -z "$output" ]
    make_config 'sleep 1000'
    create
    # Only streams, its gate and what it hears its end through: nothing of the host's directories.
    run bash -c "ls -l /proc/$(oci state "$CONTAINER" | sed -n 's/.*"pid": \([0-9]*\),/\1/p')/fd | sed -n 's/.* \([0-9]*\) -> \(.*\)/\1 \2/p' | grep -v '^[012] '"
    [[ $output == *socket:* ]]
    [ "$(grep -vc socket: <<<"$output")" -eq 0 ]
    oci start "$CONTAINER"
    run --separate-stderr oci exec "$CONTAINER" sh -c "$fds" 3>&- 4>&-
    [ -z "$output" ]
}

@test "preserved descriptors reach the program, others do not" {
    echo three >"$WORK/three"
    echo four >"$WORK/four"
    make_config 'cat <&3; cat <&4; true'
    run oci run --preserve-fds 1 "$CONTAINER" 3<"$WORK/three" 4<"$WORK/four"
    assert_output_has three
    assert_output_lacks four
    run oci run --preserve-fds 2 "$CONTAINER" 3<"$WORK/three" 4<"$WORK/four"
    [ "$output" = $'three\nfour' ]
    run oci run --preserve-fds 3 "$CONTAINER" 3<"$WORK/three" 4<"$WORK/four" 5<&-
    assert_status 1
    assert_output_has "please check that preserved-fd 2 (of 3) is present"
}

@test "what a killed create left goes away with the next one" {
    mkdir -p "$OCI_ROOT/$CONTAINER"
    run oci list -q
    [ "$output" = "$CONTAINER" ]
    is_status stopped
    create
    is_status created
}

@test "errors go to the log in the form that was asked for" {
    run oci --log "$WORK/log" --log-format json state missing
    assert_status 1
    [ "$output" = 'container "missing" does not exist' ]
    python3 -c 'import json, sys; line = json.load(open(sys.argv[1])); assert line["level"] == "error" and "does not exist" in line["msg"] and line["time"], line' "$WORK/log"
    run oci --log "$WORK/nowhere/log" list
    assert_status 1
    assert_output_has "cannot open the log"
    run oci --log-format yaml state missing
    assert_status 1
    assert_output_has "invalid log-format: yaml"
    run oci state
    assert_status 1
    assert_output_has '\"state\" requires exactly 1 argument(s)'
    run oci state ../x
    assert_status 1
    assert_output_has "invalid container ID format"
    run oci nonsense
    assert_status 1
}

@test "list prints a table, JSON or names" {
    run berth oci --root "$WORK/nothing" list
    assert_status 1
    assert_output_has 'nothing\": No such file or directory'
    mkdir -p "$OCI_ROOT"
    run oci list
    assert_output_has STATUS
    run oci list --format json
    [ "$output" = "[]" ]
    create
    run oci list
    [[ ${lines[1]} == "$CONTAINER"*created*"$(realpath "$BUNDLE")"*root* ]]
    run oci list --format json
    assert_output_has '"status":"created"'
}

@test "a container without a bundle, a root or a terminal's socket is refused" {
    run oci create --bundle "$WORK/nowhere" "$CONTAINER"
    assert_status 1
    rm config.json
    run oci create "$CONTAINER"
    assert_output_has "JSON specification file config.json not found"
    make_config true 'c["root"]["path"] = "nothing"'
    run oci create "$CONTAINER"
    assert_output_has 'nothing\": No such file or directory'
    make_config true 'c["process"]["terminal"] = True'
    run oci create "$CONTAINER"
    assert_output_has "cannot allocate tty if runc will detach without setting console socket"
    [ ! -e "$OCI_ROOT/$CONTAINER" ]
}

@test "hooks run in their order with the container's state, and a failing one undoes create" {
    cat >"$WORK/hook" <<'HOOK'
#!/bin/sh
read -r state
echo "$1 $state" >>"$2"
HOOK
    chmod +x "$WORK/hook"
    make_config 'true' "
c['hooks'] = {p: [{'path': '$WORK/hook', 'args': ['hook', p, '$WORK/log']}]
              for p in ('prestart', 'createRuntime', 'createContainer', 'poststart', 'poststop')}"
    oci run "$CONTAINER"
    [ "$(cut -d' ' -f1 "$WORK/log" | tr '\n' ' ')" = "prestart createRuntime createContainer poststart poststop " ]
    python3 -c '
import json, sys
states = {p: json.loads(s) for p, s in (line.split(" ", 1) for line in open(sys.argv[1]))}
assert all(s["id"] == sys.argv[2] and s["bundle"] and s["ociVersion"] for s in states.values()), states
assert [states[p]["status"] for p in ("createRuntime", "poststart", "poststop")] == ["creating", "running", "stopped"], states
' "$WORK/log" "$CONTAINER"

    rm "$WORK/log"
    make_config 'true' "
c['hooks'] = {'createRuntime': [{'path': '/bin/false'}], 'poststop': [{'path': '$WORK/hook', 'args': ['hook', 'poststop', '$WORK/log']}]}"
    run oci create "$CONTAINER"
    assert_status 1
    assert_output_has createRuntime
    grep -q '^poststop' "$WORK/log"
    [ ! -e "$OCI_ROOT/$CONTAINER" ]

}

@test "a failing poststop hook is a warning and the rest run, a failing poststart hook ends the container" {
    make_config 'true' "
c['hooks'] = {'poststop': [{'path': '/bin/false'}, {'path': '/bin/sh', 'args': ['sh', '-c', 'echo poststop >>$WORK/log']}]}"
    run oci run "$CONTAINER"
    assert_status 0
    [ "$(grep -c 'level=warning.*/bin/false' <<<"$output")" -eq 1 ]
    [ "$(cat "$WORK/log")" = poststop ]
    make_config 'sleep 1000' "
c['hooks'] = {'poststart': [{'path': '/bin/false'}],
              'poststop': [{'path': '/bin/sh', 'args': ['sh', '-c', 'echo poststop >>$WORK/log']}]}"
    run oci run "$CONTAINER"
    assert_status 1
    assert_output_has 'error running poststart hook #0'
    create
    run oci start "$CONTAINER"
    assert_status 1
    [ ! -e "$OCI_ROOT/$CONTAINER" ]
    [ "$(wc -l <"$WORK/log")" -eq 3 ]
}

@test "processes are bound to no processors that the caller alone is bound to" {
    local first wide
    first=$(grep Cpus_allowed_list: /proc/self/status | tr -cs '0-9' '\n' | sed -n 2p)
    make_config 'grep Cpus_allowed_list: /proc/self/status'
    wide=$(oci run "$CONTAINER")
    [ "$(taskset -c "$first" "$BERTH_BUILD/bin/berth" oci --root "$OCI_ROOT" run "$CONTAINER")" = "$wide" ]
    make_config 'sleep 1000'
    create
    oci start "$CONTAINER"
    run taskset -c "$first" "$BERTH_BUILD/bin/berth" oci --root "$OCI_ROOT" exec "$CONTAINER" \
        grep Cpus_allowed_list: /proc/self/status
    [ "$output" = "$wide" ]
}

@test "capabilities that cannot be had are left out with a warning" {
    make_config 'grep CapAmb /proc/self/status' "
c['process']['capabilities'].update(inheritable=['CAP_KILL'], ambient=['CAP_KILL', 'CAP_AUDIT_WRITE'])
c['process']['capabilities']['bounding'].append('CAP_NONSENSE')"
    run oci run "$CONTAINER"
    assert_status 0
    assert_output_has "0000000000000020"
    assert_output_has "can't raise ambient capability CAP_AUDIT_WRITE"
    assert_output_has 'the unknown capability \"CAP_NONSENSE\" is ignored'
    make_config 'true' "
for s in ('bounding', 'permitted'): c['process']['capabilities'][s].append('CAP_SYS_TIME')"
    run setpriv --bounding-set -sys_time "$BERTH_BUILD/bin/berth" oci --root "$OCI_ROOT" run "$CONTAINER"
    assert_status 0
    assert_output_has "the capability CAP_SYS_TIME cannot be granted here"
}

@test "an empty HOME is the user's, and hooks in the container have its variables" {
    printf '#!/bin/sh\necho "$ONE in $(pwd)" >&2\nexit 3\n' >rootfs/hook
    chmod +x rootfs/hook
    make_config 'echo "home $HOME"' 'c["process"]["env"] += ["HOME=", "ONE=two"]'
    run oci run "$CONTAINER"
    [ "$output" = "home /root" ]
    make_config 'true' 'c["process"]["env"] += ["ONE=two"]; c["hooks"] = {"startContainer": [{"path": "/hook"}]}'
    run oci run "$CONTAINER"
    assert_output_has 'error running startContainer hook #0: \"/hook\": exit status 3: two in /'
    make_config 'true' "c['hooks'] = {'createContainer': [{'path': '/bin/sh', 'args': ['sh', '-c', 'pwd >$WORK/log']}]}"
    oci run "$CONTAINER"
    [ "$(cat "$WORK/log")" = "$BUNDLE/rootfs" ]
}

@test "what seccomp forbids the program is forbidden to hooks in the container" {
    local new_privileges
    for new_privileges in True False; do
        make_config 'true' "
c['process']['noNewPrivileges'] = $new_privileges
c['hooks'] = {'startContainer': [{'path': '/bin/sh', 'args': ['sh', '-c', 'mkdir /dev/made']}]}
c['linux']['seccomp'] = {'defaultAction': 'SCMP_ACT_ALLOW',
                         'syscalls': [{'names': ['mkdir', 'mkdirat'], 'action': 'SCMP_ACT_ERRNO'}]}"
        run oci run "$CONTAINER"
        assert_status 1
        assert_output_has "error running startContainer hook"
        assert_output_has "Operation not permitted"
    done
}

@test "mount points are made through links that lead nowhere yet, and keep the setgid bit" {
    mkdir rootfs/group
    chmod 2755 rootfs/group
    ln -s ../srv/not/yet/file rootfs/etc/link
    echo bound >"$WORK/bound"
    make_config 'cat /srv/not/yet/file; stat -c %a /group/a /group/a/b' "
c['mounts'] += [{'destination': '/etc/link', 'type': 'bind', 'source': '$WORK/bound', 'options': ['bind']},
                {'destination': '/group/a/b', 'type': 'tmpfs', 'source': 'tmpfs', 'options': ['mode=700']}]"
    run oci run "$CONTAINER"
    [ "$output" = $'bound\n2755\n700' ]
    [ "$(stat -c %a rootfs/group/a/b)" = 2755 ]
}

@test "a path that is masked twice is covered once" {
    make_config 'grep -c " /srv " /proc/mounts' "
c['linux']['maskedPaths'] = ['/srv', '/proc/kcore', '/srv']"
    mkdir -p rootfs/srv
    run oci run "$CONTAINER"
    [ "$output" = 1 ]
}

@test "a root that is to follow the machine gets what is mounted below it there" {
    make_config 'sleep 1000' "
c['linux']['rootfsPropagation'] = 'rslave'"
    mkdir -p rootfs/srv/below
    cat >inner <<EOF
mount --bind "$BUNDLE" "$BUNDLE"
mount --make-shared "$BUNDLE"
cd "$BUNDLE"
berth oci --root "$OCI_ROOT" run -d "$CONTAINER" >/dev/null 2>&1
mount -t tmpfs from-outside rootfs/srv/below
berth oci --root "$OCI_ROOT" exec "$CONTAINER" grep -c from-outside /proc/mounts
berth oci --root "$OCI_ROOT" exec "$CONTAINER" mount -t tmpfs from-inside /tmp || :
! grep from-inside /proc/mounts
EOF
    run unshare -m --propagation private bash -e inner
    assert_status 0
    [ "${lines[0]}" = 1 ]
}

@test "without pivot_root no further proc can be mounted, whatever is mounted elsewhere" {
    make_config 'mount -t proc none /proc' "
for s in c['process']['capabilities'].values(): s.append('CAP_SETFCAP')
c['linux']['maskedPaths'] = ['/proc/sys']
c['process']['args'] = ['unshare', '-mrpf', 'mount', '-t', 'proc', 'none', '/proc']"
    mkdir "$WORK/proc" # one more, that nobody thinks of
    run unshare -m --propagation private sh -c '
        mount -t proc none "$2" && exec berth oci --root "$0" run --no-pivot "$1"' "$OCI_ROOT" "$CONTAINER" "$WORK/proc"
    assert_status 1
    assert_output_has "ermission denied"
}

@test "what is the container's own is that of exec, too, and a created container ends on SIGTERM" {
    make_config 'sleep 1000' 'c["linux"]["personality"] = {"domain": "LINUX32"}'
    create
    oci start "$CONTAINER"
    [ "$(oci exec "$CONTAINER" uname -m)" = i686 ] || [ "$(uname -m)" != x86_64 ]
    oci delete --force "$CONTAINER"
    create
    local pid
    pid=$(oci state "$CONTAINER" | python3 -c 'import json, sys; print(json.load(sys.stdin)["pid"])')
    oci kill "$CONTAINER" TERM
    wait_for 60 are_gone "$pid" # also where this machine's init reaps nothing
    [ "$(status_of)" = stopped ]
    oci delete "$CONTAINER"
}

@test "update changes limits by options and by a file, and refuses what is none" {
    local group=/sys/fs/cgroup/pids/berth-oci/$CONTAINER
    [ -d /sys/fs/cgroup/pids ] || group=/sys/fs/cgroup/berth-oci/$CONTAINER
    create
    oci update --pids-limit 17 "$CONTAINER"
    [ "$(cat "$group/pids.max")" = 17 ]
    echo '{"pids": {"limit": 18}}' | oci update --resources - "$CONTAINER"
    [ "$(cat "$group/pids.max")" = 18 ]
    run oci update --memory much "$CONTAINER"
    assert_status 1
    assert_output_has "invalid value for memory: much"
    run oci update --l3-cache-schema x "$CONTAINER"
    assert_status 1
    assert_output_has "not supported"
}

@test "events prints statistics as JSON, and ends with the container" {
    create
    oci start "$CONTAINER"
    oci events --stats "$CONTAINER" | python3 -c '
import json, sys
event = json.load(sys.stdin)
assert event["type"] == "stats" and event["id"] == sys.argv[1], event
assert event["data"]["pids"]["current"] == 1 and event["data"]["cpu"]["usage"]["total"] > 0, event
' "$CONTAINER"
    oci events --interval 1h "$CONTAINER" >"$WORK/events" 3>&- 4>&- &
    local pid=$!
    wait_for 30 test -s "$WORK/events"
    oci kill "$CONTAINER" KILL
    wait "$pid"
    run oci events --stats "$CONTAINER"
    assert_status 1
    assert_output_has "is not running"
}

@test "spec writes a configuration that runs, and does not overwrite one" {
    rm config.json
    oci spec
    run oci spec
    assert_status 1
    assert_output_has "config.json exists"
    python3 - <<'PYTHON'
import json
c = json.load(open("config.json"))
c["process"].update(terminal=False, args=["/bin/hostname"])
json.dump(c, open("config.json", "w"))
PYTHON
    run oci run "$CONTAINER"
    [ "$output" = berth ]
    mkdir "$WORK/rootless"
    oci spec --rootless --bundle "$WORK/rootless"
    grep -q '"uidMappings"' "$WORK/rootless/config.json"
    run ! grep -q '"network"' "$WORK/rootless/config.json"
}

@test "features names what the specification asks for" {
    oci features | python3 -c '
import json, sys
f = json.load(sys.stdin)
assert f["ociVersionMin"] == "1.0.0" and f["ociVersionMax"].startswith("1.2"), f
assert "createRuntime" in f["hooks"] and "rbind" in f["mountOptions"], f
assert "time" in f["linux"]["namespaces"] and "CAP_BPF" in f["linux"]["capabilities"], f
'
    run oci --version
    [[ ${lines[0]} == *" version "* && ${lines[1]} == spec:* ]]
}

@test "a terminal goes to whoever listens at the console socket" {
    python3 - "$WORK/console" >"$WORK/terminal" 3>&- 4>&- <<'PYTHON' &
import array, os, socket, sys
server = socket.socket(socket.AF_UNIX)
server.bind(sys.argv[1])
server.listen()
connection, _ = server.accept()
_, ancillary, _, _ = connection.recvmsg(64, socket.CMSG_SPACE(4))
master = array.array("i", ancillary[0][2])[0]
connection.close()
text = b""
while b"done" not in text:
    text += os.read(master, 1024)
sys.stdout.write(text.decode())
PYTHON
    local pid=$!
    make_config 'tty; stty size; echo done; sleep 1000' 'c["process"].update(terminal=True, consoleSize={"height": 12, "width": 34})'
    wait_for 30 test -S "$WORK/console"
    create --console-socket "$WORK/console"
    oci start "$CONTAINER"
    wait "$pid"
    grep -q '^/dev/' "$WORK/terminal"
    grep -q '^12 34' "$WORK/terminal"
}

@test "the usual devices and terminals work under rules that deny all others" {
    make_config 'sleep 1000' 'c["linux"]["resources"] = {"devices": [{"allow": False, "access": "rwm"}]}'
    create
    oci start "$CONTAINER"
    run oci exec -t "$CONTAINER" sh -c 'tty && head -c 1 /dev/zero >/dev/null && echo fine'
    assert_status 0
    assert_output_has /dev/pts/
    assert_output_has fine
    run oci exec "$CONTAINER" sh -c 'head -c 1 /dev/kmsg || dd if=/dev/mem of=/dev/null count=1'
    [ "$status" -ne 0 ]
}

@test "kill takes names and numbers of signals, and 0 to ask whether it lives" {
    make_config 'trap "echo got usr1" USR1; echo ready; while :; do sleep 0.1; done'
    create
    run oci kill "$CONTAINER" 0
    assert_status 0
    oci start "$CONTAINER"
    wait_for 30 grep -q ready "$WORK/out"
    oci kill "$CONTAINER" SIGUSR1
    wait_for 30 grep -q 'got usr1' "$WORK/out"
    oci kill "$CONTAINER" 9
    wait_for 30 is_status stopped
    run oci kill "$CONTAINER" 0
    assert_status 1
    run oci kill "$CONTAINER" NOTHING
    assert_output_has "unknown signal"
}

@test "a directory, or a file that is not executable, fails create" {
    make_config '' 'c["process"]["args"] = ["/etc"]'
    run oci create "$CONTAINER"
    assert_status 1
    assert_output_has 'exec: \"/etc\": is a directory'
    make_config '' 'c["process"]["args"] = ["/etc/passwd"]'
    run oci create "$CONTAINER"
    assert_status 1
    assert_output_has 'exec /etc/passwd: permission denied'
}

@test "a terminal that nobody sees has no carriage returns" {
    make_config 'echo one; echo two' 'c["process"]["terminal"] = True'
    run oci run "$CONTAINER" </dev/null
    assert_status 0
    [ "$output" = $'one\ntwo' ]
}

@test "exec reads its process from a pipe, and enters groups below the container's" {
    local mount=/sys/fs/cgroup/pids controller=pids:
    [ -d "$mount" ] || mount=/sys/fs/cgroup controller=
    create
    oci start "$CONTAINER"
    run oci exec --process <(echo '{"args": ["/bin/echo", "piped"], "cwd": "/"}') "$CONTAINER"
    [ "$output" = piped ]
    mkdir "$mount/berth-oci/$CONTAINER/below"
    run oci exec --cgroup "${controller}below" "$CONTAINER" cat /proc/self/cgroup
    assert_status 0
    assert_output_has "/berth-oci/$CONTAINER/below"
    run oci exec --cgroup .. "$CONTAINER" true
    assert_status 255
    assert_output_has "is not a sub cgroup path"
    run oci exec --cgroup nowhere "$CONTAINER" true
    assert_status 255
    run oci exec --cgroup nonsense:/ "$CONTAINER" true
    assert_status 255
}

@test "a pidfd of the process goes to the socket that asks for it" {
    python3 - "$WORK/pidfd" >"$WORK/received" 3>&- 4>&- <<'PYTHON' &
import array, socket, sys
server = socket.socket(socket.AF_UNIX)
server.bind(sys.argv[1])
server.listen()
connection, _ = server.accept()
_, ancillary, _, _ = connection.recvmsg(64, socket.CMSG_SPACE(4))
pidfd = array.array("i", ancillary[0][2])[0]
print(next(l.split()[1] for l in open("/proc/self/fdinfo/%d" % pidfd) if l.startswith("Pid:")))
PYTHON
    local pid=$!
    wait_for 30 test -S "$WORK/pidfd"
    create --pidfd-socket "$WORK/pidfd" --pid-file "$WORK/pid"
    wait "$pid"
    [ "$(cat "$WORK/received")" = "$(cat "$WORK/pid")" ]
}

@test "descriptors of socket activation are passed on with the program told of them" {
    echo listened >"$WORK/three"
    make_config 'echo $LISTEN_FDS $LISTEN_PID; cat <&3'
    run bash -c 'LISTEN_FDS=1 exec berth oci --root "$0" run "$1" 3<"$2"' "$OCI_ROOT" "$CONTAINER" "$WORK/three"
    [ "$output" = $'1 1\nlistened' ]
}

@test "a container in the host's mount namespace has its root, and takes its mounts away" {
    make_config 'sleep 1000' 'c["linux"]["namespaces"] = [{"type": "pid"}]; del c["hostname"]; c["root"]["readonly"] = True'
    local before
    before=$(grep -E ' /(proc|dev|dev/pts|sys) ' /proc/self/mounts) # what others mount elsewhere is theirs
    create
    oci start "$CONTAINER"
    [ "$(readlink "/proc/self/ns/mnt")" = "$(readlink "/proc/$(oci state "$CONTAINER" | sed -n 's/.*"pid": \([0-9]*\),/\1/p')/ns/mnt")" ]
    run oci exec "$CONTAINER" sh -c 'cat /etc/image-name; ls /proc/1/status; touch /x'
    assert_output_has busybox
    assert_output_has /proc/1/status
    assert_output_has "Read-only file system"
    oci delete --force "$CONTAINER"
    run ! grep -F "$STATE" /proc/self/mounts
    [ "$(grep -E ' /(proc|dev|dev/pts|sys) ' /proc/self/mounts)" = "$before" ]
}

@test "a read-only /dev has its devices, and destinations may name the root" {
    make_config 'touch /dev/new; ls -d /dev/null /dev/pts/ptmx; ls /below' "
c['mounts'][1]['options'].append('ro')
c['mounts'].append({'destination': '$BUNDLE/rootfs/below', 'type': 'bind', 'source': '$WORK', 'options': ['rbind']})"
    run oci run "$CONTAINER"
    assert_output_has "Read-only file system"
    assert_output_has /dev/null
    assert_output_has /dev/pts/ptmx
    assert_output_has bundle
}

@test "kill KILL reaches those who outlived the first process without a pid namespace" {
    make_config 'sleep 1000 & echo ready; wait' 'c["linux"]["namespaces"] = [n for n in c["linux"]["namespaces"] if n["type"] != "pid"]'
    create
    oci start "$CONTAINER"
    wait_for 30 grep -q ready "$WORK/out"
    kill -9 "$(oci state "$CONTAINER" | sed -n 's/.*"pid": \([0-9]*\),/\1/p')"
    wait_for 30 is_status stopped
    [ "$(oci ps --format json "$CONTAINER")" != "[]" ]
    oci kill "$CONTAINER" KILL
    no_process() { [ "$(oci ps --format json "$CONTAINER")" = "[]" ]; }
    wait_for 30 no_process
}

@test "a configuration of another name, and a control group manager by name" {
    mv config.json other.json
    oci --cgroup-manager cgroupfs create --config other.json "$CONTAINER" </dev/null >/dev/null 2>&1 3>&- 4>&-
    is_status created
    run oci --cgroup-manager disabled state "$CONTAINER"
    assert_status 1
    assert_output_has "--cgroup-manager: disabled is not supported"
}

@test "a variable that is given twice has its last value, once" {
    make_config 'env' 'c["process"]["env"] += ["A=one", "A=two"]'
    run oci run "$CONTAINER"
    [ "$(grep -c '^A=' <<<"$output")" = 1 ]
    assert_output_has A=two
    make_config 'sleep 1000'
    create
    run oci exec --env TERM=dumb --env B=c "$CONTAINER" env
    [ "$(grep -c '^TERM=' <<<"$output")" = 1 ]
    assert_output_has TERM=dumb
    assert_output_has B=c
    run oci exec --cap CAP_NOTHING "$CONTAINER" true
    assert_status 255
    assert_output_has 'unknown capability \"CAP_NOTHING\"'
}

@test "a bind from within the root sees what was mounted there before, with a user namespace, too" {
    mkdir rootfs/from rootfs/to
    for user in no yes; do
        make_config 'cat /to/file && ls /to' "
c['mounts'] += [
    {'destination': '/from', 'type': 'tmpfs', 'source': 'tmpfs'},
    {'destination': '/from/inner', 'type': 'tmpfs', 'source': 'tmpfs'},
    {'destination': '/from/inner/file', 'type': 'bind', 'source': '$BUNDLE/rootfs/etc/image-name', 'options': ['bind']},
    {'destination': '/to', 'type': 'bind', 'source': '$BUNDLE/rootfs/from/inner', 'options': ['rbind']},
]
if '$user' == 'yes':
    c['linux']['namespaces'].append({'type': 'user'})
    c['linux']['uidMappings'] = c['linux']['gidMappings'] = [{'containerID': 0, 'hostID': 100000, 'size': 65536}]
"
        [ "$user" = no ] || chown -R 100000:100000 rootfs
        run oci run "$CONTAINER"
        assert_status 0
        [ "$output" = "$(printf 'busybox\nfile')" ]
    done
}

#!/usr/bin/env bats
# Containers from creation to removal: what they see, what they leave, what survives a crash, two commands at
# once. One state per test; the image is busybox.
load lib
bats_require_minimum_version 1.5.0

setup() {
    berth_setup
    import_busybox
}

teardown() {
    berth_teardown
    [ -z "${MACHINE:-}" ] || ip netns del "$MACHINE"
}

# A network of this test's own in place of the machine's, with which others work at the same time.
make_machine() {
    MACHINE=berth${STATE##*.}
    ip netns add "$MACHINE"
    ip -n "$MACHINE" link set lo up
}
machine() { nsenter --net="/run/netns/$MACHINE" "$@"; }

@test "run gives the program's output and exit status and leaves nothing" {
    run berth run --rm --network none busybox sh -c 'echo out; echo err >&2; exit 7'
    assert_status 7
    assert_output_has out
    assert_output_has err
    assert_nothing_left
}

@test "what cannot be run has Docker's exit codes and leaves nothing" {
    run -127 berth run --rm --network none busybox no-such-program
    assert_output_has 'executable file not found'
    run berth run --rm --network none busybox /etc/passwd
    assert_status 126
    run berth run --rm --network none no-such-image-here true
    assert_status 125
    run -127 berth run -d --rm --network none busybox no-such-program
    run -125 berth run --rm --network none --user nobody-knows busybox true
    run -125 berth run --rm --network none --user 2147483648 busybox true
    run -1 berth run
    run -1 berth create no-such-image-here
    assert_nothing_left
}

@test "wrong options have status 125, those of compose 1" {
    for words in '--nope ps' 'stop --nope x' 'volume ls --nope' 'stop -t soon x' 'start --checkpoint c x'; do
        run -125 berth $words
    done
    for words in 'compose --nope ps' 'compose ps --nope' 'compose up -t soon'; do
        run -1 berth $words
    done
    run -1 berth stop
}

@test "what an exec cannot do has Docker's exit codes" {
    berth run -d --name x1 --network none busybox sleep 1000 >/dev/null
    run -1 berth exec -u nobody-knows x1 true
    run -1 berth exec -u 2147483648 x1 true
    run -127 berth exec -w /nowhere x1 true
    run -127 berth exec -w /etc/passwd x1 true
    run -128 berth exec -w relative x1 true
    assert_output_has "needs to be an absolute path"
    run -125 berth exec -e =x x1 true
    assert_output_has 'invalid environment variable: =x'
    run -1 berth exec -d x1 no-such-program
    run -1 berth update x1
    assert_output_has 'nothing to update'
    berth run --rm --network none --pids-limit -5 busybox true
}

@test "a start that failed leaves the container created with the reason" {
    run -127 berth run --name x1 --network none busybox no-such-program
    [ "$(state_of x1)" = "created 127" ]
    run berth inspect -f '{{.State.Error}}' x1
    assert_output_has 'not found'
}

@test "standard input goes in and its end is noticed" {
    run bash -c 'printf "a\nb\n" | berth run --rm -i --network none busybox cat'
    assert_status 0
    [ "$output" = $'a\nb' ]
    run bash -c 'head -c 3000000 /dev/zero | berth run --rm -i --network none busybox wc -c'
    [ "$output" = 3000000 ]
}

@test "create, start, stop and start again keep what was written" {
    berth create --name x1 --network none busybox sh -c 'echo run >>/file; exec sleep 1000' >/dev/null
    [ "$(state_of x1)" = "created 0" ]
    berth start x1
    berth exec x1 cat /file
    berth stop -t 0 x1
    [ "$(state_of x1)" = "exited 137" ]
    berth start x1
    wait_for 120 berth exec x1 test -f /file
    run berth exec x1 cat /file
    [ "$output" = $'run\nrun' ]
    berth rm -f x1
    assert_nothing_left
}

@test "a program that handles the stop signal ends with its own status" {
    berth run -d --name x1 --network none busybox sh -c 'trap "exit 5" TERM; echo ready; while :; do sleep 0.05; done' >/dev/null
    wait_for 120 sh -c 'berth logs x1 | grep -q ready'
    berth stop x1
    [ "$(state_of x1)" = "exited 5" ]
    berth run -d --name x2 --stop-signal USR1 --network none busybox sh -c 'trap "exit 6" USR1; echo ready; while :; do sleep 0.05; done' >/dev/null
    wait_for 120 sh -c 'berth logs x2 | grep -q ready'
    berth stop x2
    [ "$(state_of x2)" = "exited 6" ]
}

@test "commands on what is not there or does not run say so" {
    run berth start nothing-there
    assert_status 1
    assert_output_has 'No such container: nothing-there'
    berth create --name x1 --network none busybox true >/dev/null
    run berth kill x1
    assert_status 1
    assert_output_has 'is not running'
    run berth exec x1 true
    assert_status 1
    assert_output_has 'is not running'
    run berth create --name x1 --network none busybox true
    assert_status 1
    assert_output_has 'Conflict. The container name "/x1" is already in use by container'
}

@test "a running container is removed only by force" {
    berth run -d --name x1 --network none busybox sleep 1000 >/dev/null
    run berth rm x1
    assert_status 1
    assert_output_has 'stop the container before removing or force remove'
    [ "$(state_of x1)" = "running 0" ]
    berth rm -f x1
    assert_nothing_left
}

@test "named volumes survive their containers, anonymous ones do not survive --rm" {
    berth run --rm --network none -v data:/data -v /anonymous busybox sh -c 'echo kept >/data/file; echo gone >/anonymous/file'
    run berth volume ls -q
    [ "$output" = data ]
    run berth run --rm --network none -v data:/elsewhere:ro busybox cat /elsewhere/file
    [ "$output" = kept ]
    run berth volume rm data
    assert_status 0
    [ -z "$(ls -A "$BERTH_ROOT/volumes")" ]
}

@test "a new volume starts with what the image has there" {
    berth run --rm --network none -v home:/home/app busybox true
    run berth run --rm --network none -v home:/h busybox stat -c '%u:%g' /h
    [ "$output" = 1000:1000 ]
    berth run --rm --network none -v etc:/etc busybox true
    run berth run --rm --network none -v etc:/e busybox cat /e/image-name
    [ "$output" = busybox ]
}

@test "read-only volumes and binds cannot be written" {
    mkdir -p "$WORK/dir"
    run berth run --rm --network none -v "$WORK/dir:/d:ro" busybox touch /d/file
    [ "$status" -ne 0 ]
    assert_output_has 'Read-only file system'
    berth run --rm --network none -v "$WORK/dir:/d" busybox touch /d/file
    [ -f "$WORK/dir/file" ]
    berth run --rm --network none -v "$WORK/made/new:/d" busybox touch /d/file
    [ -f "$WORK/made/new/file" ]
    run berth run --rm --network none --mount "type=bind,source=$WORK/none,target=/d" busybox true
    assert_status 125
    assert_output_has 'bind source path does not exist'
    assert_nothing_left
}

@test "a container that was not asked to restart stays exited; others follow their policy" {
    berth run -d --name x1 --network none busybox true >/dev/null
    berth wait x1
    [ "$(state_of x1)" = "exited 0" ]
    berth run -d --name x2 --network none --restart on-failure:2 busybox sh -c 'echo again; exit 3' >/dev/null
    wait_for 120 is_in_state x2 "exited 3"
    [ "$(berth inspect -f '{{.RestartCount}}' x2)" = 2 ]
    [ "$(berth logs x2 | grep -c again)" = 3 ]
}

@test "a stopped container is not restarted by its policy" {
    berth run -d --name x1 --network none --restart always busybox sleep 1000 >/dev/null
    berth stop -t 0 x1
    [ "$(state_of x1)" = "exited 137" ]
    berth ps -aq >/dev/null
    [ "$(state_of x1)" = "exited 137" ]
}

@test "restart keeps a container that was started with --rm" {
    berth run -d --rm --name x1 --network none busybox sh -c 'echo run >>/file; exec sleep 1000' >/dev/null
    wait_for 120 berth exec x1 test -s /file
    berth restart -t 0 x1
    wait_for 120 sh -c '[ "$(berth exec x1 wc -l /file)" = "2 /file" ]'
    berth restart -t 0 --signal TERM x1
    wait_for 120 sh -c '[ "$(berth exec x1 wc -l /file)" = "3 /file" ]'
    berth stop -t 0 x1
    assert_nothing_left
}

@test "restart sends the signal that it is told to" {
    berth run -d --rm --name x1 --network none busybox sh -c '
        trap "echo usr1 >>/file" USR1
        echo run >>/file
        while :; do sleep 0.1; done' >/dev/null
    wait_for 120 berth exec x1 test -s /file
    berth restart -t 2 --signal USR1 x1
    wait_for 120 sh -c '[ "$(berth exec x1 cat /file | tr "\n" " ")" = "run usr1 run " ]'
    run -1 berth restart --signal NONE x1
    [[ $output == *"Invalid signal: NONE"* ]]
    berth stop -t 0 x1
}

@test "root has the supplementary groups of the image's files and those that were added" {
    run berth run --rm --network none --group-add audio busybox id
    [ "$output" = "uid=0(root) gid=0(root) groups=0(root),63(audio)" ]
}

@test "a part of a volume is mounted, and links in it do not lead out of the volume" {
    berth volume create data >/dev/null
    berth run --rm --network none -v data:/v busybox sh -c \
        'mkdir -p /v/a/b /v/etc; echo inside >/v/a/b/file; echo inside >/v/etc/image-name; ln -s /etc /v/out; ln -s ../../../../etc /v/a/up' >/dev/null
    run berth run --rm --network none --mount type=volume,src=data,dst=/x,volume-subpath=a/b busybox cat /x/file
    assert_status 0
    [ "$output" = inside ]
    for link in out a/up; do
        run berth run --rm --network none --mount type=volume,src=data,dst=/x,volume-subpath=$link busybox cat /x/image-name
        assert_status 0
        [ "$output" = inside ]
    done
    run berth run --rm --network none --mount type=volume,src=data,dst=/x,volume-subpath=none busybox true
    assert_status 125
    assert_output_has 'cannot access path "none" of volume "data"'
}

@test "a source of a bind mount that is made can be used by everybody, whatever the umask is" {
    (umask 077; berth run --rm --network none -v "$WORK/made/here:/x" -u app busybox ls /x)
    [ "$(stat -c %a "$WORK/made/here")" = 755 ]
    [ "$(stat -c %a "$WORK/made")" = 755 ]
}

@test "a source that is not shared on the machine is refused for a shared mount" {
    mkdir "$WORK/private"
    mount -t tmpfs -o size=64k tmpfs "$WORK/private"
    mount --make-private "$WORK/private"
    for mode in rshared:shared shared:shared rslave:'shared or slave'; do
        run berth run --rm --network none -v "$WORK/private:/x:${mode%%:*}" busybox true
        assert_status 125
        assert_output_has "path $WORK/private is mounted on $WORK/private but it is not a ${mode#*:} mount"
    done
    mount --make-shared "$WORK/private"
    berth run --rm --network none -v "$WORK/private:/x:rshared" busybox true
    berth run --rm --network none -v "$WORK/private:/x:rslave" busybox true
    umount "$WORK/private"
}

@test "programs see by /.dockerenv that they run in a container" {
    [ "$(berth run --rm --network none busybox stat -c '%s %a' /.dockerenv)" = "0 755" ]
    berth run --rm --network none -u app --read-only busybox test -f /.dockerenv
}

@test "a killed monitor takes its container along, and the policy decides what follows" {
    berth run -d --name x1 --network none busybox sleep 1000 >/dev/null
    berth run -d --name x2 --network none --restart always busybox sleep 1000 >/dev/null
    pid=$(berth inspect -f '{{.State.Pid}}' x1)
    monitors="$(monitor_of x1) $(monitor_of x2)"
    # shellcheck disable=SC2086 # two of them
    kill -9 $monitors
    wait_for 120 are_gone "$pid" $monitors
    [ "$(state_of x1)" = "exited 137" ]
    [ "$(state_of x2)" = "running 0" ]
    [ "$(berth inspect -f '{{.RestartCount}}' x2)" = 1 ]
    berth start x1
    berth rm -f x1 x2
    assert_nothing_left
}

@test "exec into a container whose monitor was killed meets what the policy made of it" {
    berth run -d --name x1 --network none busybox sleep 1000 >/dev/null
    berth run -d --name x2 --network none --restart always busybox sleep 1000 >/dev/null
    for name in x1 x2; do
        pid=$(berth inspect -f '{{.State.Pid}}' "$name")
        monitor=$(monitor_of "$name")
        kill -9 "$monitor"
        wait_for 120 are_gone "$pid" "$monitor"
    done
    run berth exec x1 true
    assert_status 1
    assert_output_has "is not running"
    berth exec x2 true
    berth rm -f x1 x2
    assert_nothing_left
}

# In KiB: what the kernel cannot take away, and the pages of files that nobody else uses now.
private_memory() {
    awk '/^Private_(Clean|Dirty)/ { sum += $2 } END { print sum }' "/proc/$1/smaps_rollup"
}

@test "an idle monitor gives back what its work has needed" {
    ! ldd "$BERTH_BUILD/libexec/berth/berth-monitor" | grep -q 'lib[at]san' || skip "a sanitizer's memory"
    berth run -d --name x1 busybox sh -c 'for i in $(seq 1000); do echo line; done; sleep 1000' >/dev/null
    berth exec x1 true
    monitor=$(monitor_of x1)
    small() { [ "$(private_memory "$monitor")" -le 300 ]; }
    wait_for 120 small
    berth rm -f x1
}

@test "a killed name server is there again with the next command" {
    berth network create net1 >/dev/null
    berth run -d --name x1 --network net1 busybox sleep 1000 >/dev/null
    berth run -d --name x2 --network net1 busybox sleep 1000 >/dev/null
    berth exec x1 nslookup x2 >/dev/null
    pkill -9 -f "berth-dns $BERTH_RUN/dns"
    berth ps >/dev/null
    wait_for 120 berth exec x1 nslookup x2
    berth rm -f x1 x2
    berth network rm net1
    assert_nothing_left
}

@test "flushed firewall rules are there again with the next command" {
    command -v nft >/dev/null || skip "nft is not installed"
    make_machine
    machine berth run -d --name x1 -p 127.0.0.1::80 busybox httpd -f -h /etc >/dev/null
    port=$(berth port x1 80/tcp | sed 's/.*://')
    wait_for 120 machine curl -fsS "http://127.0.0.1:$port/image-name"
    rules=$(machine nft list ruleset | grep -c .)
    machine nft flush ruleset
    machine berth ps
    [ "$(machine nft list ruleset | grep -c .)" -eq "$rules" ]
    machine curl -fsS "http://127.0.0.1:$port/image-name"
    machine berth rm -f x1
    [ -z "$(machine nft list ruleset)" ]
    assert_nothing_left
}

@test "after a reboot everything is there and exited" {
    berth run -d --name x1 --network none -v data:/data --restart unless-stopped busybox sh -c 'echo x >>/data/log; exec sleep 1000' >/dev/null
    wait_for 120 berth exec x1 test -s /data/log
    kill -9 "$(monitor_of x1)"
    umount -l "$BERTH_RUN"/netns/* 2>/dev/null || :
    rm -rf --one-file-system "$BERTH_RUN"
    run berth ps -a --format '{{.Names}} {{.State}}'
    assert_status 0
    [ "$output" = "x1 exited" ]
    berth start x1
    wait_for 120 sh -c 'test "$(berth exec x1 wc -l </data/log 2>/dev/null || berth exec x1 sh -c "wc -l </data/log")" = 2'
    berth rm -f x1
    assert_nothing_left
}

@test "a start killed at any step converges with the next command" {
    local fault
    for fault in container.start.locked container.start.row container.start.network container.start.prepared container.start.started state.commit state.committed; do
        berth create --name x1 busybox sleep 1000 >/dev/null
        run env BERTH_FAULT=$fault:kill berth start x1
        [ "$status" -eq 137 ] || { echo "$fault was not reached: $output" >&2; return 1; }
        run berth start x1
        assert_status 0
        [ "$(state_of x1)" = "running 0" ] || { echo "after $fault: $(state_of x1)" >&2; return 1; }
        berth exec x1 true
        berth rm -f x1
        assert_nothing_left
    done
}

@test "a stop or a removal killed at any step converges with the next command" {
    local fault
    for fault in container.stop.stopped container.finish.network container.finish.row container.remove.noted container.remove.rows container.remove.files state.commit state.committed; do
        berth run -d --name x1 --network none busybox sleep 1000 >/dev/null
        env BERTH_FAULT=$fault:kill berth rm -f x1 || :
        berth rm -f x1 2>/dev/null || :
        [ -z "$(berth ps -aq)" ] || { echo "after $fault: $(berth ps -a)" >&2; return 1; }
        assert_nothing_left
    done
}

@test "a foreground run killed before its teardown is finished by the monitor" {
    run env BERTH_FAULT=container.attached.exited:kill berth run --rm --network none busybox true
    assert_status 137
    wait_for 120 sh -c '[ -z "$(ls -A "$BERTH_RUN/containers")" ]'
    [ -z "$(berth ps -aq)" ]
    wait_for 120 assert_nothing_left
}

nothing_is_left_after_a_command() {
    [ -z "$(berth ps -aq)" ] && assert_nothing_left
}

@test "a teardown that was killed is carried on by the next command" {
    local fault
    for fault in container.finish.network container.remove.noted container.remove.rows container.remove.files; do
        BERTH_FAULT=$fault:kill berth run -d --rm --name x1 --network none busybox sleep 1000 >/dev/null
        kill -9 "$(berth inspect -f '{{.State.Pid}}' x1)"
        wait_for 120 nothing_is_left_after_a_command || { echo "after $fault: $(berth ps -a)" >&2; return 1; }
    done
    for fault in container.finish.network container.finish.row; do
        BERTH_FAULT=$fault:kill berth run -d --name x1 --network none busybox sleep 1000 >/dev/null
        kill -9 "$(berth inspect -f '{{.State.Pid}}' x1)"
        wait_for 120 is_in_state x1 "exited 137" || { echo "after $fault: $(berth ps -a)" >&2; return 1; }
        berth start x1
        berth rm -f x1
        assert_nothing_left
    done
}

@test "two commands at once on one container come out as one after the other" {
    local i
    berth create --name x1 --network none busybox sleep 1000 >/dev/null
    for i in 1 2 3 4 5 6; do
        berth start x1 >/dev/null 2>&1 &
        berth stop -t 0 x1 >/dev/null 2>&1 &
    done
    wait
    berth start x1
    [ "$(state_of x1)" = "running 0" ]
    [ "$(pgrep -fc "berth-monitor start $(berth inspect -f '{{.Id}}' x1)")" = 1 ]
    for i in 1 2 3; do berth rm -f x1 >/dev/null 2>&1 & done
    wait
    [ -z "$(berth ps -aq)" ]
    assert_nothing_left
}

@test "many runs at once leave nothing" {
    local i pids=()
    for i in 1 2 3 4 5 6 7 8; do
        berth run --rm --network none busybox sh -c "exit $i" &
        pids+=($!)
    done
    for i in 1 2 3 4 5 6 7 8; do
        status=0
        wait "${pids[$((i - 1))]}" || status=$?
        [ "$status" -eq "$i" ]
    done
    assert_nothing_left
}

@test "pause stops and unpause continues; exec in a paused container is refused" {
    berth run -d --name x1 --network none busybox sleep 1000 >/dev/null
    berth pause x1
    [ "$(state_of x1)" = "paused 0" ]
    run berth exec x1 true
    assert_status 1
    assert_output_has 'is paused, unpause the container before exec'
    run berth pause x1
    assert_output_has 'is already paused'
    berth unpause x1
    berth exec x1 true
    berth pause x1
    berth rm -f x1
    assert_nothing_left
}

@test "exec runs with the container's user and directory and gives its status" {
    berth run -d --name x1 --network none -u app -w /tmp -e A=1 busybox sleep 1000 >/dev/null
    run berth exec x1 sh -c 'echo "$(id -un) $PWD $A $B"; exit 4'
    assert_status 4
    [ "$output" = "app /tmp 1 " ]
    run berth exec -u root -w / -e B=2 x1 sh -c 'echo "$(id -un) $PWD $A $B"'
    [ "$output" = "root / 1 2" ]
    run -127 berth exec x1 no-such-program
    run bash -c 'echo in | berth exec -i x1 cat'
    [ "$output" = in ]
}

@test "logs are read back with streams, tail and order" {
    berth run --name x1 --network none busybox sh -c 'for i in 1 2 3 4 5; do echo line $i; done; echo bad >&2' >/dev/null 2>&1
    run berth logs --tail 2 x1
    assert_output_has 'line 5'
    assert_output_lacks 'line 3'
    [ "$(berth logs x1 2>/dev/null | wc -l)" = 5 ]
    [ "$(berth logs x1 2>&1 >/dev/null)" = bad ]
    berth run --name x2 --network none --log-opt max-size=1k --log-opt max-file=3 busybox seq 100 >/dev/null
    run berth logs --tail 3 x2
    [ "$output" = $'98\n99\n100' ]
    [ "$(ls "$BERTH_ROOT/containers/$(berth inspect -f '{{.Id}}' x2)" | grep -c json.log)" = 3 ]
}

@test "logs -f ends with the container and misses nothing" {
    berth run -d --name x1 --network none busybox sh -c 'for i in $(seq 50); do echo $i; done; sleep 0.3; echo last' >/dev/null
    run berth logs -f x1
    [ "$(echo "$output" | wc -l)" = 51 ]
    assert_output_has last
}

@test "wait gives the exit status, also of one that is removed at once" {
    berth run -d --name x1 --network none busybox sh -c 'sleep 0.2; exit 9' >/dev/null
    run berth wait x1
    [ "$output" = 9 ]
    berth run -d --rm --name x2 --network none busybox sh -c 'sleep 0.2; exit 8' >/dev/null
    run berth wait x2
    [ "$output" = 8 ]
    wait_for 120 sh -c '[ -z "$(ls -A "$BERTH_RUN/containers")" ]'
}

@test "wait for any end of what is removed at once gives the exit status of its last run" {
    for condition in removed removing stopped next-exit stopped next-exit; do
        berth run -d --rm --name x1 --network none busybox sh -c 'while [ ! -e /go ]; do sleep 0.1; done; exit 7' >/dev/null
        berth wait --condition $condition x1 >code 3>&- &
        waiter=$!
        wait_for 60 watches_files $waiter
        berth exec x1 touch /go
        wait $waiter
        [ "$(cat code)" = 7 ]
        wait_for 60 sh -c '! berth inspect x1' # the name is free again
    done
}

@test "a full disk is one clear error, leaves nothing half-made, and removing still works" {
    mkdir "$STATE/small"
    mount -t tmpfs -o size=16m,mode=711 tmpfs "$STATE/small"
    export BERTH_ROOT=$STATE/small/root
    import_busybox
    berth run --name x1 --network none busybox sh -c 'head -c 4m /dev/zero >/big' >/dev/null
    dd if=/dev/zero of="$STATE/small/fill" bs=4k 2>/dev/null || :
    run berth run --rm --network none -v /bin busybox true
    assert_status 125
    assert_output_has 'No space left on device'
    berth rm x1
    [ -z "$(ls -A "$BERTH_ROOT/containers")" ]
    [ -z "$(ls -A "$BERTH_ROOT/volumes")" ]
    [ -z "$(ls -A "$BERTH_ROOT/tmp")" ]
    umount "$STATE/small"
}

@test "secrets never come into the state" {
    # What the command is given as content goes to a file that only the container's directory holds.
    berth create --name x1 --network none -e TOKEN=visible busybox true >/dev/null
    run berth inspect x1
    assert_output_has visible
    run stat -c %a "$BERTH_ROOT/state.db"
    [ "$output" = 600 ]
}

@test "one container can use another's network" {
    berth run -d --name x1 busybox sleep 1000 >/dev/null
    run berth run --rm --network container:x1 busybox hostname
    [ "$output" = "$(berth exec x1 hostname)" ]
    run berth run --rm --network container:x1 busybox ip -4 -o addr show eth0
    assert_output_has "$(berth inspect -f '{{.NetworkSettings.IPAddress}}' x1)"
    berth stop -t 0 x1
    run berth run --rm --network container:x1 busybox true
    assert_status 125
    assert_output_has 'cannot join network of a non running container'
}

@test "a port that is taken is refused, and the container stays created" {
    local port
    port=$(free_port)
    berth run -d --name x1 -p "127.0.0.1:$port:80" busybox sleep 1000 >/dev/null
    run berth run -d --name x2 -p "127.0.0.1:$port:80" busybox sleep 1000
    assert_status 125
    assert_output_has 'port is already allocated'
    [ "$(berth inspect -f '{{.State.Status}}' x2)" = created ]
    berth rm -f x1
    berth start x2
    [ "$(state_of x2)" = "running 0" ]
}

@test "who only looks waits for no network when no container has names to be answered" {
    berth run -d --name x1 busybox sleep 1000 >/dev/null
    exec 8>"$BERTH_RUN/locks/network"
    flock 8
    run timeout 60 berth ps -q 8>&-
    exec 8>&-
    assert_status 0
    [ "${#lines[@]}" -eq 1 ]
}

#!/usr/bin/env bats
# Pods: containers that share namespaces.

bats_require_minimum_version 1.5.0

load lib

setup() {
    berth_setup
    import_busybox
}
teardown() { berth_teardown; }

# The word of a pod's status.
pod_status() { berth pod ps --filter "name=$1" --format '{{.Status}}'; }
is_pod_status() { [ "$(pod_status "$1")" = "$2" ]; }
no_pod() { ! berth pod exists "$1"; }
state_of() { berth inspect --format '{{.State.Status}}' "$1"; }

@test "one letter is a name, as in Podman's files" {
    berth pod create --name w >/dev/null
    berth run -d --pod w --name x --init busybox sleep 1000 >/dev/null
    [ "$(berth inspect -f '{{.Name}} {{.State.Status}}' x)" = "/x running" ]
    berth pod rm -f -t 0 w
    run berth pod create --name -w
    assert_status 125
}

@test "members share the network, the host name, ipc and /dev/shm, but not their processes" {
    run -0 berth pod create --name web --hostname together
    [[ $output =~ ^[0-9a-f]{64}$ ]]
    id=$output
    [ "$(pod_status web)" = Created ]
    berth run -d --name aa --pod web busybox sh -c 'echo shared >/dev/shm/note; nc -l -p 7000 -e echo hello; sleep 1000'
    berth run -d --name bb --pod "${id:0:12}" busybox sleep 1000
    [ "$(pod_status web)" = Running ]
    for ns in net ipc uts; do
        [ "$(berth exec aa readlink /proc/self/ns/$ns)" = "$(berth exec bb readlink /proc/self/ns/$ns)" ]
        [ "$(berth exec aa readlink /proc/self/ns/$ns)" != "$(readlink /proc/self/ns/$ns)" ]
    done
    [ "$(berth exec aa readlink /proc/self/ns/pid)" != "$(berth exec bb readlink /proc/self/ns/pid)" ]
    [ "$(berth exec aa hostname)" = together ]
    [ "$(berth exec bb hostname)" = together ]
    [ "$(berth exec bb cat /etc/hostname)" = together ]
    berth exec bb grep -q together /etc/hosts
    wait_for 30 berth exec bb cat /dev/shm/note
    [ "$(berth exec bb cat /dev/shm/note)" = shared ]
    wait_for 30 berth exec bb sh -c 'nc 127.0.0.1 7000 </dev/null | grep -q hello'
    run -0 berth ps --pod --format '{{.Names}} {{.PodName}}'
    assert_output_has "aa web"
    assert_output_has "bb web"
    run -0 berth ps -q --filter pod=web
    [ ${#lines[@]} -eq 3 ]
    [ "$(berth inspect --format '{{.Pod}}' aa)" = "$id" ]
    run -0 berth pod rm -f web
    [ "$output" = "$id" ]
    [ -z "$(berth ps -aq)" ]
    wait_for 30 nothing_lives
}

@test "--share says what is shared: pid too, or nothing" {
    berth pod create --share +pid all >/dev/null
    berth run -d --name aa --pod all busybox sleep 1111
    berth run -d --name bb --pod all busybox sleep 2222
    berth exec aa ps | grep -q 'sleep 2222'
    berth exec aa sh -c 'sleep 1000 & exit 0' # an orphan becomes the infra container's
    [ "$(berth exec bb cat /proc/1/comm)" = docker-init ]
    berth pod create --share none --name nothing >/dev/null
    berth run -d --name cc --pod nothing busybox sleep 1000
    berth run -d --name dd --pod nothing busybox sleep 1000
    for ns in net ipc uts pid; do
        [ "$(berth exec cc readlink /proc/self/ns/$ns)" != "$(berth exec dd readlink /proc/self/ns/$ns)" ]
    done
    berth pod create --share cgroup --name groups >/dev/null
    berth run -d --name ee --pod groups busybox sleep 1000
    [ "$(berth exec ee readlink /proc/self/ns/cgroup)" = "$(readlink "/proc/$(berth inspect --format '{{.State.Pid}}' "$(berth pod inspect --format '{{.InfraContainerID}}' groups)")/ns/cgroup")" ]
    run -125 berth pod create --share bogus
    assert_output_has "invalid kernel namespace to share: bogus. Options are: cgroup, ipc, net, pid, uts or none"
    run -125 berth pod create --infra=false --share net
    assert_output_has "cannot set share(net) namespaces without an infra container"
    berth pod create --infra=false --name alone >/dev/null
    berth run --rm --pod alone busybox true
    berth pod rm alone
}

@test "a published port of the pod leads to a member" {
    port=$(free_port)
    berth pod create --name pp -p "127.0.0.1:$port:80" >/dev/null
    berth run -d --name www --pod pp busybox sh -c 'echo from a member >/index.html; httpd -f -p 80 -h /'
    wait_for 30 sh -c "busybox wget -qO- http://127.0.0.1:$port/ | grep -q 'from a member'"
    # It stays the pod's while the member is replaced.
    berth run -d --name www --replace --pod pp busybox sh -c 'echo from another >/index.html; httpd -f -p 80 -h /'
    wait_for 30 sh -c "busybox wget -qO- http://127.0.0.1:$port/ | grep -q 'from another'"
}

@test "a member that --rm removes while the others are told to stop is stopped" {
    berth pod create --name pp >/dev/null
    berth run -d --rm --name aa --pod pp busybox sleep 1000
    berth run -d --rm --name bb --pod pp busybox sleep 1000
    BERTH_FAULT=pod.stop.telling:stop berth pod stop -t 0 pp &
    stopping=$!
    wait_for 30 grep -q '^State:.T' /proc/$stopping/status
    berth kill bb
    wait_for 30 sh -c '! berth inspect bb >/dev/null 2>&1'
    kill -CONT $stopping
    wait $stopping
    [ "$(pod_status pp)" = Exited ]
}

@test "what belongs to the pod is refused for a member" {
    berth pod create --name pp >/dev/null
    run -125 berth run --rm --pod pp -p 80:80 busybox true
    assert_output_has "published or exposed ports must be defined when the pod is created"
    run -125 berth run --rm --pod pp --hostname x busybox true
    assert_output_has "cannot set hostname when joining the pod UTS namespace"
    run -125 berth run --rm --pod pp --ip 10.1.2.3 busybox true
    assert_output_has "networks must be defined when the pod is created"
    run -125 berth run --rm --pod pp --add-host a:1.1.1.1 busybox true
    assert_output_has "extra host entries must be specified on the pod"
    run -125 berth run --rm --pod pp --userns auto busybox true
    assert_output_has "cannot set user namespace mode when joining pod with infra container"
    run -125 berth run --rm --pod nope busybox true
    assert_output_has "no pod with name or ID nope found: no such pod"
    infra=$(berth pod inspect --format '{{.InfraContainerID}}' pp)
    run -1 berth rm -f "$infra"
    assert_output_has "is the infra container of pod"
    assert_output_has "cannot be removed without removing the pod"
    berth container prune -f
    berth pod exists pp
    [ "$(state_of "$infra")" = created ]
    [ -z "$(berth ps -aq --filter name=^/pp$)" ]
    run -125 berth run --name pp busybox true
    assert_output_has 'already in use by pod'
    # Its own network is a member's to have.
    run -0 berth run --rm --pod pp --network none busybox ls /sys/class/net
    [ "$output" = lo ]
}

@test "start, stop, restart, pause, kill and rm work on all containers of a pod" {
    berth pod create --name pp >/dev/null
    berth create --name aa --pod pp busybox sh -c 'trap "exit 0" TERM; while :; do sleep 0.1; done' >/dev/null
    berth create --name bb --pod pp busybox sh -c 'trap "exit 3" TERM; while :; do sleep 0.1; done' >/dev/null
    run -0 berth pod start pp
    [ "$output" = pp ]
    [ "$(pod_status pp)" = Running ]
    run -0 berth pod pause pp
    [ "$(pod_status pp)" = Paused ]
    run -0 berth pod unpause pp
    [ "$(pod_status pp)" = Running ]
    before=$(berth inspect --format '{{.State.Pid}}' aa)
    run -0 berth pod restart pp
    [ "$(berth inspect --format '{{.State.Pid}}' aa)" != "$before" ]
    [ "$(pod_status pp)" = Running ]
    berth stop aa
    [ "$(pod_status pp)" = Degraded ]
    run -125 berth pod rm pp
    assert_output_has "not all containers could be removed from pod"
    run -0 berth pod stop -t 20 pp
    [ "$output" = pp ]
    [ "$(pod_status pp)" = Exited ]
    [ "$(berth inspect --format '{{.State.ExitCode}}' bb)" = 3 ]
    berth start bb # brings the infra container with it
    [ "$(pod_status pp)" = Degraded ]
    berth pod start pp
    [ "$(pod_status pp)" = Running ]
    run -0 berth pod top pp
    assert_output_has "sleep 0.1"
    run -0 berth pod stats --no-stream pp
    assert_output_has "aa "
    berth pod kill pp >/dev/null
    wait_for 30 is_pod_status pp Exited
    run -0 berth pod prune -f
    no_pod pp
    [ -z "$(berth ps -aq)" ]
}

@test "with the exit policy stop a pod ends with its last member, and only then" {
    berth pod create --name pp --exit-policy stop >/dev/null
    berth run -d --name aa --pod pp busybox sleep 1000 >/dev/null
    berth run -d --rm --name bb --pod pp busybox sleep 1000 >/dev/null
    infra=$(berth pod inspect --format '{{.InfraContainerID}}' pp)
    berth stop -t 0 aa
    [ "$(state_of "$infra")" = running ]
    berth restart -t 0 bb
    [ "$(state_of "$infra")" = running ]
    berth stop -t 0 bb
    wait_for 30 is_pod_status pp Exited
    # A member that starts while the pod ends has a pod that runs.
    berth start aa
    berth rm -f aa
    berth run -d --name aa --pod pp busybox sleep 1000 >/dev/null
    berth exec aa true
    [ "$(state_of "$infra")" = running ]
    # With the other policy it stays.
    berth pod create --name qq >/dev/null
    berth run --rm --pod qq busybox true
    [ "$(pod_status qq)" = Running ]
    run -125 berth pod create --exit-policy bogus
    assert_output_has 'invalid pod exit policy: "bogus"'
}

@test "members that begin while the last one ends have a pod that runs" {
    berth pod create --name pp --exit-policy stop >/dev/null
    for round in 1 2 3 4 5 6 7 8; do
        for member in 1 2 3; do
            { berth run --rm --pod pp busybox readlink /proc/self/ns/ipc || echo failed; } >"$WORK/$round.$member" 2>&1 &
        done
        wait
    done
    run ! grep -r failed "$WORK"
    wait_for 30 is_pod_status pp Exited
}

@test "a pod's mounts and sysctls are its members'" {
    mkdir "$WORK/data"
    echo of the pod >"$WORK/data/note"
    berth pod create --name pp -v "$WORK/data:/data:ro" -v vol:/vol --sysctl net.ipv4.ip_forward=1 --shm-size 4m >/dev/null
    [ "$(berth run --rm --pod pp busybox cat /data/note)" = "of the pod" ]
    berth run --rm --pod pp busybox sh -c 'echo kept >/vol/x'
    [ "$(berth run --rm --pod pp busybox cat /vol/x)" = kept ]
    [ "$(berth run --rm --pod pp -v "$WORK:/data" busybox ls /data)" = data ]
    [ "$(berth run --rm --pod pp busybox cat /proc/sys/net/ipv4/ip_forward)" = 1 ]
    berth run --rm --pod pp busybox df -k /dev/shm | grep -q 4096
}

@test "a pod's control group and devices are its members', unless they say otherwise" {
    berth pod create --name pp --cgroup-parent "/berth-test-$$" --device /dev/null:/dev/lent >/dev/null
    berth run -d --name aa --pod pp --device /dev/zero:/dev/own busybox sleep 1000
    berth exec aa test -c /dev/lent
    berth exec aa test -c /dev/own
    grep -q "/berth-test-$$/" "/proc/$(berth inspect --format '{{.State.Pid}}' aa)/cgroup"
    [ "$(berth pod inspect --format '{{.CgroupParent}}' pp)" = "/berth-test-$$" ]
    berth run -d --name bb --pod pp --cgroup-parent "/berth-other-$$" busybox sleep 1000
    grep -q "/berth-other-$$/" "/proc/$(berth inspect --format '{{.State.Pid}}' bb)/cgroup"
    berth pod rm -f -t 0 pp
    find /sys/fs/cgroup -maxdepth 2 -name "berth-*-$$" -exec rmdir {} +
}

@test "pod ps, inspect and logs say what there is" {
    run -0 berth pod ps
    [[ $output =~ ^"POD ID"\ +NAME\ +STATUS\ +CREATED\ +"INFRA ID"\ +"# OF CONTAINERS"$ ]]
    id=$(berth pod create --name pp --label colour=red --infra-name inf)
    berth run -d --name one --pod pp busybox echo said by one >/dev/null
    wait_for 30 sh -c 'berth wait one'
    run -0 berth pod ps --no-trunc --ctr-names
    assert_output_has "$id"
    assert_output_has "inf,one"
    assert_output_has Degraded
    [ "$(berth pod ps -q --filter label=colour=red)" = "${id:0:12}" ]
    [ -z "$(berth pod ps -q --filter label=colour=blue)" ]
    [ -z "$(berth pod ps -q --filter status=running)" ]
    [ "$(berth pod ps -q --filter ctr-number=2 --filter ctr-names=one)" = "${id:0:12}" ]
    run -125 berth pod ps --filter bogus=1
    [ "$(berth pod ps --format json | python3 -c 'import json,sys; print([c["Names"] for c in json.load(sys.stdin)[0]["Containers"]])')" = "['inf', 'one']" ]
    run -0 berth pod inspect pp
    python3 -c '
import json, sys
pod, = json.loads(sys.argv[1])
assert pod["Name"] == "pp" and pod["ExitPolicy"] == "continue" and pod["State"] == "Degraded", pod
assert pod["SharedNamespaces"] == ["ipc", "net", "uts"] and pod["NumContainers"] == 2, pod
assert pod["Labels"] == {"colour": "red"}, pod
' "$output"
    run -0 berth pod logs --names pp
    assert_output_has "said by one"
    run -125 berth pod logs -c other pp
    run -125 berth pod inspect nope
    assert_output_has "no pod with name or ID nope found: no such pod"
    run -1 berth pod exists nope
    run -1 berth pod rm nope
    run -0 berth pod rm --ignore nope
    run -0 berth pod rm --force nope
    run -125 berth pod stop nope
    run -0 berth pod stop --ignore nope
    run -125 berth pod start pp nope
    run -125 berth pod start
    run -125 berth pod create --name pp
    run -0 berth pod create --name pp --replace
    [ -z "$(berth ps -aq --filter name=one)" ]
    berth pod create --pod-id-file "$WORK/id" --name by-file >/dev/null
    berth run --rm --pod-id-file "$WORK/id" busybox true
    berth pod rm -f --pod-id-file "$WORK/id"
    no_pod by-file
}

@test "run --pod new: makes the pod with what belongs to it" {
    berth run -d --name aa --pod new:np -p 127.0.0.1::80 --hostname h busybox sleep 1000 >/dev/null
    [ "$(pod_status np)" = Running ]
    [ "$(berth exec aa hostname)" = h ]
    berth port "$(berth pod inspect --format '{{.InfraContainerID}}' np)" | grep -q '80/tcp -> 127.0.0.1:'
}

@test "ipc and pid of another container can be joined" {
    berth run -d --name donor --ipc shareable busybox sleep 1234
    [ "$(berth run --rm --ipc container:donor --pid container:donor busybox sh -c 'echo x >/dev/shm/left; ps' | grep -c 'sleep 1234')" = 1 ]
    [ "$(berth exec donor cat /dev/shm/left)" = x ]
    berth run -d --name other busybox sleep 1000
    run -125 berth run --rm --ipc container:other busybox true
    assert_output_has "non-shareable IPC (hint: use IpcMode:shareable for the donor container)"
    berth stop -t 0 donor
    run -125 berth run --rm --pid container:donor busybox true
    assert_output_has "cannot join PID of a non running container"
    run -1 berth run --rm --ipc none busybox grep -c ' /dev/shm ' /proc/mounts
    run -125 berth run --rm --ipc bogus busybox true
    assert_output_has "invalid IPC mode: bogus"
}

@test "a command that dies at any moment leaves a pod that the next one can deal with" {
    for point in pod.create.rows pod.stop.told pod.stop.members pod.remove.stopped pod.ended container.create.rows container.start.prepared; do
        BERTH_FAULT=$point:kill berth pod create --name pp --exit-policy stop >/dev/null 2>&1 || :
        berth pod exists pp || berth pod create --name pp --exit-policy stop >/dev/null
        BERTH_FAULT=$point:kill berth run -d --name aa --pod pp busybox sleep 1000 >/dev/null 2>&1 || :
        [ -n "$(berth ps -aq --filter name=^/aa$)" ] || berth create --name aa --pod pp busybox sleep 1000 >/dev/null
        berth pod start pp >/dev/null
        [ "$(pod_status pp)" = Running ]
        BERTH_FAULT=$point:kill berth pod stop -t 0 pp >/dev/null 2>&1 || :
        berth pod stop -t 0 pp >/dev/null
        [ "$(pod_status pp)" = Exited ]
        berth pod start pp >/dev/null
        [ "$(pod_status pp)" = Running ]
        BERTH_FAULT=$point:kill berth pod rm -f -t 0 pp >/dev/null 2>&1 || :
        berth pod rm -f -t 0 pp >/dev/null
        no_pod pp
        [ -z "$(berth ps -aq)" ]
    done
    wait_for 30 nothing_lives
}

@test "a pod whose infra container was killed comes up again" {
    berth pod create --name pp >/dev/null
    berth run -d --name aa --pod pp busybox sleep 1000 >/dev/null
    infra=$(berth pod inspect --format '{{.InfraContainerID}}' pp)
    kill -9 "$(berth inspect --format '{{.State.Pid}}' "$infra")"
    wait_for 30 is_pod_status pp Degraded
    berth pod restart pp >/dev/null
    [ "$(pod_status pp)" = Running ]
    berth exec aa true
}

@test "what happens to a pod is told, and found by its name" {
    begin=$(date +%s)
    id=$(berth pod create --name pp --label a=b)
    berth pod start pp
    berth pod pause pp
    berth pod unpause pp
    berth pod restart pp
    berth pod stop -t 0 pp
    berth pod rm pp
    run -0 berth events --since "$begin" --until "$(($(date +%s) + 1))" --filter pod=pp --format '{{.Type}} {{.Action}}'
    [ "$output" = "$(printf 'pod %s\n' create start pause unpause restart stop remove)" ]
    run -0 berth events --since "$begin" --until "$(($(date +%s) + 1))" --filter "pod=${id:0:12}" --filter event=create
    [[ $output == *"pod create $id (a=b, name=pp)" ]]
    run -0 berth events --since "$begin" --until "$(($(date +%s) + 1))" --filter pod=other
    [ -z "$output" ]
}

@test "--security-opt of a pod is its members', before their own" {
    run -125 berth pod create --security-opt bogus=1
    assert_output_has "bogus"
    berth pod create --name pp --security-opt no-new-privileges --security-opt seccomp=unconfined >/dev/null
    berth run -d --name aa --pod pp --security-opt no-new-privileges busybox sleep 1000
    berth exec aa grep -q '^NoNewPrivs:.1' /proc/self/status
    berth exec aa grep -q '^Seccomp:.0' /proc/self/status
}

@test "--init-ctr: a container that runs to its end before the others start" {
    run -125 berth create --init-ctr once busybox true
    assert_output_has "must specify pod value with init-ctr"
    berth pod create --name pp >/dev/null
    run -125 berth create --pod pp --init-ctr sometimes busybox true
    assert_output_has "neither always nor once"
    berth create --pod pp --name first --init-ctr always -v shared:/s busybox sh -c 'echo run >>/s/runs' >/dev/null
    berth create --pod pp --name other -v shared:/s busybox sh -c 'cp /s/runs /s/seen; sleep 1000' >/dev/null
    berth pod start pp
    wait_for 20 sh -c '[ "$(berth exec other cat /s/seen)" = run ]'
    [ "$(pod_status pp)" = Running ]
    berth pod stop -t 0 pp
    berth pod start pp
    wait_for 20 sh -c '[ "$(berth exec other cat /s/seen | wc -l)" -eq 2 ]'
}

@test "a pod whose init container does not end is stopped and removed; its other containers are not started" {
    start_in_background() {
        berth pod start pp >started 2>&1 &
        starting=$!
        wait_for 20 sh -c '[ "$(berth inspect --format "{{.State.Status}}" first)" = running ]'
    }
    berth pod create --name pp >/dev/null
    # One that ends well when it is told to end is not done either.
    berth create --pod pp --name first --init-ctr always busybox \
        sh -c 'trap "exit 0" TERM; sleep 1000 & wait' >/dev/null
    berth create --pod pp --name other busybox sleep 1000 >/dev/null
    start_in_background
    run -0 timeout 60 berth pod stop -t 10 pp
    code=0
    wait "$starting" || code=$?
    [ "$code" -eq 125 ]
    grep "pod pp is not started: init container first was stopped" started
    [ "$(berth inspect --format '{{.State.Status}}' other)" = created ]
    # A second start waits for the first, and can be interrupted.
    start_in_background
    berth pod start pp >second 2>&1 &
    second=$!
    wait_for 20 grep -q -- "-> FLOCK .* $second " /proc/locks
    kill -TERM "$second"
    code=0
    wait "$second" || code=$?
    [ "$code" -ne 0 ]
    berth inspect first >/dev/null
    timeout 60 berth pod restart pp >/dev/null 2>&1 & # ends the start that waits, and waits itself
    restarting=$!
    code=0
    wait "$starting" || code=$?
    [ "$code" -eq 125 ]
    wait_for 20 sh -c '[ "$(berth inspect --format "{{.State.Status}}" first)" = running ]'
    run -0 timeout 60 berth pod rm -f -t 0 pp
    wait "$restarting" || :
    [ -z "$(berth ps -aq)" ]
    wait_for 30 nothing_lives
}

#!/usr/bin/env bats
# Looking at objects and waiting for them: inspect in Docker's shape, sizes, filters of prune, conditions of wait.
load lib
bats_require_minimum_version 1.5.0

setup() {
    berth_setup
    import_busybox
}

teardown() {
    berth_teardown
}

members() {
    berth inspect "$1" | python3 -c '
import json, sys
value = json.load(sys.stdin)[0]
for key in sys.argv[1:]:
    value = value[key]
print(" ".join(sorted(value)))' "${@:2}"
}

@test "inspect has the members that Docker has" {
    mkdir dir
    berth create --name web -p 8080:80 --cap-add net_admin --tmpfs /t -v "$PWD/dir:/d:ro" -v named:/n -v /anon \
        --mount type=tmpfs,target=/m,tmpfs-size=1m --mount type=volume,source=vol,target=/v,volume-subpath=x \
        --mount type=bind,source="$PWD/dir",target=/b,readonly,bind-propagation=rslave busybox true >/dev/null
    [ "$(members web)" = "AppArmorProfile Args Config Created Driver ExecIDs GraphDriver HostConfig HostnamePath HostsPath Id Image LogPath MountLabel Mounts Name NetworkSettings Path Platform ProcessLabel ResolvConfPath RestartCount State" ]
    [ "$(members web GraphDriver Data)" = "ID LowerDir MergedDir UpperDir WorkDir" ]
    [ "$(members web NetworkSettings)" = "Bridge EndpointID Gateway GlobalIPv6Address GlobalIPv6PrefixLen HairpinMode IPAddress IPPrefixLen IPv6Gateway LinkLocalIPv6Address LinkLocalIPv6PrefixLen MacAddress Networks Ports SandboxID SandboxKey SecondaryIPAddresses SecondaryIPv6Addresses" ]
    [ "$(berth inspect -f '{{json .Config.ExposedPorts}} {{json .HostConfig.CapAdd}} {{json .HostConfig.Tmpfs}}' web)" = '{"80/tcp":{}} ["CAP_NET_ADMIN"] {"/t":""}' ]
    [ "$(berth inspect -f '{{range .Mounts}}{{.Type}} {{.Destination}} {{.Mode}} {{.RW}} {{.Propagation}};{{end}}' web)" = "bind /d ro false rprivate;volume /n z true ;tmpfs /m  true ;volume /v z true ;bind /b  false rslave;volume /anon  true ;" ]
    [ "$(berth inspect -f '{{json .HostConfig.Mounts}}' web | jq -cS '.[]')" = "$(jq -cS . <<EOF
{"Type":"tmpfs","Target":"/m","TmpfsOptions":{"SizeBytes":1048576}}
{"Type":"volume","Source":"vol","Target":"/v","VolumeOptions":{"Subpath":"x"}}
{"Type":"bind","Source":"$PWD/dir","Target":"/b","ReadOnly":true,"BindOptions":{"Propagation":"rslave"}}
EOF
)" ]
    berth create --name alone --network none busybox true >/dev/null
    [ "$(berth inspect -f '{{range $name, $n := .NetworkSettings.Networks}}{{$name}} {{$n.NetworkID}}{{end}}' alone)" = "none $(berth network inspect -f '{{.Id}}' none)" ]
}

@test "templates of inspect know the members that are left out" {
    berth run -d --name plain busybox sleep 1000
    [ "$(berth inspect -f '{{if .State.Health}}{{.State.Health.Status}}{{else}}none{{end}}' plain)" = none ]
    [ "$(berth inspect -f '{{.ID}}' plain)" = "$(berth inspect -f '{{.Id}}' plain)" ]
    [ "$(berth inspect -f '{{index .Config.Labels "x"}}|{{.Config.ExposedPorts}}{{.HostConfig.PidsLimit}}' plain)" = '|map[]<nil>' ]
    [ "$(berth image inspect -f '{{.Config.Entrypoint}} {{.ID}}' busybox)" = "[] $(berth image inspect -f '{{.Id}}' busybox)" ]
    berth network inspect -f '{{.Created}}' bridge | grep -E '^[0-9-]{10} [0-9:.]+ \+0000 UTC$'
    [ "$(berth volume create -d local vol >/dev/null; berth volume inspect -f '{{.Options}}{{.UsageData}}' vol)" = 'map[]<nil>' ]
    berth inspect -f json plain plain | python3 -c 'import json, sys; assert len(json.load(sys.stdin)) == 2'
    run berth inspect --type pod plain
    [ "$status" -eq 1 ]
    [[ $output == *'expected container, image, network or volume'* ]]
}

@test "sizes are shown where they are asked for" {
    berth run --name big --network none -v vol:/v busybox sh -c 'head -c 300000 /dev/zero >/file; head -c 500000 /dev/zero >/v/file'
    run berth inspect big
    assert_output_lacks SizeRw
    read -r own all < <(berth inspect -s -f '{{.SizeRw}} {{.SizeRootFs}}' big)
    [ "$own" -ge 300000 ] && [ "$all" -ge $((own + 1000000)) ]
    run berth system df -v
    assert_status 0
    for text in 'Images space usage:' 'UNIQUE SIZE' 'Containers space usage:' 'LOCAL VOLUMES' 'Local Volumes space usage:' LINKS 'Build cache usage:'; do
        assert_output_has "$text"
    done
    [ "$(berth system df -v --format '{{range .Images}}{{.Repository}} {{.Containers}} {{.SharedSize}}{{end}} {{range .Volumes}}{{.Name}} {{.Links}}{{end}}')" = 'busybox 1 0B vol 1' ]
    berth tag busybox other
    printf 'FROM busybox\nRUN echo x >/x\n' >Dockerfile
    berth build -q -t built . >/dev/null
    run berth system df -v --format '{{range .Images}}{{.Repository}}={{.SharedSize}} {{end}}{{len .BuildCache}}'
    assert_output_lacks 'built=0B'
    assert_output_has 'built='
}

@test "details of a log are what its options select" {
    berth run --name log --network none --log-opt labels=b,a --log-opt env=E -e 'E=1&2' -l 'a=x y' -l b=2 busybox sh -c 'echo one; echo two'
    [ "$(berth logs --details log)" = $'E=1%262,a=x+y,b=2 one\nE=1%262,a=x+y,b=2 two' ]
    berth run --name plain --network none busybox echo one
    [ "$(berth logs --details plain)" = ' one' ]
}

@test "prune takes what its filters leave" {
    for value in old new; do
        berth create --name "c-$value" --network none -l age=$value busybox true >/dev/null
        berth network create --label age=$value "n-$value" >/dev/null
        berth volume create --label age=$value "v-$value" >/dev/null
        berth import -c "LABEL age=$value" "$(busybox_tar)" "i-$value" >/dev/null
    done
    berth rm c-new && berth create --name c-new --network none -l age=new -l keep busybox true >/dev/null
    berth container prune -f --filter until=1h >/dev/null
    [ "$(berth ps -aq | wc -l)" -eq 2 ]
    berth container prune -f --filter label=age --filter label!=keep >/dev/null
    [ "$(berth ps -a --format '{{.Names}}')" = c-new ]
    berth network prune -f --filter label=age=old >/dev/null
    [ "$(berth network ls -f type=custom --format '{{.Name}}')" = n-new ]
    berth volume prune -f --filter all=1 --filter label!=age=new >/dev/null
    [ "$(berth volume ls -q)" = v-new ]
    berth volume prune -f >/dev/null
    [ "$(berth volume ls -q)" = v-new ]
    berth image prune -af --filter label=age=old >/dev/null
    [ "$(berth images --format '{{.Repository}}' | sort | xargs)" = "busybox i-new" ]
    berth image prune -f --filter dangling=false --filter label=age >/dev/null
    [ "$(berth images --format '{{.Repository}}')" = busybox ]
    berth system prune -f --filter label=keep >/dev/null
    [ -z "$(berth ps -aq)" ]
    [ "$(berth network ls -f type=custom --format '{{.Name}}')" = n-new ]
    for command in 'container prune' 'image prune' 'network prune' 'volume prune' 'system prune'; do
        run berth $command -f --filter color=red
        assert_status 1
        assert_output_has 'invalid filter'
    done
    run berth volume prune -f --filter until=1h
    assert_status 1
    run berth system prune -f --volumes --filter until=1h
    assert_status 1
}

@test "wait returns when one of its conditions holds" {
    mkfifo gate
    berth create --name box --network none -v "$PWD:/w" --health-cmd 'test -e /w/fine' --health-interval 100ms --health-retries 1 busybox \
        sh -c 'read line </w/gate; exit 7' >/dev/null
    [ "$(berth wait --condition created box)" = -1 ]
    berth wait --condition running box >running &
    waiting=$!
    berth start box
    wait $waiting
    [ "$(cat running)" = -1 ]
    [ "$(berth wait --condition unhealthy box)" = -1 ]
    touch fine
    [ "$(berth wait --condition removed --condition healthy box)" = -1 ]
    berth wait --condition paused box >paused &
    waiting=$!
    berth pause box
    wait $waiting
    berth unpause box
    berth wait --condition exited box >ended &
    waiting=$!
    echo go >gate
    wait $waiting
    [ "$(cat ended)" = 7 ]
    [ "$(berth wait --condition stopped --condition healthy box)" = 7 ]
    berth wait --condition removed box >removed &
    waiting=$!
    # The waiter has read the state once it follows the events.
    wait_for 60 sh -c "ls -l /proc/$waiting/fd | grep -q inotify"
    berth rm box
    wait $waiting
    run berth wait --condition nonsense box
    assert_status 1
    run berth wait --condition running box
    assert_status 1
    assert_output_has 'No such container'
    [ "$(berth wait --ignore box)" = -1 ]
}

@test "the history of an image is for people or exact, and platforms are checked" {
    [ "$(berth image history --human=false --format '{{.Size}} {{.CreatedAt}}' busybox | grep -cE '^[0-9]+ [0-9-]+T[0-9:]+Z$')" = 1 ]
    [ "$(berth history --format '{{.Size}}' busybox | grep -c MB)" = 1 ]
    for command in 'image inspect' 'image history' 'image rm' 'image save -o x.tar'; do
        run berth $command --platform linux/s390x busybox
        assert_status 1
        assert_output_has 'does not match the specified platform (linux/s390x)'
    done
    [ ! -e x.tar ]
    own=$(berth image inspect -f '{{.Os}}/{{.Architecture}}' busybox)
    berth image inspect --platform "$own" busybox >/dev/null
    berth image rm --platform "$own" busybox
}

@test "ps and images know Docker's lesser filters" {
    berth create --name box --network none busybox true >/dev/null
    [ "$(berth ps -aq -f is-task=false -f isolation=default | wc -l)" -eq 1 ]
    [ -z "$(berth ps -aq -f is-task=true)" ]
    [ "$(berth images -q -f until=0s | wc -l)" -eq 1 ]
    [ -z "$(berth images -q -f until=24h)" ]
    for filter in is-task=odd isolation=hyperv color=red exited=x health=x status=x; do
        run berth ps -f "$filter"
        assert_status 1
    done
}

@test "info, events and container inspect answer Docker's everyday templates" {
    berth run --name x1 --network none busybox true
    [[ $(berth info -f '{{.SecurityOptions}} {{.DefaultRuntime}} {{.Swarm.LocalNodeState}}') == *'name=seccomp,profile=builtin'*' berth inactive' ]]
    [ -n "$(berth info -f '{{.OperatingSystem}}')" ]
    [ "$(berth events --since 5m --until 0s -f event=die --format '{{.Status}} {{.From}} {{.Scope}} {{.Actor.Attributes.name}} {{.ID}}')" = "die busybox local x1 $(berth inspect -f '{{.Id}}' x1)" ]
    [ "$(berth container inspect -f '{{.Name}}' x1)" = /x1 ]
    run berth container inspect busybox
    assert_status 1
    assert_output_has 'No such container: busybox'
    run berth build -f nope .
    assert_output_has "cannot read the Dockerfile \"$PWD/nope\""
}

@test "filters say what they take, and templates ask for sizes" {
    berth create --name x1 busybox true >/dev/null
    run berth ps -f health=x
    assert_output_has 'expected none, starting, healthy or unhealthy'
    run berth network ls -f type=x
    assert_status 1
    assert_output_has 'expected builtin or custom'
    [[ $(berth ps -a --format '{{.Names}} {{.Size}}') == "x1 "*"(virtual "* ]]
    berth network ls --format '{{.CreatedAt}}' | grep -E '^[0-9-]{10} [0-9:.]+ \+0000 UTC$'
}

@test "top has a table of its own, or that which ps makes with the words given" {
    berth run -d --name x1 --network none busybox sh -c 'sleep 1000 & exec sleep 2000' >/dev/null
    both() { [ "$(berth top x1 | grep -c 'sleep [12]000')" = 2 ]; }
    wait_for 120 both
    pid=$(berth inspect -f '{{.State.Pid}}' x1)
    [ "$(berth top x1 -o pid,args | awk -v pid="$pid" '$1 == pid { $1 = ""; print }')" = " sleep 2000" ]
    [ "$(berth top x1 -o pid,comm | wc -l)" = 3 ]
    [ "$(berth top x1 aux | head -n 1 | awk '{ print $1, $2 }')" = "USER PID" ]
    [ "$(berth top x1 aux | wc -l)" = 3 ]
    run berth top x1 -o args
    [ "$status" -eq 1 ]
    assert_output_has "Couldn't find PID field in ps output"
    run berth top x1 --no-such-option
    [ "$status" -eq 1 ]
    assert_output_has "ps ended with exit status"
}

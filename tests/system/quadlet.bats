#!/usr/bin/env bats
# berth quadlet convert of a container that there is.

bats_require_minimum_version 1.5.0
load lib

setup() {
    berth_setup
    import_busybox
}

teardown() {
    berth_teardown
}

@test "a container becomes a quadlet without what its image says" {
    berth create --name web1 -v vol1:/data -v /tmp:/t:ro -e 'A=b c' -l x=y --restart always --cap-drop all \
        --memory 64m --tmpfs /run --init --read-only --health-cmd 'test -e /x' --health-interval 5s \
        busybox sleep 100
    run -0 --separate-stderr berth quadlet convert -c web1
    for line in 'ContainerName=web1' 'Volume=vol1:/data:rw' 'Volume=/tmp:/t:ro' 'Environment="A=b c"' \
        'Label=x=y' 'DropCapability=ALL' 'Memory=67108864' 'Tmpfs=/run' 'RunInit=true' 'ReadOnly=true' \
        'HealthCmd=test -e /x' 'HealthInterval=5000ms' 'Exec=sleep 100' 'Restart=always'; do
        [[ $output == *"$line"* ]] || { echo "no $line in:"; echo "$output"; false; }
    done
    [[ $output != *PATH=* ]]
    run -1 berth quadlet convert -c nothing
}

@test "rights, devices, limits and namespaces of a container become keys or arguments" {
    berth create --name web2 --ulimit nofile=10:20 --device /dev/null:/dev/x:r --security-opt no-new-privileges \
        --security-opt seccomp=unconfined --security-opt unmask=/proc/kcore --security-opt apparmor=unconfined \
        --hostname h --pid host --ipc host --cpus 1.5 --cpu-shares 7 --oom-score-adj 5 --stop-timeout 3 \
        --log-driver json-file --log-opt max-size=1m --annotation 'a=b c' -t busybox
    run -0 --separate-stderr berth quadlet convert -c web2
    for line in 'Ulimit=nofile=10:20' 'AddDevice=/dev/null:/dev/x:r' 'NoNewPrivileges=true' \
        'SeccompProfile=unconfined' 'Unmask=/proc/kcore' 'PodmanArgs=--security-opt=apparmor=unconfined' \
        'HostName=h' 'PodmanArgs=--pid=host' 'PodmanArgs=--ipc=host' 'PodmanArgs=--cpus=1.500' \
        'PodmanArgs=--cpu-shares=7' 'PodmanArgs=--oom-score-adj=5' 'StopTimeout=3' 'LogDriver=json-file' \
        'LogOpt=max-size=1m' 'Annotation="a=b c"' 'PodmanArgs=--tty'; do
        [[ $output == *"$line"* ]] || { echo "no $line in:"; echo "$output"; false; }
    done
    # What nobody asked for is not said.
    berth create --name plain busybox true
    run -0 --separate-stderr berth quadlet convert -c plain
    [ "$output" = "$(printf '[Container]\nImage=busybox\nContainerName=plain\nExec=true')" ]
    berth pod create --name pp >/dev/null
    berth create --name member --pod pp busybox true
    run -0 berth quadlet convert -c member
    assert_output_has "it is in the pod"
}

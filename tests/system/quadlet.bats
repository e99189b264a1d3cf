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

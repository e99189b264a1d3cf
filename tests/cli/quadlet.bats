#!/usr/bin/env bats
# berth quadlet: install, list, print, check, rm, convert. No root, no systemd, no engine.

bats_require_minimum_version 1.5.0

setup() {
    : "${BERTH_BUILD:=$BATS_TEST_DIRNAME/../../build/dev}"
    berth=$BERTH_BUILD/bin/berth
    [ -x "$berth" ] || skip "$berth is not built"
    mkdir -p "$BATS_TEST_TMPDIR/work"
    cd "$BATS_TEST_TMPDIR/work" || return
    # Never this machine's systemd: nothing answers at these addresses.
    export DBUS_SYSTEM_BUS_ADDRESS=unix:path=$PWD/none DBUS_SESSION_BUS_ADDRESS=unix:path=$PWD/none
    export QUADLET_UNIT_DIRS=$PWD/installed NO_COLOR=1
    unset XDG_RUNTIME_DIR
    flags=(--reload-systemd=false)
}

@test "a quadlet is installed, listed, printed and removed with what came with it" {
    printf '[Container]\nImage=docker.io/x\nEnvironmentFile=web.env\n' >web.container
    echo A=1 >web.env
    run -0 "$berth" quadlet install "${flags[@]}" web.container web.env
    [ "$output" = "$(printf '%s\n' "$PWD/installed/web.container" "$PWD/installed/web.env")" ]
    [ "$(cat installed/.web.container.asset)" = web.env ]
    run -0 "$berth" quadlet list --format '{{.Name}} {{.UnitName}} {{.App}}'
    [ "$output" = "web.container web.service " ]
    run -0 "$berth" quadlet print web.container
    [ "$output" = "$(cat web.container)" ]
    run -0 "$berth" quadlet rm "${flags[@]}" web.container
    [ -z "$(ls -A installed)" ]
}

@test "several quadlets in one file are an application that goes as a whole" {
    printf '# FileName=a\n[Container]\nImage=docker.io/x\nVolume=v.volume:/x\n---\n# FileName=v\n[Volume]\n' \
        >app.quadlets
    run -0 "$berth" quadlet install --dry-run app.quadlets
    [ ! -e installed ]
    run -0 "$berth" quadlet install "${flags[@]}" app.quadlets
    run -0 "$berth" quadlet list -q --filter app=app
    [ "$output" = "$(printf 'v.volume\na.container')" ]
    run -0 "$berth" quadlet rm --dry-run a.container
    [ "${#lines[@]}" -eq 3 ]
    run -0 "$berth" quadlet rm "${flags[@]}" a.container
    [ -z "$(ls -A installed)" ]
}

@test "a directory is an application too" {
    mkdir shop
    printf '[Volume]\n' >shop/v.volume
    echo x >shop/notes.txt
    run -0 "$berth" quadlet install "${flags[@]}" shop
    [ "$(cat installed/.shop.app)" = "$(printf 'notes.txt\nv.volume')" ]
    run -0 "$berth" quadlet rm "${flags[@]}" .shop.app
    [ -z "$(ls -A installed)" ]
}

@test "what is installed is replaced only when asked, and the difference can be seen before" {
    printf '[Volume]\nLabel=a=1\n' >v.volume
    "$berth" quadlet install "${flags[@]}" v.volume
    printf '[Volume]\nLabel=a=2\n' >v.volume
    run -1 "$berth" quadlet install "${flags[@]}" v.volume
    [[ $output == *"--replace replaces it"* ]]
    run -0 "$berth" quadlet install --diff v.volume
    [[ $output == *"-Label=a=1"$'\n'"+Label=a=2"* ]]
    grep -q a=1 installed/v.volume
    run -0 "$berth" quadlet install -r "${flags[@]}" v.volume
    grep -q a=2 installed/v.volume
    run -0 "$berth" quadlet install --diff v.volume
    [ -z "$output" ]
}

@test "a quadlet with errors is not installed, and each has its place" {
    printf '[Container]\nImage=docker.io/x\nVoluem=x\nNetwork=n.network\nPod=x.pod\n' >bad.container
    printf '[Network]\n' >n.network
    "$berth" quadlet install "${flags[@]}" n.network
    run -1 "$berth" quadlet install "${flags[@]}" bad.container
    [[ $output == *"bad.container:3:1: unsupported key 'Voluem' in group 'Container'"* ]]
    [[ $output == *'hint: did you mean "Volume"?'* ]]
    [[ $output == *"bad.container:5:5: quadlet pod unit x.pod does not exist"* ]]
    [[ $output != *"n.network was not found"* ]]
    [ ! -e installed/bad.container ]
    run -1 "$berth" quadlet check bad.container
    [[ $output == *"bad.container:4:9: requested Quadlet unit n.network was not found"* ]]
    run -0 "$berth" quadlet check
    run -0 "$berth" quadlet check --engine podman n.network
}

@test "a section that nobody reads is a warning" {
    printf '[Container]\nImage=docker.io/x:1\n[Servce]\nRestart=always\n[X-Mine]\nA=1\n' >a.container
    run -0 "$berth" quadlet check a.container
    [[ $output == *"a.container:3:"*"warning: nobody reads the section [Servce]"* ]]
    [[ $output == *'hint: did you mean [Service]?'* ]]
    [[ $output != *X-Mine* ]]
}

@test "errors of a part are placed in the file that holds it" {
    printf '# FileName=v\n[Volume]\n---\n# FileName=w\n[Volume]\nOops=1\n' >app.quadlets
    run -1 "$berth" quadlet install "${flags[@]}" app.quadlets
    [[ $output == *"app.quadlets:6:1: unsupported key 'Oops'"* ]]
}

@test "names that are not there are errors" {
    mkdir installed
    run -1 "$berth" quadlet rm "${flags[@]}" nothing.container
    run -0 "$berth" quadlet rm "${flags[@]}" --ignore nothing.container
    run -1 "$berth" quadlet print nothing.container
    [[ $output == *'there is no quadlet "nothing.container"'* ]]
    run -1 "$berth" quadlet install "${flags[@]}" nothing.container
    run -1 "$berth" quadlet list --filter shape=round
}

@test "a command line becomes a quadlet that makes the same container" {
    run -0 --separate-stderr "$berth" quadlet convert --wanted-by default.target \
        docker run -d --name web -p 80:80 -e 'A=b c' --cpus 2 nginx:1 nginx -g 'daemon off;'
    [ "$output" = "[Container]
Image=nginx:1
ContainerName=web
PublishPort=80:80
Environment=\"A=b c\"
PodmanArgs=--cpus=2
Exec=nginx -g \"daemon off;\"

[Install]
WantedBy=default.target" ]
    mkdir -p installed
    "$berth" quadlet convert -o installed docker run --name web -e 'A=b c' nginx:1 echo '$HOME'
    run -0 "$BERTH_BUILD/bin/berth-generator" -dryrun
    [[ $output == *'--env "A=b\x20c" nginx:1 echo $$HOME'* ]]
    run -1 "$berth" quadlet convert docker run -d
    run -1 "$berth" quadlet convert docker run --volumme a:/b nginx
    [[ $output == *'unknown option "--volumme"'*'did you mean "--volume"?'* ]]
    run -1 "$berth" quadlet convert
}

#!/usr/bin/env bats
# berth-generator as systemd calls it and by hand. No root, no systemd, no engine. The folders of
# tests/golden/quadlet are whole cases: units/ is the search directory, `flags` further flags; expected/ is what
# has to be written, expected.err what has to be said. BERTH_BLESS=1 writes both anew.

bats_require_minimum_version 1.5.0

setup() {
    : "${BERTH_BUILD:=$BATS_TEST_DIRNAME/../../build/dev}"
    : "${BERTH_SOURCE:=$BATS_TEST_DIRNAME/../..}"
    generator=$BERTH_BUILD/bin/berth-generator
    [ -x "$generator" ] || skip "$generator is not built"
    unset PODMAN BERTH BERTH_QUADLET_ENGINE SYSTEMD_SCOPE XDG_RUNTIME_DIR XDG_CONFIG_HOME
    mkdir -p "$BATS_TEST_TMPDIR/work/units"
    cd "$BATS_TEST_TMPDIR/work" || return
    export QUADLET_UNIT_DIRS=$PWD/units
}

# What was said, without process ids and directories.
messages() {
    sed -e 's/^quadlet-generator\[[0-9]*\]: //' -e "s|$PWD|@TOP@|g" "$1"
}

# A tree as text: files with what is in them, links with where they lead.
describe() {
    (cd "$1" && find . -mindepth 1 ! -type d | LC_ALL=C sort | while read -r path; do
        if [ -L "$path" ]; then
            echo "link ${path#./} -> $(readlink "$path")"
        else
            echo "file ${path#./}"
            sed -e '1,2{/^# /d}' -e "s|$BATS_TEST_TMPDIR/work|@TOP@|g" "$path"
        fi
    done)
}

@test "every golden case gives its units and its messages" {
    export PODMAN=/usr/bin/podman BERTH=/usr/bin/berth
    for case in "$BERTH_SOURCE"/tests/golden/quadlet/*/; do
        name=$(basename "$case")
        rm -rf units out
        cp -r "$case/units" units
        # What no checkout need keep: links.
        [ "$name" != berth ] || ln -s /dev/null units/masked.volume
        [ "$name" != templates ] || ln -s t@.container units/t@two.container
        # shellcheck disable=SC2046 # words
        "$generator" --engine podman $(cat "$case/flags" 2>/dev/null) --no-kmsg-log out early late 2>err || :
        messages err >actual.err
        describe out >actual
        [ ! -e early ] && [ ! -e late ]
        if [ -n "${BERTH_BLESS:-}" ]; then
            cp actual "$case/expected"
            cp actual.err "$case/expected.err"
        fi
        diff -u "$case/expected" actual || { echo "case $name"; false; }
        diff -u "$case/expected.err" actual.err || { echo "case $name"; false; }
    done
}

@test "a dry run prints what would be written and writes nothing" {
    printf '[Volume]\n' >units/v.volume
    run -0 --separate-stderr "$generator" -dryrun
    [ "${lines[0]}" = "---v-volume.service---" ]
    [[ $output == *"ExecStart=/usr/bin/podman volume create --ignore systemd-v"* ]]
    [[ $stderr == *"Loading source unit file $PWD/units/v.volume"* ]]
    [ "$(ls)" = units ]
}

@test "flags have one dash or two, and unknown ones are refused" {
    run -0 "$generator" --version
    version=$output
    run -0 "$generator" -version
    [ "$output" = "$version" ]
    run -2 "$generator" -frobnicate
    [[ $output == *"flag provided but not defined: -frobnicate"* ]]
    run -2 "$generator" -v=perhaps
    run -2 "$generator" --engine
    run -1 "$generator" -no-kmsg-log
    [[ $output == *"missing output directory argument"* ]]
    run -1 "$generator" -no-kmsg-log -engine docker out
    [[ $output == *'unknown engine "docker"'* ]]
    run -0 "$generator" -help
}

@test "called as quadlet it is Podman's" {
    ln -s "$generator" quadlet
    printf '[Volume]\n' >units/v.volume
    run -0 ./quadlet -version
    [[ $output =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]]
    PODMAN=/opt/podman run -0 ./quadlet -dryrun -no-kmsg-log
    [[ $output == *"ExecStart=/opt/podman volume create"* ]]
}

@test "without units it succeeds and makes nothing" {
    run -0 "$generator" -no-kmsg-log out
    [ -z "$output" ]
    [ ! -e out ]
    run -0 "$generator" -dryrun
    [[ $output == *"No files parsed from [$PWD/units]"* ]]
}

@test "systemd's scope makes units for a user" {
    printf '[Volume]\n' >units/v.volume
    SYSTEMD_SCOPE=user run -0 "$generator" -dryrun
    [[ $output == *"After=podman-user-wait-network-online.service"* ]]
    SYSTEMD_SCOPE=system run -0 "$generator" -dryrun
    [[ $output == *"After=network-online.target"* ]]
}

@test "a user's directories are searched without the other users'" {
    unset QUADLET_UNIT_DIRS
    export XDG_RUNTIME_DIR=$PWD/run XDG_CONFIG_HOME=$PWD/config HOME=$PWD
    mkdir -p run/containers/systemd config/containers/systemd/sub
    printf '[Volume]\nVolumeName=strong\n' >run/containers/systemd/v.volume
    printf '[Volume]\nVolumeName=weak\n' >config/containers/systemd/v.volume
    printf '[Volume]\n' >config/containers/systemd/sub/w.volume
    run -0 "$generator" -user -dryrun
    [[ $output == *"volume create --ignore strong"* ]]
    [[ $output != *"volume create --ignore weak"* ]]
    [[ $output == *"---w-volume.service---"* ]]
}

@test "a unit that is there is replaced whole, and no link leads out" {
    printf '[Volume]\nServiceName=../evil\n' >units/e.volume
    printf '[Volume]\n[Install]\nAlias=../x.service /etc/y.service v-volume.service\n' >units/v.volume
    mkdir out
    echo old >out/v-volume.service
    run -1 "$generator" -no-kmsg-log out
    [[ $output == *"generating service file out/../evil.service"* ]]
    grep -q '^ExecStart=' out/v-volume.service
    ! grep -q old out/v-volume.service || return 1
    [ "$(ls out)" = v-volume.service ]
    [ "$(ls)" = "$(printf 'out\nunits')" ]
}

@test "an output directory that cannot be made is an error" {
    printf '[Volume]\n' >units/v.volume
    echo file >out
    run -1 "$generator" -no-kmsg-log out
    [[ $output == *"processing encountered some errors"* ]]
}

@test "it needs libc and libyaml only, and has them in it where their archives are installed" {
    run ldd "$generator"
    [[ $output != *"not a dynamic executable"* && $output != *"statically linked"* ]] || return 0
    # With sanitizers it cannot.
    [[ $output == *lib[atu]*san* ]] || ! echo 'int main(void) { return 0; }' |
        cc -x c -static -o static - -lyaml 2>/dev/null
    [ "$status" = 0 ]
    while read -r library _; do
        case $library in
        linux-vdso* | libc.so* | libyaml-* | /lib*/ld-linux* | libasan* | libubsan* | libtsan*) ;;
        libm.so* | libdl.so* | libpthread.so* | libgcc_s* | libstdc++*) [[ $output == *libasan* || $output == *libtsan* ]] ;;
        *) echo "$library"; false ;;
        esac
    done <<<"$output"
}

@test "a monitor, of which there are many, has no library of its own but libmnl" {
    case $BERTH_BUILD in *asan | *tsan) skip "a sanitizer's build" ;; esac
    run -0 ldd "$BERTH_BUILD/libexec/berth/berth-monitor"
    while read -r library _; do
        case $library in
        linux-vdso* | libc.so* | libmnl.so* | /lib*/ld-linux*) ;;
        libjansson.so*) [ ! -e "$(cc -print-file-name=libjansson.a)" ] ;;
        *) echo "$library"; false ;;
        esac
    done <<<"$output"
}

@test "systemd finds nothing wrong with what is generated" {
    command -v systemd-analyze >/dev/null || skip "systemd-analyze is not installed"
    export PODMAN=/bin/true
    cp -r "$BERTH_SOURCE/tests/golden/quadlet/stack/units/." units
    "$generator" -no-kmsg-log out
    # What does not concern the files themselves: units and executables that this machine lacks.
    systemd-analyze --man=no verify out/*.service >verify 2>&1 || :
    ! grep -E 'out/[^ ]*:[0-9]+: ' verify || { cat verify; false; }
}

@test "a thousand quadlets take little memory, and drop-ins of theirs still name what they make" {
    ! ldd "$generator" 2>/dev/null | grep -q 'lib[atu]*san' || skip "a sanitizer's memory"
    ldd "$generator" 2>/dev/null | grep -q libc.so && skip "it is not linked statically"
    for i in $(seq 1000); do
        printf '[Unit]\nDescription=Number %d\n\n[Container]\nImage=docker.io/library/nginx:1\nVolume=data.volume:/data\nEnvironment=A=1 B=2\nPublishPort=%d:80\nExec=sleep "%d s"\n\n[Service]\nRestart=always\n\n[Install]\nWantedBy=multi-user.target\n' \
            "$i" $((8000 + i)) "$i" >"units/c$i.container"
    done
    mkdir units/c7.container.d units/data.volume.d
    printf '[Volume]\n' >units/data.volume
    printf '[Container]\nServiceName=seven\nContainerName=other\n' >units/c7.container.d/name.conf
    printf '[Unit]\nAfter=c7.container\n' >units/data.volume.d/after.conf
    printf '[Container]\nImage=x.example/y:1\nNetwork=c7.container\n' >units/joined.container
    (ulimit -d 1600 && "$generator" -no-kmsg-log out)
    [ "$(find out -name '*.service' -type f | wc -l)" = 1002 ]
    [ -f out/seven.service ]
    grep -qx 'After=network-online.target' out/data-volume.service
    grep -qx 'After=seven.service' out/data-volume.service
    grep -q '^ExecStart=.* --network container:other ' out/joined.service
}

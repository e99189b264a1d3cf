#!/usr/bin/env bats
# --mount in all its types, the options of -v, and volumes that the driver's options put elsewhere.
load lib
bats_require_minimum_version 1.5.0

setup() {
    berth_setup
    import_busybox
    mkdir dir
    echo one >dir/one
    echo two >dir/two
}

teardown() {
    berth_teardown
}

in_box() {
    run berth run --rm --network none "$@"
}

@test "an image is mounted read-only, or with a layer that goes away" {
    in_box --mount type=image,source=busybox,target=/img busybox sh -c 'cat /img/etc/image-name; touch /img/x'
    assert_status 1
    assert_output_has $'busybox\ntouch: /img/x: Read-only file system'
    berth run --name rw --network none --mount type=image,source=busybox,target=/img,rw=true busybox sh -c 'cat /img/new; echo new >/img/new; cat /img/new; rm /img/etc/image-name; ls /img/etc'
    run berth start -a rw
    assert_output_has "can't open '/img/new'"
    assert_output_has new
    assert_output_lacks image-name
    [ "$(berth run --rm --network none busybox cat /etc/image-name)" = busybox ]
}

@test "an image's path is merged from its layers" {
    printf 'FROM busybox\nRUN mkdir /d && echo low >/d/low && echo gone >/d/gone && echo old >/d/both\nRUN rm /d/gone && echo new >/d/both && echo high >/d/high\n' >Dockerfile
    berth build -q -t layered . >/dev/null
    in_box --mount type=image,source=layered,target=/m,subpath=d busybox sh -c 'cd /m && grep . *; touch x'
    assert_output_has $'both:new\nhigh:high\nlow:low'
    assert_output_has 'Read-only'
    in_box --mount type=image,source=layered,target=/m,subpath=/d,rw busybox sh -c 'echo x >/m/x; cat /m/x /m/low'
    assert_status 0
    in_box --mount type=image,source=layered,target=/f,image-subpath=d/both busybox cat /f
    [ "$output" = new ]
    in_box --mount type=image,source=layered,target=/m,subpath=d/gone busybox true
    assert_status 125
    assert_output_has 'image "layered" has no "/d/gone"'
    in_box --mount type=image,source=nope.invalid/x,target=/m --pull never busybox true
    assert_status 125
}

@test "devpts, ramfs and tmpfs have the options that were given" {
    in_box --mount type=devpts,target=/dev/pts,mode=600,gid=7,max=100 busybox grep ' /dev/pts ' /proc/mounts
    assert_output_has 'gid=7,mode=600'
    assert_output_has 'max=100'
    in_box --mount type=ramfs,target=/r,tmpfs-mode=700,exec busybox grep ' /r ' /proc/mounts
    assert_output_has 'ramfs rw,nosuid,nodev,relatime,mode=700'
    in_box --user 1000:63 --mount type=tmpfs,target=/t,tmpfs-size=1m,U=true busybox sh -c 'touch /t/x && stat -c %u:%g /t && grep " /t " /proc/mounts'
    assert_status 0
    assert_output_has 1000:63
    assert_output_has size=1024k
    in_box --mount type=tmpfs,target=/etc,tmpcopyup busybox cat /etc/image-name
    [ "$output" = busybox ]
}

@test "a glob mounts each path that it fits, below the target or where it is" {
    in_box --mount type=glob,source="dir/*",target=/g busybox sh -c 'cat /g/one /g/two'
    [ "$output" = $'one\ntwo' ]
    in_box --mount type=glob,source="$PWD/dir/o*" busybox ls "$PWD/dir"
    [ "$output" = one ]
    in_box --mount type=glob,source="dir/z*",target=/g busybox true
    assert_status 125
    assert_output_has 'no file paths matching glob'
}

@test "O lets the container write without changing the source, and each start begins anew" {
    berth volume create vol
    berth run --rm --network none -v vol:/v busybox sh -c 'echo kept >/v/file'
    berth run --name over --network none -v ./dir:/d:O -v vol:/v:O busybox sh -c 'ls /d; echo changed >/d/one; echo more >/d/three; echo changed >/v/file; cat /d/one /v/file'
    [ "$(cat dir/one)" = one ]
    [ ! -e dir/three ]
    [ "$(berth run --rm --network none -v vol:/v busybox cat /v/file)" = kept ]
    run berth start -a over
    [ "$output" = $'one\ntwo\nchanged\nchanged' ]
    berth cp over:/d/one copied
    [ "$(cat copied)" = one ]
    in_box -v ./nowhere:/d:O busybox true
    assert_status 125
    [ ! -e nowhere ]
    in_box --uidmap 0:200000:1000 -v ./dir:/d:O busybox true
    assert_status 125
    assert_output_has 'not supported in a user namespace'
}

@test "U gives the source to the container's user, links and set-user-id as they are" {
    ln -s /etc/passwd dir/link
    chmod 4755 dir/one
    in_box --user app -v ./dir:/d:U busybox sh -c 'echo x >/d/two && stat -c "%u:%g %a" /d/one'
    [ "$output" = "1000:1000 4755" ]
    [ "$(stat -c %u:%g dir/two)" = 1000:1000 ]
    [ "$(stat -c %u dir/link)" = 1000 ]
    [ "$(stat -Lc %u dir/link)" = 0 ]
    in_box --uidmap 0:200000:65536 --user 5 -v ./dir:/d:U -v vol:/v:U busybox sh -c 'stat -c %u /d/one /v'
    [ "$output" = $'5\n5' ]
    [ "$(stat -c %u dir/one)" = 200005 ]
    # Of a volume only the part that is mounted.
    in_box -v parts:/p busybox sh -c 'mkdir /p/sub /p/other && touch /p/sub/file'
    in_box --user app --mount type=volume,source=parts,target=/p,volume-subpath=sub,U=true busybox stat -c %u /p /p/file
    [ "$(echo $output)" = "1000 1000" ]
    in_box -v parts:/p busybox stat -c %u /p /p/other
    [ "$(echo $output)" = "0 0" ]
    ln -s /etc "$WORK/elsewhere"
    for dir in / /etc /usr/ "$WORK/elsewhere"; do
        in_box -v "$dir:/d:U" busybox true
        assert_status 125
    done
}

@test "flags of a mount and what is mounted below it are as asked for" {
    in_box -v ./dir:/d:noexec,nosuid,nodev busybox grep ' /d ' /proc/mounts
    assert_output_has rw,nosuid,nodev,noexec
    mkdir dir/below
    cat >inner <<'EOF'
mount -t tmpfs none dir/below
berth run --rm --network none --mount type=bind,source=dir,target=/d,readonly,bind-recursive=writable busybox sh -c 'touch /d/below/x && ! touch /d/x 2>/dev/null'
berth run --rm --network none --mount type=bind,source=dir,target=/d,readonly,bind-recursive=readonly busybox sh -c '! touch /d/below/x 2>/dev/null && ! touch /d/x 2>/dev/null'
berth run --rm --network none --mount type=bind,source=dir,target=/d,bind-nonrecursive busybox sh -c '! grep " /d/below " /proc/mounts'
EOF
    unshare -m --propagation private bash -e inner
}

@test "a volume is what the driver's options say, and what cannot be mounted is named without its options" {
    berth volume create -o type=none -o o=bind,ro -o device="$PWD/dir" bound
    in_box -v bound:/v busybox sh -c 'cat /v/one; touch /v/x'
    assert_output_has one
    assert_output_has 'Read-only file system'
    in_box --mount "type=volume,source=sized,target=/v,volume-opt=type=tmpfs,volume-opt=device=tmpfs,volume-opt=o=size=1m" busybox grep ' /v ' /proc/mounts
    assert_output_has size=1024k
    berth volume create -o type=nosuchfs -o device=/dev/nothing -o o=password=hush broken
    in_box -v broken:/v busybox true
    assert_status 125
    assert_output_has '"/dev/nothing" of type nosuchfs'
    assert_output_lacks hush
    berth volume create -o type=nfs -o o=addr=no-such-host.invalid -o device=:/x remote
    in_box -v remote:/v busybox true
    assert_status 125
    assert_output_has 'lookup no-such-host.invalid'
    for option in type=tmpfs device=/x o=bind; do
        run berth volume create -o $option incomplete
        assert_status 1
        assert_output_has 'missing required option'
    done
}

@test "the services of a project mount images" {
    printf 'services:\n  web:\n    image: busybox\n    network_mode: none\n    command: cat /i/image-name /name\n    volumes:\n      - {type: image, source: busybox, target: /i, image: {subpath: etc}}\n      - {type: image, source: busybox, target: /name, image: {subpath: etc/image-name}}\n' >compose.yaml
    run berth compose up
    assert_status 0
    assert_output_has $'| busybox\nweb-1  | busybox'
    berth compose down
}

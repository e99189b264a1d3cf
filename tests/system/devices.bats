#!/usr/bin/env bats
# Devices by CDI, of a vendor that does not exist.
load lib
bats_require_minimum_version 1.5.0

setup() {
    berth_setup
    import_busybox
    cat >vendor.json <<'END'
{ "cdiVersion": "0.6.0", "kind": "vendor.example/toy",
  "containerEdits": { "env": ["TOYS=all"] },
  "devices": [
    { "name": "one", "containerEdits": {
        "env": ["TOY=one"],
        "deviceNodes": [{ "path": "/dev/toy1", "hostPath": "/dev/null", "permissions": "rw" }],
        "mounts": [{ "hostPath": "WORKDIR/lib", "containerPath": "/usr/lib/toy", "options": ["ro", "rbind"] }] } },
    { "name": "two", "containerEdits": { "deviceNodes": [{ "path": "/dev/toy2", "type": "c", "major": 1, "minor": 5, "fileMode": 438 }] } },
    { "name": "odd", "containerEdits": { "intelRdt": {} } } ] }
END
    sed -i "s|WORKDIR|$WORK|" vendor.json
    mkdir lib
    echo toy >lib/libtoy.so
}

teardown() {
    berth_teardown
}

# with_vendor COMMAND...: the description is there for this command only.
with_vendor() {
    unshare -m --propagation private sh -c 'mount -t tmpfs tmpfs /run && mkdir /run/cdi && cp vendor.json /run/cdi/ && exec "$@"' with_vendor "$@"
}

@test "a device of a vendor brings its nodes, mounts and variables" {
    run with_vendor berth run --rm --network none --device vendor.example/toy=one busybox sh -c 'echo $TOY $TOYS; cat /usr/lib/toy/libtoy.so; ls -l /dev/toy1; echo x >/dev/toy1 && echo written'
    assert_status 0
    assert_output_has 'one all'
    assert_output_has toy
    assert_output_has '1,   3'
    assert_output_has written
    run with_vendor berth run --rm --network none --device vendor.example/toy=one --device vendor.example/toy=two busybox sh -c 'head -c 3 /dev/toy2 | wc -c; env | grep -c TOYS'
    [ "$output" = $'3\n1' ]
}

@test "what a description asks for and cannot be done is refused" {
    run with_vendor berth run --rm --network none --device vendor.example/toy=odd busybox true
    [ "$status" -ne 0 ]
    assert_output_has '"intelRdt" of the edits is not supported'
    run with_vendor berth run --rm --network none --device vendor.example/toy=three busybox true
    [ "$status" -ne 0 ]
    assert_output_has 'unresolvable CDI devices vendor.example/toy=three'
    run berth run --rm --network none --gpus all busybox true
    [ "$status" -ne 0 ]
    assert_output_has 'nvidia.com/gpu=all'
    run berth create --gpus 'count=x' busybox
    assert_status 125
}

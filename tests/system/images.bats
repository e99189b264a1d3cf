#!/usr/bin/env bats
# The image store through image-tool: importing, loading, saving, naming, removing, and archives that lie.

load lib

setup() {
    export TOOL=${BERTH_BUILD:-$BATS_TEST_DIRNAME/../../build/dev}/tests/image-tool
    [ -x "$TOOL" ] || skip "image-tool is not built"
    [ "$(id -u)" -eq 0 ] || skip "root is needed"
    STATE=$(mktemp -d /tmp/berth-test.XXXXXX)
    export BERTH_ROOT=$STATE/root BERTH_RUN=$STATE/run HOME=$STATE/home
    mkdir -p "$STATE/fs/etc" "$HOME"
    echo one >"$STATE/fs/etc/one"
    ln "$STATE/fs/etc/one" "$STATE/fs/etc/hard"
    mkfifo "$STATE/fs/fifo"
    cd "$STATE" || return
}

teardown() {
    rm -rf "$STATE"
}

tool() {
    "$TOOL" "$@"
}

import() {
    tar -C "$STATE/fs" -cf - . | tool import "$@"
}

nothing_left() {
    [ -z "$(ls -A "$BERTH_ROOT/tmp")" ]
    [ -z "$(ls -A "$BERTH_ROOT/layers")" ]
    [ ! -d "$BERTH_ROOT/images/blobs/sha256" ] || [ -z "$(ls -A "$BERTH_ROOT/images/blobs/sha256")" ]
    [ -z "$(tool ls)" ]
}

# container IMAGE-NAME STATUS: a row as if a container had been made from it.
container() {
    local id
    id=$(tool inspect "$1" | sed -n 's/.*"Id": "\(.*\)",/\1/p')
    sqlite3 "$BERTH_ROOT/state.db" "INSERT INTO containers (id, name, image_id, image_name, created_nsec, config, status)
        VALUES ('c0ffee0123456789', 'c', '$id', '$1', 0, '{}', '$2')"
}

@test "an imported archive is an image that can be inspected and removed" {
    run import -c '{"Cmd": ["/bin/x"], "Labels": {"a": "b"}}' test:1
    [ "$status" -eq 0 ]
    [[ $output == sha256:* ]]
    local id=$output
    [ "$(cat "$(tool dirs test:1)/etc/one")" = one ]
    [ "$(tool dirs "${id:7:8}")" = "$(tool dirs test:1)" ]
    [ "$(tool dirs "$id")" = "$(tool dirs docker.io/library/test:1)" ]
    run tool inspect test:1
    [[ $output == *'"/bin/x"'* ]]
    [[ $output == *'"Comment": "Imported from -"'* ]]
    run tool rm test:1
    [[ $output == *"Untagged: test:1"* ]]
    [[ $output == *"Deleted: $id"* ]]
    nothing_left
}

@test "every compression can be imported" {
    local before
    for filter in cat gzip zstd xz bzip2; do
        tar -C fs -cf - . | $filter -c 2>/dev/null >"$filter.tar" || tar -C fs -cf - . >"$filter.tar"
        tool import "x:$filter" <"$filter.tar" >/dev/null
        [ "$(cat "$(tool dirs "x:$filter")/etc/one")" = one ]
    done
    # The contents are the same, and so is the layer.
    [ "$(for filter in cat gzip zstd xz bzip2; do tool dirs "x:$filter"; done | sort -u | wc -l)" -eq 1 ]
    for filter in cat gzip zstd xz bzip2; do
        tool save "x:$filter" >out.tar
        tar -tf out.tar >/dev/null
    done
}

@test "what is saved can be loaded again, in every form" {
    import test:1 >/dev/null
    mkdir -p up/new
    echo two >up/new/two
    mknod up/gone c 0 0
    mv up "$BERTH_ROOT/tmp/up"
    tool commit "$BERTH_ROOT/tmp/up" test:1 test:2 >/dev/null
    tool tag test:2 other/name:x
    tool save test:2 test:1 other/name:x >all.tar
    tool ls >before
    gzip -k all.tar
    zstd -q all.tar
    mkdir layout
    tar -C layout -xf all.tar
    cp -r layout oci
    rm oci/manifest.json
    tar -C layout -cf docker.tar --exclude=index.json --exclude=oci-layout .
    for how in all.tar all.tar.gz all.tar.zst docker.tar layout oci; do
        tool prune -a >/dev/null
        nothing_left
        if [ -d $how ]; then run tool load $how; else run tool load <$how; fi
        echo "$how: $output"
        [ "$status" -eq 0 ]
        [[ $output == *"test:2"* && $output == *"other/name:x"* ]]
        tool ls | cmp - before
        local dirs
        mapfile -t dirs < <(tool dirs test:2)
        [ "$(cat "${dirs[1]}/new/two")" = two ]
        [ -c "${dirs[1]}/gone" ]
        [ "${dirs[1]}/etc" != one ]
        tool save test:2 test:1 other/name:x | cmp - all.tar || [ $how = oci ]
    done
}

@test "an old docker-archive with links between layers is loaded" {
    mkdir -p old/aaa old/bbb
    tar -C fs -cf old/aaa/layer.tar .
    ln -s ../aaa/layer.tar old/bbb/layer.tar
    local diff
    diff=$(sha256sum <old/aaa/layer.tar | cut -d' ' -f1)
    printf '{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":["sha256:%s","sha256:%s"]}}' "$diff" "$diff" >old/config.json
    echo '[{"Config":"config.json","RepoTags":null,"Layers":["bbb/layer.tar","aaa/layer.tar"]}]' >old/manifest.json
    tar -C old -cf old.tar .
    run tool load <old.tar
    echo "$output"
    [ "$status" -eq 0 ]
    [[ $output == sha256:* ]]
    # overlayfs does not take a directory twice
    [ "$(tool dirs "$output" | wc -l)" -eq 1 ]
}

# refused TEXT FILE: loading it fails with that text, once, and leaves nothing.
refused() {
    run tool load <"$2"
    echo "$output"
    [ "$status" -eq 1 ]
    [[ $output == *"$1"* ]]
    [ "${#lines[@]}" -eq 1 ]
    nothing_left
}

@test "archives that lie are refused, and nothing is left" {
    import test:1 >/dev/null
    tool save test:1 >good.tar
    tool prune -a >/dev/null
    mkdir good
    tar -C good -xf good.tar
    local layer config
    layer=$(python3 -c 'import json; print(json.load(open("good/manifest.json"))[0]["Layers"][0])')
    config=$(python3 -c 'import json; print(json.load(open("good/manifest.json"))[0]["Config"])')

    tar -C fs -cf bad.tar .
    refused "neither manifest.json nor index.json" bad.tar
    head -c 5000 good.tar >bad.tar
    refused damaged bad.tar
    echo nonsense >bad.tar
    refused "" bad.tar
    : >bad.tar
    refused "neither manifest.json nor index.json" bad.tar

    lie() { # TEXT COMMAND…: runs COMMAND in a copy of the layout
        rm -rf bad
        cp -r good bad
        (cd bad && "${@:2}")
        tar -C bad -cf bad.tar .
        refused "$1" bad.tar
    }
    lie "do not match its diff_id" sh -c "printf x >>$layer"
    lie "digest mismatch" sh -c "echo >>$config"
    lie "is not in the archive" rm "$layer"
    lie "is not in the archive" rm "$config"
    lie "manifest.json" sh -c 'echo "{" >manifest.json'
    lie "no list of images" sh -c 'echo "{}" >manifest.json'
    lie "no image" sh -c 'echo "[]" >manifest.json'
    lie "is not in the archive" sh -c 'echo "[{\"Config\": \"../../../etc/passwd\", \"Layers\": []}]" >manifest.json'
    lie "invalid reference format" sed -i 's/test:1/Test:1/' manifest.json
    lie "size mismatch" sh -c "rm manifest.json; echo x >>$layer"
    lie "index.json" sh -c 'rm manifest.json; echo "[]" >index.json'
}

@test "an OCI layout cannot make berth read outside of it" {
    mkdir -p evil/blobs/sha256
    echo '{"schemaVersion":2,"manifests":[{"digest":"sha256:0000000000000000000000000000000000000000000000000000000000000000","size":5}]}' >evil/index.json
    echo secret >"$STATE/secret"
    ln -s ../../../secret evil/blobs/sha256/0000000000000000000000000000000000000000000000000000000000000000
    run tool load evil
    [ "$status" -eq 1 ]
    [[ $output == *"cannot open"* ]]
    rm evil/blobs/sha256/*
    mkfifo evil/blobs/sha256/0000000000000000000000000000000000000000000000000000000000000000
    run tool load evil
    [ "$status" -eq 1 ]
    [[ $output == *"is no file"* ]]
}

@test "a layer whose names lead out is refused, and nothing is left" {
    python3 - <<'PYTHON'
import io, tarfile
def make(name, *entries):
    with tarfile.open(name, "w") as tar:
        for path, kind, link in entries:
            info = tarfile.TarInfo(path)
            info.type, info.linkname = kind, link
            info.size = 4 if kind == tarfile.REGTYPE else 0
            tar.addfile(info, io.BytesIO(b"evil"))
make("parent.tar", ("../canary", tarfile.REGTYPE, ""))
make("deep.tar", ("a/b/../../../canary", tarfile.REGTYPE, ""))
make("hard.tar", ("x", tarfile.LNKTYPE, "../../canary"))
make("absolute.tar", ("l", tarfile.SYMTYPE, "/"), ("/l/etc/inside", tarfile.REGTYPE, ""))
PYTHON
    for bad in parent deep hard; do
        run tool import "bad:$bad" <$bad.tar
        echo "$output"
        [ "$status" -eq 1 ]
        [[ $output == *"leads out"* ]]
        nothing_left
    done
    tool import ok:1 <absolute.tar >/dev/null
    [ "$(cat "$(tool dirs ok:1)/etc/inside")" = evil ]
    [ ! -e /etc/inside ]
    [ ! -e "$STATE/canary" ]
}

@test "names move, and an image goes with its last one" {
    import a:1 >/dev/null
    echo two >fs/etc/two
    import b:1 >/dev/null
    tool tag a:1 c:1
    tool tag b:1 a:1
    [ "$(tool dirs a:1)" = "$(tool dirs b:1)" ]
    run tool rm a:1
    [ "$output" = "Untagged: a:1" ]
    run tool rm c:1
    [[ $output == *"Deleted: sha256:"* ]]
    run tool rm c:1
    [ "$status" -eq 1 ]
    [[ $output == *"No such image: c:1"* ]]
    run tool tag c:1 d:1
    [ "$status" -eq 1 ]
    run tool tag b:1 "d@sha256:0123456789012345678901234567890123456789012345678901234567890123"
    [ "$status" -eq 1 ]
    tool rm b:1
    nothing_left
}

@test "a layer that two images share stays until the last of them goes" {
    import base:1 >/dev/null
    mkdir up
    echo two >up/two
    mv up "$BERTH_ROOT/tmp/up"
    tool commit "$BERTH_ROOT/tmp/up" base:1 top:1 >/dev/null
    tool rm base:1
    [ "$(tool dirs top:1 | wc -l)" -eq 2 ]
    local dir
    dir=$(tool dirs top:1 | head -n 1)
    [ -e "$dir/etc/one" ]
    tool rm top:1
    nothing_left
}

@test "an image in use is not removed without force, nor with it while a container runs" {
    import test:1 >/dev/null
    local id dir
    id=$(tool inspect test:1 | sed -n 's/.*"Id": "\(.*\)",/\1/p')
    dir=$(tool dirs test:1)
    container test:1 exited
    run tool rm test:1
    [ "$status" -eq 1 ]
    [[ $output == *'conflict: unable to remove repository reference "test:1" (must force) - container c0ffee012345 is using its referenced image '* ]]
    run tool rm "$id"
    [[ $output == *"(must be forced) - image is being used by stopped container c0ffee012345"* ]]
    run tool prune -a
    [ -z "$output" ]
    # By force the name goes; what the container stands on stays.
    run tool rm -f test:1
    [ "$output" = "Untagged: test:1" ]
    [ -e "$dir/etc/one" ]
    [ "$(tool dirs "$id")" = "$dir" ]
    sqlite3 "$BERTH_ROOT/state.db" "UPDATE containers SET status = 'running'"
    run tool rm -f "$id"
    [ "$status" -eq 1 ]
    [[ $output == *"(cannot be forced) - image is being used by running container c0ffee012345"* ]]
    sqlite3 "$BERTH_ROOT/state.db" "DELETE FROM containers"
    run tool prune
    [ "$output" = "Deleted: $id" ]
    nothing_left
}

@test "an id prefix that several images have is ambiguous" {
    local i
    for i in $(seq 17); do
        import -c "{\"Labels\": {\"n\": \"$i\"}}" "x:$i" >/dev/null
    done
    # Seventeen ids begin with sixteen digits at most.
    local digit
    digit=$(tool ls | sed 's/sha256:\(.\).*/\1/' | sort | uniq -d | head -n 1)
    run tool dirs "$digit"
    [ "$status" -eq 1 ]
    [[ $output == *"several images have an id that begins with \"$digit\""* ]]
}

@test "an import that is killed at any point leaves nothing that matters" {
    for fault in image.ingest:kill image.commit.layer:kill image.commit:kill; do
        run env BERTH_FAULT=$fault "$TOOL" import x:1 < <(tar -C fs -cf - .)
        [ "$status" -eq 137 ]
        tool clean
        nothing_left
    done
}

@test "looking an image up takes less than a millisecond" {
    import test:1 >/dev/null
    # Reported, not asserted: a busy machine may be slow.
    echo "# $(tool lookup-time test:1 500) microseconds" >&3
}

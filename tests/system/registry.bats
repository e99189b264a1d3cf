#!/usr/bin/env bats
# Pulling from registries, good and bad ones, through image-tool. What must hold after each failure: one
# error that says what is wrong, the images of before intact, nothing half-made left.

load lib

setup_file() {
    export TOOL=${BERTH_BUILD:-$BATS_TEST_DIRNAME/../../build/dev}/tests/image-tool
    [ -x "$TOOL" ] || skip "image-tool is not built"
    [ "$(id -u)" -eq 0 ] || skip "root is needed"
    export SHARED=$BATS_FILE_TMPDIR
    make_archive
    python3 "$BATS_TEST_DIRNAME/registry/registry.py" "$SHARED/image.tar" "$SHARED" 3>&- &
    echo $! >"$SHARED/pid"
    for _ in $(seq 200); do [ -e "$SHARED/port" ] && break; read -rt 0.05 <> <(:) || :; done
    PORT=$(cat "$SHARED/port")
    export PORT
}

teardown_file() {
    [ ! -e "$SHARED/pid" ] || kill "$(cat "$SHARED/pid")"
}

# Two layers: a gzipped one of some size, and one made here.
make_archive() {
    local root=$SHARED/make
    export BERTH_ROOT=$root/root BERTH_RUN=$root/run HOME=$root/home
    mkdir -p "$root/fs/etc" "$root/up/etc" "$HOME"
    head -c 3000000 /dev/urandom >"$root/fs/data"
    echo one >"$root/fs/etc/one"
    tar -C "$root/fs" -czf - . | "$TOOL" import base:1 >/dev/null
    echo two >"$root/up/etc/two"
    mkdir -p "$BERTH_ROOT/tmp"
    mv "$root/up" "$BERTH_ROOT/tmp/up"
    "$TOOL" commit "$BERTH_ROOT/tmp/up" base:1 test:1 >/dev/null
    "$TOOL" save test:1 >"$SHARED/image.tar"
    rm -rf "$root"
}

setup() {
    STATE=$(mktemp -d /tmp/berth-test.XXXXXX)
    export BERTH_ROOT=$STATE/root BERTH_RUN=$STATE/run HOME=$STATE/home
    mkdir -p "$HOME/.docker"
    : >"$SHARED/log"
}

teardown() {
    rm -rf "$STATE"
}

pull() {
    "$TOOL" pull "$@"
}

ref() {
    echo "127.0.0.1:$PORT/$1/test:1"
}

nothing_left() {
    [ -z "$(ls -A "$BERTH_ROOT/tmp")" ]
    [ -z "$(ls -A "$BERTH_ROOT/layers")" ]
    [ ! -d "$BERTH_ROOT/images/blobs/sha256" ] || [ -z "$(ls -A "$BERTH_ROOT/images/blobs/sha256")" ]
    [ -z "$("$TOOL" ls)" ]
}

# refused REPOSITORY TEXT…: the pull fails, the error has each text, and nothing is left.
refused() {
    local repository=$1
    shift
    run pull "$(ref "$repository")"
    echo "$output"
    [ "$status" -eq 1 ]
    for text in "$@"; do [[ $output == *"$text"* ]]; done
    [ "$(grep -c '^image-tool: ' <<<"$output")" -eq 1 ]
    nothing_left
}

works() {
    run pull "$(ref "$1")"
    echo "$output"
    [ "$status" -eq 0 ]
    local dirs
    mapfile -t dirs < <("$TOOL" dirs "$(ref "$1")")
    [ "${#dirs[@]}" -eq 2 ]
    [ "$(cat "${dirs[0]}/etc/one")" = one ]
    [ "$(cat "${dirs[1]}/etc/two")" = two ]
    [ -z "$(ls -A "$BERTH_ROOT/tmp")" ]
}

@test "an image is pulled anonymously, and a second pull downloads nothing" {
    works plain
    [[ $output == *"Pull complete"* ]]
    [[ $output == *"Status: Downloaded newer image for $(ref plain)"* ]]
    : >"$SHARED/log"
    run pull "$(ref plain)"
    [ "$status" -eq 0 ]
    [[ $output == *"Status: Image is up to date for $(ref plain)"* ]]
    ! grep blobs "$SHARED/log" || return 1
}

@test "another image with the same layers downloads only what is missing" {
    works plain
    : >"$SHARED/log"
    run pull "$(ref token)"
    [ "$status" -eq 0 ]
    [ "$(grep -c 'Already exists' <<<"$output")" -eq 2 ]
    [ "$(grep -c "blobs" "$SHARED/log")" -eq 1 ] # the configuration
}

@test "with the policy missing no registry is asked for what is here" {
    works plain
    : >"$SHARED/log"
    run pull -m "$(ref plain)"
    [ "$status" -eq 0 ]
    [ ! -s "$SHARED/log" ]
}

@test "a bearer token is got and used" {
    works token
    grep -q 'GET /token?service=test%2C%20of%20tokens&scope=.* auth=none' "$SHARED/log"
}

@test "a token that expires is renewed" {
    works token-expires
}

@test "credentials of config.json get a token" {
    echo '{"auths": {"127.0.0.1:'"$PORT"'": {"auth": "'"$(printf user:secret | base64)"'"}}}' >"$HOME/.docker/config.json"
    works token-user
    grep -q 'GET /token.* auth=Basic' "$SHARED/log"
    ! grep blobs "$SHARED/log" | grep -q auth=Basic || return 1
}

@test "an identity token is exchanged" {
    echo '{"auths": {"http://127.0.0.1:'"$PORT"'/v1/": {"auth": "'"$(printf user: | base64)"'", "identitytoken": "identity"}}}' >"$HOME/.docker/config.json"
    works token-identity
    grep -q 'POST /token' "$SHARED/log"
}

@test "a credential helper is asked" {
    mkdir -p "$STATE/bin"
    # shellcheck disable=SC2016
    printf '#!/bin/sh\n[ "$1" = get ] && [ "$(cat)" = 127.0.0.1:%s ] && echo "{\\"Username\\": \\"user\\", \\"Secret\\": \\"secret\\"}"\n' "$PORT" >"$STATE/bin/docker-credential-test"
    chmod +x "$STATE/bin/docker-credential-test"
    echo '{"credsStore": "test"}' >"$HOME/.docker/config.json"
    PATH=$STATE/bin:$PATH works basic
}

@test "a credential helper that is not there is named" {
    echo '{"credsStore": "nowhere"}' >"$HOME/.docker/config.json"
    refused plain nowhere
}

@test "a broken config.json is named" {
    echo '{"auths": ' >"$HOME/.docker/config.json"
    refused plain "$HOME/.docker/config.json"
}

@test "basic authentication works with auth.json, and wants credentials" {
    refused basic "user name and a password"
    echo '{"auths": {"127.0.0.1:'"$PORT"'/basic": {"auth": "'"$(printf user:secret | base64)"'"}}}' >"$STATE/auth.json"
    REGISTRY_AUTH_FILE=$STATE/auth.json works basic
}

@test "wrong credentials are refused" {
    echo '{"auths": {"127.0.0.1:'"$PORT"'": {"auth": "'"$(printf user:wrong | base64)"'"}}}' >"$HOME/.docker/config.json"
    refused token-user "pull access denied"
    refused basic "pull access denied"
}

@test "a token server that answers nonsense is refused" {
    refused token-nonsense token
}

@test "a redirect is followed, without the Authorization" {
    works redirect
    works token-redirect
    grep -q '^cdn GET .* auth=none' "$SHARED/log"
    ! grep '^cdn' "$SHARED/log" | grep -v auth=none || return 1
}

@test "redirects that do not end, or leave HTTP, are refused" {
    refused redirect-loop "redirects too often"
    refused redirect-file "not an HTTP address"
}

@test "a cut download goes on where it stopped" {
    works cut
    grep -q 'blobs/.*range=bytes=[1-9]' "$SHARED/log"
}

@test "a cut download goes on with a registry that knows no ranges" {
    works cut-norange
}

@test "a body without a length that ends too early is completed" {
    works close
}

@test "a download that is cut again and again is given up" {
    refused cut-always "the download ended after" "bytes"
}

@test "a part that was not asked for is refused" {
    refused cut-wrong-range "another part than was asked for"
}

@test "a registry that is out of order is given up" {
    refused broken "out of order"
}

@test "429 and 503 are waited for" {
    works throttle
}

@test "a blob with a wrong digest is refused" {
    refused wrong-digest "digest mismatch: expected sha256:"
    refused wrong-bytes "digest mismatch: expected sha256:"
    refused wrong-config "digest mismatch: expected sha256:"
}

@test "a blob that is too long or too short is refused" {
    refused wrong-size "size mismatch"
    refused short "the download ended after"
    refused endless "size mismatch"
}

@test "a blob that the registry does not have is refused" {
    refused missing "blob unknown to registry"
}

@test "layers that the configuration does not know are refused" {
    refused wrong-diff "do not match its diff_id"
    refused fewer "the manifest has 1 layers, the image's configuration 2"
}

@test "a manifest with another digest than asked for is refused" {
    local digest=sha256:1111111111111111111111111111111111111111111111111111111111111111
    run pull "127.0.0.1:$PORT/plain/test@$digest"
    [ "$status" -eq 1 ]
    [[ $output == *"digest mismatch: expected $digest"* ]]
    nothing_left
}

@test "a manifest of the largest size works, a larger one is refused" {
    works limit
    run pull "$(ref huge)"
    [ "$status" -eq 1 ]
    [[ $output == *"larger than 4194304 bytes"* ]]
    run pull "$(ref endless-manifest)"
    [ "$status" -eq 1 ]
    [[ $output == *"larger than 4194304 bytes"* ]]
}

@test "nonsense in place of a manifest is refused" {
    refused nonsense manifest
    refused nothing "neither a manifest nor an index"
    refused both "both an index and a manifest"
    refused schema1 "schema version 1"
    refused bad-digest "without a valid digest"
    refused bad-size "too large"
    refused headers "headers"
}

@test "an image or tag that is not there, or denied, is told" {
    refused missing-tag "not found: manifest unknown"
    refused denied "pull access denied"
    run pull 127.0.0.1:1/x
    [ "$status" -eq 1 ]
    [[ $output == *"127.0.0.1"* ]]
    nothing_left
}

@test "the platform is chosen from an index" {
    works index
    run pull "$(ref index)"
    [[ $output == *"Image is up to date"* ]]
    run pull "$(ref other-platform)"
    [ "$status" -eq 1 ]
    [[ $output == *"no matching manifest for linux/"*" in the manifest list entries"* ]]
    run pull -p linux/mips64 "$(ref index)"
    [ "$status" -eq 1 ]
    [[ $output == *"no matching manifest for linux/mips64"* ]]
    run pull -p linux/mips64 "$(ref plain)"
    [ "$status" -eq 1 ]
    [[ $output == *"does not match the specified platform (linux/mips64)"* ]]
}

@test "a failed pull leaves the image of before intact" {
    works plain
    "$TOOL" ls >"$STATE/before"
    (cd "$BERTH_ROOT" && find layers images | sort) >"$STATE/files"
    for bad in wrong-manifest nonsense broken denied; do
        "$TOOL" tag "$(ref plain)" "$(ref $bad)"
        "$TOOL" ls >"$STATE/before"
        run pull "$(ref "$bad")"
        "$TOOL" ls | cmp - "$STATE/before"
    done
    (cd "$BERTH_ROOT" && find layers images | sort) | cmp - "$STATE/files"
}

interrupted_pull() { # REFERENCE
    rm -f "$SHARED/slow"
    "$TOOL" pull "$1" >"$STATE/out" 2>&1 3>&- &
    local pid=$!
    for _ in $(seq 200); do [ -e "$SHARED/slow" ] && break; read -rt 0.05 <> <(:) || :; done
    kill -INT "$pid"
    wait "$pid" || :
    cat "$STATE/out"
    grep -q interrupted "$STATE/out"
    nothing_left
}

@test "an interrupted pull leaves nothing" {
    interrupted_pull "$(ref slow)"
}

@test "an interrupted pull from a mirror says so and asks nobody else" {
    mkdir -p "$HOME/.config/containers"
    cat >"$HOME/.config/containers/registries.conf" <<CONF
[[registry]]
location = "mirrored.example"
[[registry.mirror]]
location = "127.0.0.1:$PORT/slow"
CONF
    interrupted_pull mirrored.example/test:1
}

@test "a pull that is killed at any point leaves nothing that matters" {
    for fault in image.ingest:kill image.ingest:kill:2 image.commit.layer:kill image.commit.layer:kill:2 image.commit:kill; do
        run env BERTH_FAULT=$fault "$TOOL" pull "$(ref plain)"
        [ "$status" -eq 137 ]
        "$TOOL" clean
        nothing_left
    done
    works plain
    for fault in image.remove.commit:kill image.remove.files:kill; do
        run env BERTH_FAULT=$fault "$TOOL" rm "$(ref plain)"
        [ "$status" -eq 137 ]
        works plain
    done
    "$TOOL" rm "$(ref plain)"
    nothing_left
}

@test "two pulls of the same image at once both work" {
    pull "$(ref plain)" >"$STATE/one" 2>&1 3>&- &
    local first=$!
    pull "$(ref plain)" >"$STATE/two" 2>&1 3>&- &
    local second=$!
    wait $first || { cat "$STATE/one"; false; }
    wait $second || { cat "$STATE/two"; false; }
    [ "$(find "$BERTH_ROOT/layers" -mindepth 1 -maxdepth 1 | wc -l)" -eq 2 ]
    [ -z "$(ls -A "$BERTH_ROOT/tmp")" ]
}

@test "a full disk is one clear error, and nothing is left" {
    mkdir -p "$STATE/small"
    mount -t tmpfs -o size=2m,mode=711 tmpfs "$STATE/small" || skip "cannot mount a tmpfs"
    BERTH_ROOT=$STATE/small/root
    run pull "$(ref plain)"
    echo "$output"
    local result=$status
    local left
    left=$(find "$BERTH_ROOT/tmp" "$BERTH_ROOT/layers" -mindepth 1)
    umount "$STATE/small"
    [ "$result" -eq 1 ]
    [[ $output == *"No space left on device"* ]]
    [ -z "$left" ]
}

@test "registries.conf blocks, redirects and mirrors" {
    mkdir -p "$HOME/.config/containers"
    cat >"$HOME/.config/containers/registries.conf" <<CONF
unqualified-search-registries = [
  "docker.io", # a comment
]
[[registry]]
prefix = "blocked.example"
blocked = true
[[registry]]
prefix = "moved.example/old"
location = "127.0.0.1:$PORT/plain"
[[registry]]
location = "mirrored.example"
[[registry.mirror]]
location = "127.0.0.1:$PORT/denied"
[[registry.mirror]]
location = "127.0.0.1:$PORT/plain"
CONF
    run pull blocked.example/x
    [ "$status" -eq 1 ]
    [[ $output == *"is blocked"* ]]
    run pull moved.example/old/test:1
    [ "$status" -eq 0 ]
    run pull mirrored.example/test:1
    [ "$status" -eq 0 ]
    "$TOOL" dirs mirrored.example/test:1
    "$TOOL" dirs moved.example/old/test:1
}

@test "the registry of Debian serves, anonymously and with a password" {
    command -v docker-registry >/dev/null || skip "docker-registry is not installed"
    local port=$((20000 + RANDOM % 20000))
    # user:secret
    # shellcheck disable=SC2016
    echo 'user:$2y$05$lwGdSA29QJJNX30ySkqm7u3ysNli3sewv3F4xHKxL7Kvjrr2Rh4BW' >"$STATE/htpasswd"
    cat >"$STATE/registry.yml" <<CONF
version: 0.1
log: {level: error}
storage: {filesystem: {rootdirectory: $STATE/registry}}
http: {addr: "127.0.0.1:$port"}
auth: {htpasswd: {realm: test, path: $STATE/htpasswd}}
CONF
    docker-registry serve "$STATE/registry.yml" >"$STATE/registry.log" 2>&1 3>&- &
    local pid=$!
    for _ in $(seq 200); do (: </dev/tcp/127.0.0.1/$port) 2>/dev/null && break; read -rt 0.05 <> <(:) || :; done
    cat "$STATE/registry.log"
    run python3 "$BATS_TEST_DIRNAME/registry/push.py" "$SHARED/image.tar" "http://127.0.0.1:$port" lib/test 1 user:secret
    echo "$output"
    local pushed=$status
    run pull "127.0.0.1:$port/lib/test:1"
    local anonymous=$status
    echo '{"auths": {"127.0.0.1:'"$port"'": {"auth": "'"$(printf user:secret | base64)"'"}}}' >"$HOME/.docker/config.json"
    run pull "127.0.0.1:$port/lib/test:1"
    echo "$output"
    kill $pid
    wait $pid || :
    [ "$pushed" -eq 0 ]
    [ "$anonymous" -eq 1 ]
    [ "$status" -eq 0 ]
}

# ---- names resolved without a pull ----

resolved() {
    "${BERTH_BUILD:-$BATS_TEST_DIRNAME/../../build/dev}/bin/berth" compose -f - "${@:2}" <<<"$1"
}

@test "config pins the digests that the registry has, of manifests and of indexes" {
    works plain
    local digest index
    digest=$("$TOOL" inspect "$(ref plain)" | sed -n 's/.*@\(sha256:[0-9a-f]*\).*/\1/p')
    [ "${#digest}" -eq 71 ]
    : >"$SHARED/log"
    project="services: {a: {image: \"$(ref plain)\", command: x}, b: {image: \"$(ref plain)\"}, i: {image: \"$(ref index)\"}}"
    run resolved "$project" config --lock-image-digests
    echo "$output"
    [ "$status" -eq 0 ]
    [ "$(grep -c "    image: $(ref plain)@$digest$" <<<"$output")" -eq 2 ]
    index=$(sed -n "s|    image: $(ref index)@||p" <<<"$output")
    [ "${#index}" -eq 71 ] && [ "$index" != "$digest" ]
    [[ $output != *command* ]]
    [ "$(grep -c 'GET /v2/plain/test/manifests/1 ' "$SHARED/log")" -eq 1 ] # once for both
    ! grep blobs "$SHARED/log" || return 1
    run resolved "$project" config --resolve-image-digests
    [[ $output == *"image: $(ref plain)@$digest"* && $output == *"- x"* ]]
    nothing_left_of_resolving
}

nothing_left_of_resolving() {
    [ "$("$TOOL" ls | wc -l)" -eq 1 ] # the pull's
}

@test "config says which image the registry does not give the digest of" {
    run resolved "services: {a: {image: \"$(ref denied)\"}, b: {image: \"$(ref plain)\"}}" config --resolve-image-digests
    echo "$output"
    [ "$status" -eq 1 ]
    [[ $output == *'services.a.image: cannot resolve the digest of "'"$(ref denied)"'"'* ]]
    [[ $output == *denied* && $output != *services.b* ]]
}

berth() {
    "${BERTH_BUILD:-$BATS_TEST_DIRNAME/../../build/dev}/bin/berth" "$@"
}

@test "all tags of a repository are pulled, however the registry pages them" {
    for name in good no-pages token; do
        [ "$(berth pull -q --all-tags "127.0.0.1:$PORT/$name/test")" = "127.0.0.1:$PORT/$name/test" ]
        for tag in 1 2 beta; do
            berth image inspect "127.0.0.1:$PORT/$name/test:$tag" >/dev/null
        done
    done
}

@test "a list of tags that is none is refused" {
    run berth pull -a "127.0.0.1:$PORT/evil/test"
    [ "$status" -ne 0 ]
    [[ "$output" == *"names a tag of 127.0.0.1:$PORT/evil/test that is none"* ]]
    run berth pull -a "127.0.0.1:$PORT/nonsense/test"
    [ "$status" -ne 0 ]
    [[ "$output" == *"sends no list of tags"* ]]
    run berth pull -a "127.0.0.1:$PORT/good/test:1"
    [ "$status" -ne 0 ]
    [[ "$output" == *"tag can't be used with --all-tags/-a"* ]]
    [ -z "$(berth images -q)" ]
}

@test "images of a repository are listed by that name alone" {
    berth pull -q "$(ref good)"
    "$TOOL" tag "$(ref good)" other:2
    run berth images --format '{{.Repository}}:{{.Tag}}' other
    [ "$output" = other:2 ]
    run berth images --format '{{.Repository}}:{{.Tag}}' "127.0.0.1:$PORT/good/test"
    [ "$output" = "$(ref good)" ]
    run berth images --format '{{.Repository}}:{{.Tag}}' --filter 'reference=oth*:*'
    [ "$output" = other:2 ]
    [ "$(berth images --digests --format '{{.Digest}}' "127.0.0.1:$PORT/good/*")" != "<none>" ]
}

@test "how often a request is tried again can be said" {
    berth=${BERTH_BUILD:-$BATS_TEST_DIRNAME/../../build/dev}/bin/berth
    run "$berth" pull --retry 1 "127.0.0.1:$PORT/throttle/test:once"
    [ "$status" -eq 1 ]
    [[ $output == *"not now"* ]]
    [ "$(grep -c '/manifests/once' "$SHARED/log")" -eq 2 ]
    "$berth" pull -q --retry 2 --retry-delay 10ms --policy newer "127.0.0.1:$PORT/throttle/test:twice"
    [ "$(grep -c '/manifests/twice' "$SHARED/log")" -eq 3 ]
    : >"$SHARED/log"
    run "$berth" pull --retry 0 "127.0.0.1:$PORT/broken/test:1"
    [ "$status" -eq 1 ]
    [ "$(grep -c '/manifests/' "$SHARED/log")" -eq 1 ]
    "$berth" pull -q --policy missing "127.0.0.1:$PORT/throttle/test:twice"
    [ "$(grep -c '/manifests/' "$SHARED/log")" -eq 1 ]
    run "$berth" pull --policy newer --retry 0 "127.0.0.1:$PORT/broken/test:1"
    [ "$status" -eq 1 ]
    "$berth" tag "127.0.0.1:$PORT/throttle/test:twice" "127.0.0.1:$PORT/broken/test:1"
    "$berth" pull -q --policy newer --retry 0 "127.0.0.1:$PORT/broken/test:1"
}

@test "a platform is asked for in its parts" {
    berth=${BERTH_BUILD:-$BATS_TEST_DIRNAME/../../build/dev}/bin/berth
    run "$berth" pull --arch sparc "127.0.0.1:$PORT/index/test:1"
    [ "$status" -eq 1 ]
    run "$berth" pull --arch nothing --os linux --variant v9 "127.0.0.1:$PORT/index/test:1"
    echo "$output"
    [ "$status" -eq 1 ]
    [[ $output == *linux/nothing/v9* ]]
    "$berth" pull -q --os linux "127.0.0.1:$PORT/index/test:1"
}

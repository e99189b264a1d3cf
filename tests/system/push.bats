#!/usr/bin/env bats
# Images that go to a registry, and come back from it as they were.
load lib
bats_require_minimum_version 1.5.0

setup() {
    berth_setup
    import_busybox
    python3 "$BATS_TEST_DIRNAME/registry/store.py" "$STATE" 3>&- &
    SERVER=$!
    wait_for 60 test -s "$STATE/port"
    REGISTRY=127.0.0.1:$(cat "$STATE/port")
    export REGISTRY
}

teardown() {
    [ -z "${SERVER:-}" ] || kill "$SERVER" || :
    berth_teardown
}

@test "an image is pushed once, its layers are not sent twice, and it comes back the same" {
    local id
    echo 'FROM busybox' >Dockerfile
    echo 'RUN echo made >/made' >>Dockerfile
    berth build -q -t "$REGISTRY/team/app:1" . >/dev/null
    id=$(berth image inspect -f '{{.Id}}' "$REGISTRY/team/app:1")
    run -0 berth push "$REGISTRY/team/app:1"
    assert_output_has "The push refers to repository [$REGISTRY/team/app]"
    assert_output_has "1: digest: sha256:"
    [ "$(grep -c '^PUT .*blobs' "$STATE/log")" = 3 ]
    berth tag "$REGISTRY/team/app:1" "$REGISTRY/team/app:2"
    run -0 berth push -q "$REGISTRY/team/app:2"
    [ "$output" = "$REGISTRY/team/app:2" ]
    [ "$(grep -c '^PUT .*blobs' "$STATE/log")" = 3 ]
    [ "$(grep -c '^PUT .*manifests' "$STATE/log")" = 2 ]
    berth rmi "$REGISTRY/team/app:1" "$REGISTRY/team/app:2"
    berth pull -q "$REGISTRY/team/app:2"
    [ "$(berth image inspect -f '{{.Id}}' "$REGISTRY/team/app:2")" = "$id" ]
    run -0 berth run --rm --network none "$REGISTRY/team/app:2" cat /made
    [ "$output" = made ]
    [ -z "$(ls -A "$BERTH_ROOT/tmp")" ]
}

@test "cut and refused uploads are begun anew, what is not allowed is said" {
    berth tag busybox "$REGISTRY/cut/x"
    run -0 berth push "$REGISTRY/cut/x"
    berth tag busybox "$REGISTRY/busy/x"
    run -0 berth push "$REGISTRY/busy/x"
    berth tag busybox "$REGISTRY/deny/x"
    run -1 berth push "$REGISTRY/deny/x"
    assert_output_has "push access denied for $REGISTRY/deny/x: nobody writes here"
    berth tag busybox "$REGISTRY/login/x"
    run -1 berth push "$REGISTRY/login/x"
    assert_output_has 'wants a user name and a password'
    mkdir -p "$HOME/.docker"
    printf '{"auths":{"%s":{"auth":"%s"}}}' "$REGISTRY" "$(printf user:word | base64)" >"$HOME/.docker/config.json"
    run -0 berth push "$REGISTRY/login/x"
    run -1 berth push "$REGISTRY/none"
    assert_output_has "An image does not exist locally with the tag: $REGISTRY/none"
    run -1 berth push "busybox@$(berth image inspect -f '{{.Id}}' busybox)"
    assert_output_has 'cannot push a digest reference'
}

@test "all tags of a repository are pushed, and no other" {
    local tag
    for tag in 2 1 latest; do berth tag busybox "$REGISTRY/team/all:$tag"; done
    berth tag busybox "$REGISTRY/team/all2:1"
    run -0 berth push -a "$REGISTRY/team/all"
    assert_output_has "The push refers to repository [$REGISTRY/team/all]"
    [ "$(sed -n 's/^PUT .*manifests\/\([^ ]*\).*/\1/p' "$STATE/log" | tr '\n' ' ')" = "1 2 latest " ]
    ! grep -q all2 "$STATE/log" || return 1
    run -0 berth push -a -q "$REGISTRY/team/all"
    [ "$output" = "$REGISTRY/team/all" ]
    run -1 berth push -a "$REGISTRY/team/all:1"
    assert_output_has "tag can't be used with --all-tags/-a"
    run -1 berth push -a "$REGISTRY/team/none"
    assert_output_has "An image does not exist locally with the tag: $REGISTRY/team/none"
    berth tag busybox "$REGISTRY/login/x"
    run -1 berth push --creds user:wrong "$REGISTRY/login/x"
    run -0 berth push --creds user:word "$REGISTRY/login/x"
}

@test "an interrupted push, also of a build, has the status of its signal" {
    echo 'FROM busybox' >Dockerfile
    berth tag busybox "$REGISTRY/hold/x"
    for command in 'push' 'build --push . -t'; do
        : >"$STATE/log"
        # shellcheck disable=SC2086 # words
        berth $command "$REGISTRY/hold/x" >out 2>&1 3>&- &
        pid=$!
        wait_for 60 grep -q '^HOLD' "$STATE/log"
        # A shell's background jobs ignore SIGINT, so SIGTERM.
        kill -TERM $pid
        status=0
        wait $pid || status=$?
        [ "$status" -eq 143 ] || { cat out; false; }
    done
}

@test "a build sends its image under all its names" {
    echo 'FROM busybox' >Dockerfile
    run -0 berth build -q --push -t "$REGISTRY/team/sent:1" -t "$REGISTRY/login/sent" --creds user:word .
    grep -q 'PUT /v2/team/sent/manifests/1 201' "$STATE/log"
    grep -q 'PUT /v2/login/sent/manifests/latest 201' "$STATE/log"
    run -1 berth build -q --push -t "$REGISTRY/deny/sent" .
    assert_output_has 'push access denied'
}

@test "compose push and build --push send the images that services build" {
    cat >compose.yaml <<YAML
name: pushed
services:
  web:
    image: $REGISTRY/team/web:1
    build: { dockerfile_inline: "FROM busybox\nRUN echo web >/web\n", tags: ["$REGISTRY/team/web:latest"] }
    depends_on: [db]
  db: { image: $REGISTRY/team/db, build: { dockerfile_inline: "FROM busybox\n" } }
  other: { image: busybox }
  nameless: { build: { dockerfile_inline: "FROM busybox\n" } }
YAML
    berth compose build -q
    run -0 berth compose push --dry-run web
    assert_output_has "push      Image $REGISTRY/team/web:1"
    assert_output_lacks team/db
    [ "$(grep -c PUT "$STATE/log")" = 0 ]
    run -0 berth compose push web
    assert_output_has "$REGISTRY/team/web:1  Pushed"
    [ "$(grep -c '^PUT .*team/web/manifests/\(1\|latest\) 201' "$STATE/log")" = 2 ]
    ! grep -q team/db "$STATE/log" || return 1
    run -0 berth compose push --include-deps -q web
    grep -q 'PUT /v2/team/db/manifests/latest 201' "$STATE/log"
    sed -i "s|$REGISTRY/team/db|$REGISTRY/deny/db|" compose.yaml
    run -1 berth compose build --push -q
    assert_output_has 'push access denied'
    run -0 berth compose push --ignore-push-failures
    assert_output_has 'push access denied'
}

@test "compose publish sends the files, and variables only when asked to, under names that say nothing" {
    cat >compose.yaml <<YAML
services:
  web: { image: $REGISTRY/team/web, build: { dockerfile_inline: "FROM busybox\n" }, env_file: ["./secret.env", { path: 'none.env', required: false }] }
YAML
    printf 'services: { web: { labels: { a: b } } }\n' >override.yaml
    echo PASSWORD=x >secret.env
    berth compose build -q
    run -1 berth compose publish "$REGISTRY/team/stack"
    assert_output_has 'service "web" has environment variable(s) declared'
    : >secret.env
    run -1 berth compose publish "$REGISTRY/team/stack"
    assert_output_has 'env_file declared'
    echo PASSWORD=x >secret.env
    ! grep -q PUT "$STATE/log" || return 1
    run -0 berth compose -f compose.yaml -f override.yaml publish --dry-run --with-env "$REGISTRY/team/stack"
    assert_output_has "Would publish override.yaml in $REGISTRY/team/stack"
    ! grep -q PUT "$STATE/log" || return 1
    run -0 berth compose -f compose.yaml -f override.yaml publish -y --with-env --resolve-image-digests "$REGISTRY/team/stack:1"
    assert_output_has "$REGISTRY/team/stack:1 published"
    get() { python3 -c 'import sys, urllib.request; sys.stdout.write(urllib.request.urlopen("http://" + sys.argv[1]).read().decode())' "$REGISTRY/v2/team/stack/$1"; }
    get manifests/1 >manifest
    [ "$(jq -r .artifactType manifest)" = application/vnd.docker.compose.project ]
    [ "$(jq -r '.layers[].mediaType' manifest | tr '\n' ' ')" = \
        "application/vnd.docker.compose.file+yaml application/vnd.docker.compose.file+yaml application/vnd.docker.compose.envfile application/vnd.docker.compose.file+yaml " ]
    get "blobs/$(jq -r '.layers[0].digest' manifest)" >first
    ! grep -q 'secret\|none' first || return 1
    grep -q "$(jq -r '.layers[2].annotations["com.docker.compose.envfile"]' manifest)" first
    [ "$(get "blobs/$(jq -r '.layers[2].digest' manifest)")" = PASSWORD=x ]
    get "blobs/$(jq -r '.layers[3].digest' manifest)" | grep -q "image: \"$REGISTRY/team/web:latest@sha256:"
    run -0 berth compose publish -y --with-env --oci-version 1.0 "$REGISTRY/team/old"
    mkdir -p bases
    printf 'services: { base: { image: busybox, extends: { file: deeper.yaml, service: deep } } }\n' >bases/base.yaml
    printf 'services: { deep: { labels: { deep: "1" }, env_file: deep.env } }\n' >bases/deeper.yaml
    echo DEEP=1 >bases/deep.env
    printf 'services:\n  web:\n    env_file: secret.env\n    extends:\n      service: base\n      file: "bases/base.yaml"\n' >extends.yaml
    run -0 berth compose -f extends.yaml publish -y --with-env "$REGISTRY/team/stack:2"
    get manifests/2 >manifest
    [ "$(jq -r '.layers[].annotations | [."com.docker.compose.extends", has("com.docker.compose.envfile")] | join(" ")' manifest | tr '\n' ' ')" = \
        " false true false true false  true  true " ]
    mkdir fetched
    for i in 0 1 2 3 4; do
        name=$(jq -r ".layers[$i].annotations | (.\"com.docker.compose.file\" // .\"com.docker.compose.envfile\")" manifest)
        get "blobs/$(jq -r ".layers[$i].digest" manifest)" >"fetched/$name"
    done
    ! grep -r bases fetched || return 1
    run -0 --separate-stderr berth compose -f fetched/extends.yaml config --format json
    [ "$(jq -c '.services.web | [.image, .labels, .environment]' <<<"$output")" = \
        '["busybox",{"deep":"1"},{"DEEP":"1","PASSWORD":"x"}]' ]
    printf 'services: { other: { image: busybox } }\n' >included.yaml
    sed -i '1i include: [included.yaml]' compose.yaml
    run -1 berth compose publish -y --with-env "$REGISTRY/team/stack"
    assert_output_has "compose.yaml:1:10: cannot publish compose file with local includes"
    printf 'services: { web: { build: . } }\n' >compose.yaml
    run -1 berth compose publish -y "$REGISTRY/team/stack"
    assert_output_has 'has only a build section'
}

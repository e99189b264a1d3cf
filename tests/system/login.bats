#!/usr/bin/env bats
# Who one is at a registry: login and logout, and what a single command says about a registry.
load lib
bats_require_minimum_version 1.5.0

setup() {
    berth_setup
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 \
        -keyout "$STATE/key.pem" -out "$STATE/cert.pem" 2>/dev/null
    python3 "$BATS_TEST_DIRNAME/registry/login.py" "$STATE" 3>&- 2>/dev/null &
    SERVER=$!
    wait_for 60 test -s "$STATE/basic-port" -a -s "$STATE/token-port"
    BASIC=127.0.0.1:$(cat "$STATE/basic-port")
    TOKEN=127.0.0.1:$(cat "$STATE/token-port")
    CONFIG=$HOME/.docker/config.json
    unset DOCKER_CONFIG REGISTRY_AUTH_FILE XDG_RUNTIME_DIR
}

teardown() {
    [ -z "${SERVER:-}" ] || kill "$SERVER" || :
    berth_teardown
}

auth() {
    printf %s "$1" | base64 -w0
}

# Runs a command on a terminal of its own: on_terminal COMMAND [PROMPT ANSWER]...
on_terminal() {
    python3 - "$@" <<'PY'
import os, pty, sys

pid, fd = pty.fork()
if pid == 0:
    os.execvp("sh", ["sh", "-c", "exec " + sys.argv[1]])
steps, seen = sys.argv[2:], b""
while True:
    try:
        data = os.read(fd, 4096)
    except OSError:
        break
    if not data:
        break
    sys.stdout.buffer.write(data)
    seen += data
    if steps and steps[0].encode() in seen:
        seen = b""
        os.write(fd, steps[1].encode() + b"\n")
        steps = steps[2:]
sys.stdout.flush()
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
PY
}

@test "login asks the registry and keeps what is good for others not to read" {
    run -0 --separate-stderr berth login -u user -p secret "$BASIC"
    [ "$output" = "Login Succeeded" ]
    [[ $stderr == *"--password via the CLI is insecure"* ]]
    [[ $stderr == *"stored unencrypted in '$CONFIG'"* ]]
    [ "$(stat -c %a "$CONFIG")" = 600 ]
    [ "$(jq -r ".auths.\"$BASIC\".auth" "$CONFIG")" = "$(auth user:secret)" ]
    cp "$CONFIG" before
    run -1 berth login -u user -p wrong "$BASIC"
    assert_output_has "login to $BASIC was denied: who are you"
    cmp before "$CONFIG"
    run -1 berth pull "$BASIC/x" # it knows us, and has no such image
    assert_output_has "manifest for $BASIC/x:latest not found"
    berth login "$BASIC" </dev/null
    run -0 berth login --get-login "$BASIC"
    [ "$output" = user ]
    run -0 berth logout "$BASIC"
    [ "$output" = "Removing login credentials for $BASIC" ]
    [ "$(jq -c .auths "$CONFIG")" = '{}' ]
    run -0 berth logout "$BASIC"
    run -1 berth login --get-login "$BASIC"
    assert_output_has "not logged into $BASIC"
    run -1 berth pull "$BASIC/x"
    assert_output_has 'log in first'
}

@test "a token that is for keeping is kept in place of the password, and used" {
    echo secret | berth login -u id --password-stdin "https://$TOKEN/v1/"
    [ "$(jq -c ".auths.\"$TOKEN\"" "$CONFIG")" = '{"auth":"'"$(auth id:)"'","identitytoken":"identity"}' ]
    grep -q 'GET /token?service=tests&account=id&client_id=berth&offline_token=true 200' "$STATE/log"
    run -1 berth pull "$TOKEN/x"
    assert_output_has 'not found'
    grep -q 'POST /token 200' "$STATE/log"
    berth login -u user -p secret "$TOKEN"
    [ "$(jq -c ".auths.\"$TOKEN\"" "$CONFIG")" = '{"auth":"'"$(auth user:secret)"'"}' ]
    run -1 berth login -u user -p wrong "$TOKEN"
    assert_output_has 'was denied'
}

@test "other members of the file stay, a link stays a link, and all is forgotten at once" {
    mkdir -p "$HOME/.docker" kept
    printf '{"credHelpers": {"other": "x"}, "auths": {"b.example": {"auth": "%s"}}, "proxies": {}}' "$(auth a:b)" >kept/config
    ln -s "$PWD/kept/config" "$CONFIG"
    berth login -u user -p secret "$BASIC"
    [ -L "$CONFIG" ]
    [ "$(jq -c '[keys, (.auths | keys)]' kept/config)" = '[["auths","credHelpers","proxies"],["'"$BASIC"'","b.example"]]' ]
    [ "$(ls -A kept)" = config ]
    jq 'del(.credHelpers)' kept/config >kept/new
    mv kept/new kept/config
    berth logout --all
    [ "$(jq -c . kept/config)" = '{"auths":{},"proxies":{}}' ]
}

@test "credentials go where a pull comes upon the registry first" {
    export XDG_RUNTIME_DIR=$STATE/xdg
    mkdir -p "$XDG_RUNTIME_DIR/containers"
    printf '{"auths": {"%s": {"auth": "%s"}}}' "$BASIC" "$(auth old:old)" >"$XDG_RUNTIME_DIR/containers/auth.json"
    berth login -u user -p secret "$BASIC"
    [ ! -e "$CONFIG" ]
    [ "$(jq -r ".auths.\"$BASIC\".auth" "$XDG_RUNTIME_DIR/containers/auth.json")" = "$(auth user:secret)" ]
    REGISTRY_AUTH_FILE=$STATE/podman.json berth login -u id -p secret "$TOKEN"
    [ "$(jq -r '.auths | keys[]' "$STATE/podman.json")" = "$TOKEN" ]
    berth login --authfile "$STATE/own.json" -u user -p secret "$TOKEN"
    [ "$(berth login --authfile "$STATE/own.json" --get-login "$TOKEN")" = user ]
    berth logout "$BASIC"
    [ "$(jq -c .auths "$XDG_RUNTIME_DIR/containers/auth.json")" = '{}' ]
    berth logout --authfile "$STATE/own.json" "$TOKEN"
    [ "$(jq -c .auths "$STATE/own.json")" = '{}' ]
}

@test "a credential helper gets the secret on its input, and forgets it" {
    mkdir -p bin "$HOME/.docker"
    cat >bin/docker-credential-test <<'SH'
#!/bin/sh
echo "$*" >>"$HELPER/words"
case $1 in
store) cat >"$HELPER/kept" ;;
get) if [ -e "$HELPER/kept" ]; then cat "$HELPER/kept"; else echo credentials not found in native keychain; exit 1; fi ;;
erase) if [ -e "$HELPER/kept" ]; then rm "$HELPER/kept"; else echo credentials not found in native keychain; exit 1; fi ;;
esac
SH
    chmod +x bin/docker-credential-test
    echo '{"credsStore": "test"}' >"$CONFIG"
    export HELPER=$STATE PATH=$PWD/bin:$PATH
    run -0 berth login -u user -p secret "$BASIC"
    assert_output_lacks unencrypted
    [ "$(jq -c . "$STATE/kept")" = '{"ServerURL":"'"$BASIC"'","Username":"user","Secret":"secret"}' ]
    [ "$(jq -c . "$CONFIG")" = '{"credsStore":"test","auths":{"'"$BASIC"'":{}}}' ]
    run -1 berth pull "$BASIC/x"
    assert_output_has 'not found'
    berth logout "$BASIC"
    [ ! -e "$STATE/kept" ]
    berth logout "$BASIC"
    ! grep -q secret "$STATE/words" || return 1
    berth login -u id -p secret "$TOKEN"
    [ "$(jq -r '[.Username, .Secret] | join(" ")' "$STATE/kept")" = "<token> identity" ]
}

@test "logout goes on behind a broken file and a missing helper, and says so" {
    export XDG_RUNTIME_DIR=$STATE/xdg REGISTRY_AUTH_FILE=$STATE/podman.json
    mkdir -p "$XDG_RUNTIME_DIR/containers" "$HOME/.docker"
    echo '{broken' >"$REGISTRY_AUTH_FILE"
    printf '{"credHelpers": {"%s": "missing"}, "auths": {"%s": {"auth": "%s"}, "empty.example": {}}}' \
        "$BASIC" "$BASIC" "$(auth user:secret)" >"$XDG_RUNTIME_DIR/containers/auth.json"
    printf '{"auths": {"%s": {"auth": "%s"}}}' "$BASIC" "$(auth user:secret)" >"$CONFIG"
    run -1 berth logout "$BASIC"
    assert_output_has "cannot remove the credentials in \"$REGISTRY_AUTH_FILE\""
    [ "$(jq -c .auths "$XDG_RUNTIME_DIR/containers/auth.json")" = '{"empty.example":{}}' ]
    [ "$(jq -c .auths "$CONFIG")" = '{}' ]
    rm "$REGISTRY_AUTH_FILE"
    run -1 berth logout "$BASIC"
    assert_output_has 'docker-credential-missing'
    # Of all registries: the entry that says that a helper has something stays where that helper failed.
    printf '{"credsStore": "missing", "auths": {"a.example": {"auth": "%s"}, "b.example": {}}}' "$(auth a:b)" >"$CONFIG"
    run -1 berth logout --all
    assert_output_has 'docker-credential-missing'
    [ "$(jq -c .auths "$CONFIG")" = '{"b.example":{}}' ]
}

@test "an empty file of credentials is one without any" {
    mkdir -p "$HOME/.docker"
    : >"$CONFIG"
    berth logout "$BASIC"
    run -1 berth login --get-login "$BASIC"
    assert_output_has "not logged into $BASIC"
    berth login -u user -p secret "$BASIC"
    [ "$(berth login --get-login "$BASIC")" = user ]
    : >own.json
    berth login --authfile own.json -u user -p secret "$BASIC"
    [ "$(jq -r '.auths | keys[]' own.json)" = "$BASIC" ]
}

@test "on a terminal one is asked again when the registry does not know the kept credentials any more" {
    mkdir -p "$HOME/.docker"
    printf '{"auths": {"%s": {"auth": "%s"}}}' "$BASIC" "$(auth user:old)" >"$CONFIG"
    cp "$CONFIG" before
    run -1 berth login "$BASIC" </dev/null
    assert_output_has "login to $BASIC was denied"
    assert_output_lacks 'Password'
    cmp before "$CONFIG"
    run -0 on_terminal "berth login $BASIC" 'Username (user): ' '' 'Password: ' secret
    assert_output_has 'Stored credentials invalid or expired'
    assert_output_has 'Login Succeeded'
    [ "$(jq -r ".auths.\"$BASIC\".auth" "$CONFIG")" = "$(auth user:secret)" ]
    # No registry is no refusal.
    printf '{"auths": {"127.0.0.1:1": {"auth": "%s"}}}' "$(auth user:old)" >"$CONFIG"
    run -1 on_terminal "berth login 127.0.0.1:1"
    assert_output_lacks 'Username ('
}

@test "what no login can be made of is refused" {
    run -1 berth login "$BASIC" </dev/null
    assert_output_has 'Cannot perform an interactive login from a non TTY device'
    run -1 berth login -u user "$BASIC" </dev/null
    assert_output_has 'Cannot perform an interactive login from a non TTY device'
    run -1 berth login --password-stdin "$BASIC" </dev/null
    assert_output_has 'the --password-stdin option requires --username to be set'
    run -1 berth login -u user -p x --password-stdin "$BASIC" </dev/null
    assert_output_has 'cannot specify both --password and --password-stdin'
    run -1 berth login -u user -p secret no-registry
    assert_output_has '"no-registry" is no name of a registry'
    run -1 berth login --tls-verify -u user -p secret "$BASIC"
    [ ! -e "$CONFIG" ]
    run -1 berth search alpine
    assert_output_has 'search is not supported: registries have no search of their own'
}

@test "a pull says by itself who asks, whom it trusts and how patient it is" {
    run -1 berth pull --creds user:secret "$BASIC/x"
    assert_output_has 'not found'
    run -1 berth pull --creds user:wrong "$BASIC/x"
    assert_output_has 'pull access denied'
    assert_output_lacks wrong
    run -1 berth pull --creds user "$BASIC/x" </dev/null
    assert_output_has 'cannot ask for a password without a terminal'
    run -1 berth pull --authfile "$STATE/none" "$BASIC/x"
    assert_output_has "credential file $STATE/none is not accessible"
    printf '{"auths": {"%s": {"auth": "%s"}}}' "$BASIC" "$(auth user:secret)" >auth.json
    run -1 berth pull --authfile auth.json "$BASIC/x"
    assert_output_has 'not found'
    run -125 berth run --authfile auth.json "$BASIC/x"
    assert_output_has 'not found'
    run -1 berth pull --tls-verify --authfile auth.json "$BASIC/x"
    assert_output_lacks 'not found'
    run -125 berth pull --retry x "$BASIC/x"
    assert_output_has 'expected a whole number'
    run -1 berth pull --platform linux/amd64 --arch arm64 "$BASIC/x"
    assert_output_has '--platform option can not be specified with --arch or --os'
    run -1 berth pull --policy sometimes "$BASIC/x"
    assert_output_has 'invalid pull policy "sometimes"'
    run -1 berth pull --policy never "$BASIC/x"
    assert_output_has 'No such image'
}

@test "certificates come from a directory, and are looked at when that is asked for" {
    local tls
    tls=127.0.0.1:$(cat "$STATE/tls-port")
    run -1 berth pull --creds user:secret "$tls/x" # on this machine any certificate will do
    assert_output_has 'not found'
    run -1 berth pull --tls-verify --creds user:secret "$tls/x"
    assert_output_has 'certificate'
    mkdir certs
    cp "$STATE/cert.pem" certs/own.crt
    run -1 berth pull --tls-verify --cert-dir certs --creds user:secret "$tls/x"
    assert_output_has 'not found'
    berth login --tls-verify --cert-dir certs -u user -p secret "$tls"
    cp "$STATE/cert.pem" certs/client.cert
    run -1 berth pull --tls-verify --cert-dir certs "$tls/x"
    assert_output_has 'missing key certs/client.key for client certificate certs/client.cert'
    cp "$STATE/key.pem" certs/client.key
    run -1 berth pull --tls-verify --cert-dir certs "$tls/x"
    assert_output_has 'not found'
    rm -r certs
    run -1 berth pull --tls-verify=false --cert-dir certs "$tls/x"
    assert_output_has 'not found'
}

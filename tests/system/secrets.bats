#!/usr/bin/env bats
# The store of secrets, and containers that get them as files and variables.
load lib
bats_require_minimum_version 1.5.0

setup() {
    berth_setup
    import_busybox
    printf 'open-sesame' >pw
}

teardown() {
    berth_teardown
}

@test "secrets are kept, listed, replaced and removed, and show what they hold only when asked" {
    id=$(berth secret create --label tier=db db pw)
    [ ${#id} -eq 25 ]
    TOKEN=variable berth secret create --env token TOKEN
    printf piped | berth secret create pipe -
    [ "$(berth secret ls --format '{{.Name}}' | sort | xargs)" = "db pipe token" ]
    [ "$(berth secret ls -q -f name=pip | wc -l)" -eq 1 ]
    [ "$(berth secret ls --format '{{.Name}}' -f label=tier=db)" = db ]
    run berth secret inspect db
    assert_output_has '"Name": "db"'
    assert_output_lacks open-sesame
    [ "$(berth secret inspect --showsecret -f '{{.SecretData}}' db)" = open-sesame ]
    [ "$(berth secret inspect -f '{{.ID}}' "${id:0:6}")" = "$id" ]
    new=$(printf other | berth secret create --replace db -)
    [ "$new" != "$id" ]
    [ "$(printf third | berth secret create --ignore db -)" = "$new" ]
    [ "$(berth secret inspect --showsecret -f '{{.SecretData}}' db)" = other ]
    berth secret exists db
    berth secret rm db
    run -1 berth secret exists db
    run -0 berth secret rm -i db
    berth secret rm --all
    [ -z "$(berth secret ls -q)" ]
    [ -z "$(ls "$BERTH_ROOT/secrets")" ]
}

@test "what cannot be a secret is named with status 125" {
    berth secret create db pw
    run berth secret create db pw
    assert_status 125
    assert_output_has 'secret name in use'
    for name in a/b a=b a,b ''; do
        run berth secret create "$name" pw
        assert_status 125
        assert_output_has 'invalid secret name'
    done
    run berth secret create empty /dev/null
    assert_status 125
    truncate -s 512000 big
    run berth secret create big big
    assert_status 125
    run berth secret create --env missing NOT_THERE
    assert_status 125
    assert_output_has NOT_THERE
    run berth secret create --driver pass x pw
    assert_status 125
    run berth secret inspect nope
    assert_status 125
    assert_output_has 'no such secret'
    for secret in nope db,mode=9 db,type=disk db,uid=x db,what=1 db,type=env,mode=0400 type=mount; do
        run berth run --rm --network none --secret "$secret" busybox true
        assert_status 125
    done
    truncate -s 2 zeros
    berth secret create zeros zeros
    run berth run --rm --network none --secret zeros,type=env busybox true
    assert_status 125
    assert_output_has 'not text'
}

@test "a container has its secrets as files with owner and mode, and as variables" {
    berth secret create db pw
    TOKEN='two words' berth secret create --env token TOKEN
    run berth run --rm --network none --secret db --secret db,target=sub/key,uid=1000,gid=63,mode=0400 \
        --secret source=db,target=/etc/key --secret token,type=env --secret db,type=env,target=DB_PASSWORD busybox \
        sh -c 'stat -c "%n %a %u:%g" /run/secrets/db /run/secrets/sub/key /etc/key; cat /etc/key; echo "/$token/$DB_PASSWORD"; echo x >/etc/key'
    assert_status 1
    assert_output_has $'/run/secrets/db 444 0:0\n/run/secrets/sub/key 400 1000:63\n/etc/key 444 0:0\nopen-sesame/two words/open-sesame'
    assert_output_has 'Read-only file system'
}

@test "secrets are in memory and in files of root alone, in no description, row or image" {
    local word file key=sesame-${STATE##*.} # not what another run of this test looks for
    printf '%s' "$key" >pw
    berth secret create db pw
    berth run -d --name db --network none --secret db --secret db,type=env,target=PW busybox sh -c 'sleep 1000'
    [ "$(berth exec db sh -c 'echo $PW; cat /run/secrets/db')" = "$key"$'\n'"$key" ]
    for word in 'inspect db' 'ps -a --no-trunc' 'inspect --type image busybox' 'events --since 1h --until 0s'; do
        run berth $word
        assert_output_lacks "$key"
    done
    berth commit db made
    run berth save made -o saved.tar
    run grep -c "$key" saved.tar
    [ "$output" = 0 ]
    while read -r file; do
        [ "$(stat -c %u "$file")" = 0 ]
        case $(stat -c %a "$(dirname "$file")") in 700) ;; *) echo "$file can be reached"; return 1 ;; esac
    done < <(grep -rls "$key" "$BERTH_ROOT" "$BERTH_RUN")
    run grep -c "$key" "$BERTH_ROOT/state.db" "$BERTH_ROOT/state.db-wal"
    assert_output_lacks ':1'
    # Processes of others come and go meanwhile.
    [ -z "$(grep -als "$key" /proc/[0-9]*/cmdline)" ]
}

@test "a file keeps what its secret was when the container was made, a variable follows it" {
    berth secret create db pw
    berth create --name db --network none --secret db --secret db,type=env,target=PW busybox sh -c 'cat /run/secrets/db; echo; echo $PW'
    [ "$(berth start -a db)" = $'open-sesame\nopen-sesame' ]
    printf later | berth secret create --replace db -
    [ "$(berth start -a db)" = $'open-sesame\nlater' ]
    berth secret rm db
    run berth start -a db
    [ "$status" -ne 0 ]
    assert_output_has 'no such secret'
}

@test "a creation or removal killed at any step leaves a secret or none" {
    for fault in secret.create.data secret.create.row; do
        BERTH_FAULT=$fault:kill run berth secret create "$fault" pw
        [ "$status" -ne 0 ]
    done
    [ "$(berth secret ls --format '{{.Name}}')" = secret.create.row ]
    [ "$(ls "$BERTH_ROOT/secrets" | wc -l)" -eq 1 ]
    BERTH_FAULT=secret.remove.row:kill run berth secret rm secret.create.row
    [ -z "$(berth secret ls -q)" ]
    [ -z "$(ls "$BERTH_ROOT/secrets")" ]
}

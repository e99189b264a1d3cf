#!/usr/bin/env bats
# A container's files from outside: cp, diff, export, commit; running or not, and with a container that would
# mislead them.
load lib
bats_require_minimum_version 1.5.0

setup() {
    berth_setup
    import_busybox
}

teardown() {
    berth_teardown
}

both_kinds() {
    berth create --name stopped --network none -v vol1:/data busybox sleep 1000 >/dev/null
    berth run -d --name running --network none -v vol2:/data busybox sleep 1000 >/dev/null
}

@test "cp copies into a running and a stopped container and back, volumes included" {
    both_kinds
    mkdir -p d/e
    echo file >a
    echo deep >d/e/f
    ln -s a d/l
    for c in running stopped; do
        run berth cp a $c:/data
        assert_status 0
        [ "$output" = "Successfully copied 2.05kB to $c:/data" ]
        berth cp -q d $c:/srv
        berth cp -q d/. $c:/data/
        berth cp -q d $c:/new
        berth cp -q $c:/data out-$c
        [ "$(cat out-$c/a out-$c/e/f)" = $'file\ndeep' ]
        [ "$(readlink out-$c/l)" = a ]
        berth cp -q $c:/srv/d/e/f copied-$c
        [ "$(cat copied-$c)" = deep ]
        run bash -c "berth cp $c:/new - | tar -t"
        [ "$output" = $'new/\nnew/e/\nnew/e/f\nnew/l' ]
        tar -c d | berth cp - $c:/tmp
        [ "$(berth cp $c:/tmp/d/e/f - | tar -xO)" = deep ]
    done
    [ "$(berth exec running cat /new/e/f)" = deep ]
    berth start stopped
    [ "$(berth exec stopped cat /data/a /new/e/f)" = $'file\ndeep' ]
}

@test "cp gives owners as Docker does" {
    berth create --name x1 --network none busybox true >/dev/null
    touch mine
    chown 1234:77 mine
    berth cp -q mine x1:/plain
    berth cp -q -a mine x1:/kept
    berth start x1
    [ "$(berth cp x1:/plain - | tar -tv --numeric-owner | awk '{ print $2 }')" = 0/0 ]
    [ "$(berth cp x1:/kept - | tar -tv --numeric-owner | awk '{ print $2 }')" = 1234/77 ]
    berth cp -q x1:/kept plain
    berth cp -q -a x1:/kept kept
    [ "$(stat -c %u:%g plain kept)" = $'0:0\n1234:77' ]
}

@test "cp refuses what has no meaning in Docker's words" {
    berth create --name x1 --network none busybox true >/dev/null
    mkdir d
    touch f
    run berth cp x1:/no-such .
    assert_status 1
    assert_output_has 'Could not find the file /no-such in container x1'
    run berth cp f x1:/no/such
    assert_output_has 'Could not find the file /no/such in container x1'
    run berth cp d x1:/etc/passwd
    assert_output_has 'cannot copy directory'
    run berth cp f x1:/missing/
    assert_output_has 'no such directory'
    run berth cp f g
    assert_output_has 'must specify at least one container source'
    run berth cp x1:/etc x1:/tmp
    assert_output_has 'copying between containers is not supported'
    run berth cp no-such-here x1:/
    assert_output_has 'no such file or directory'
}

@test "links in a container lead cp nowhere but into the container" {
    echo host >"$WORK/secret"
    berth run -d --name x1 --network none busybox sleep 1000 >/dev/null
    berth exec x1 sh -c "mkdir -p /in$WORK; echo inside >/in$WORK/secret; ln -s /in$WORK /abs; ln -s ../../../../../../..$WORK /rel
        mkdir -p $WORK; echo inside >$WORK/secret; ln -s $WORK/secret /file; ln -s $WORK/new /to-new; ln -s /proc/self/root /magic"
    [ "$(berth cp x1:/abs/secret - | tar -xO)" = inside ]
    [ "$(berth cp x1:/rel/secret - | tar -xO)" = inside ]
    [ "$(berth cp -L x1:/file - | tar -xO)" = inside ]
    echo changed >changed
    berth cp -q changed x1:/file
    berth cp -q changed x1:/rel/secret
    berth cp -q changed x1:/to-new
    [ "$(cat secret)" = host ]
    [ ! -e "$WORK/new" ]
    [ "$(berth exec x1 cat "$WORK/secret" "$WORK/new")" = $'changed\nchanged' ]
    run berth cp x1:/magic/etc/passwd -
    [ "$status" -ne 0 ]
}

@test "a container that swaps directories for links while cp runs gets nothing of the host" {
    mkdir -p "$WORK/target"
    echo host >"$WORK/target/file"
    berth run -d --name x1 --network none busybox sh -c "mkdir -p /a/x /b; echo inside >/a/x/file; ln -s $WORK/target /b/x
        touch /ready; while :; do mv /a/x /a/y; mv /b/x /a/x; mv /a/x /b/x; mv /a/y /a/x; done" >/dev/null
    wait_for 20 berth exec x1 test -e /ready
    for _ in $(seq 15); do
        berth cp x1:/a/x/file out >/dev/null 2>&1 && [ "$(cat out)" = inside ] || [ ! -e out ]
        rm -f out
        berth cp "$BATS_TEST_FILENAME" x1:/a/x/file >/dev/null 2>&1 || :
        [ "$(cat target/file)" = host ]
        berth exec x1 sh -c 'for d in /a/x /a/y; do [ ! -d $d ] || echo inside >$d/file; done' || :
    done
}

@test "diff tells what was added, changed and deleted, and not what a start made" {
    berth run --name x1 --network none -v /vol busybox sh -c 'touch /etc/new /vol/file; rm /etc/image-name; echo x >>/etc/passwd; mkdir /dir; touch /dir/f; rm -r /var/www; mkdir /var/www; rmdir /srv'
    run berth diff x1
    assert_status 0
    [ "$output" = $'A /dir\nA /dir/f\nC /etc\nD /etc/image-name\nA /etc/new\nC /etc/passwd\nD /srv\nC /var\nC /var/www\nA /vol' ] ||
        [ "$output" = $'A /dir\nA /dir/f\nC /etc\nD /etc/image-name\nA /etc/new\nC /etc/passwd\nD /srv\nC /var\nA /vol' ]
    berth run --name x2 --network none busybox true
    run berth diff x2
    [ "$output" = "" ]
}

@test "export writes the root without what is mounted in it" {
    berth run -d --name x1 --network none -v vol:/data busybox sh -c 'touch /own /data/in-volume; rm /etc/image-name; exec sleep 1000' >/dev/null
    wait_for 10 berth exec x1 test ! -e /etc/image-name
    berth export x1 >running.tar
    berth stop -t 0 x1
    berth export -o stopped.tar x1
    for tar in running stopped; do
        tar -tf $tar.tar >names
        grep -qx own names
        grep -qx data/ names
        grep -qx etc/passwd names
        run grep -xE 'data/in-volume|etc/image-name|proc/.+' names
        [ "$output" = "" ]
    done
    berth import -c 'CMD ["/bin/sh"]' stopped.tar again
    berth run --rm --network none again test -f /own
}

@test "an archive takes the place of a file when it is whole, and a device stays what it is" {
    berth create --name x1 --network none busybox true >/dev/null
    berth volume create v1 >/dev/null
    mknod null c 1 3
    mkfifo pipe
    for what in 'export nosuch' 'volume export nosuch' 'save nosuch'; do
        echo before >file
        ln -sf file link
        for output in null link new; do
            # shellcheck disable=SC2086
            run berth $what -o $output
            [ "$status" -ne 0 ]
        done
        [ -c null ]
        [ "$(cat file)" = before ]
        [ "$(echo *)" = 'file link null pipe' ] || { ls; false; }
    done
    for what in 'export x1' 'volume export v1' 'save busybox'; do
        # shellcheck disable=SC2086
        for output in null link; do
            berth $what -o $output
        done
        [ -c null ]
        [ -L link ]
        tar -tf file >/dev/null
        # shellcheck disable=SC2086
        tar -t <pipe >/dev/null 3>&- &
        berth $what -o pipe
        wait $!
        [ -p pipe ]
        [ "$(echo *)" = 'file link null pipe' ] || { ls; false; }
    done
    run berth export x1 -o /nosuch/file
    [ "$status" -eq 1 ]
    [[ $output == *'cannot create "/nosuch/file": No such file or directory'* ]]
}

@test "commit makes an image of the changes with the container's configuration" {
    berth run --name x1 --network none -e A=b -w /srv -l one=1 busybox sh -c 'echo new >/file; rm /etc/image-name'
    id=$(berth commit -a me -m why x1 made:1)
    [ "$(berth image inspect -f '{{.Id}} {{.Author}} {{.Comment}} {{.Config.WorkingDir}} {{index .Config.Labels "one"}}' made:1)" = "$id me why /srv 1" ]
    run berth run --rm --network none made:1 sh -c 'cat /file; echo $A; pwd'
    [ "$output" = $'new\nb\n/srv' ]
    run berth run --rm --network none made:1 test -e /etc/image-name
    assert_status 1
    berth commit -c 'CMD ["echo", "changed"]' -c 'ENV A=c' x1 made:2 >/dev/null
    run berth run --rm --network none made:2
    [ "$output" = changed ]
    # It runs on afterwards when it was paused for it.
    berth run -d --name x2 --network none busybox sleep 1000 >/dev/null
    berth commit x2 >/dev/null
    [ "$(berth inspect -f '{{.State.Status}}' x2)" = running ]
}

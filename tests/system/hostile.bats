#!/usr/bin/env bats
# Surroundings and containers that mean no good: what they must not be able to spoil or to see.
load lib
bats_require_minimum_version 1.5.0

setup() {
    berth_setup
    import_busybox
}

teardown() {
    berth_teardown
}

@test "the umask of the caller does not lock the container's users out" {
    umask 077
    run berth run --rm --network none -u 1000 -v data:/data busybox sh -c 'ls / >/dev/null && ls -ld /data && echo seen'
    assert_status 0
    assert_output_has seen
    assert_output_has drwxr-xr-x
    # What is the engine's own stays closed.
    [ "$(stat -c %a "$BERTH_ROOT/images")" = 700 ]
}

@test "control characters of a label reach neither the table nor the terminal" {
    berth create --name x1 --network none --label "a=$(printf '\033]0;x\007\302\233mz')" busybox true
    run berth ps -a --format 'table {{.Names}}\t{{.Label "a"}}'
    assert_status 0
    assert_output_lacks "$(printf '\033')"
    assert_output_lacks "$(printf '\302\233')"
}

@test "names and addresses cannot bring lines of their own into hosts and resolv.conf" {
    local option
    for option in --hostname --add-host --dns-search --dns-option; do
        run berth run --rm --network none "$option" $'x\n6.6.6.6 evil:1.2.3.4' busybox true
        assert_status 125
        assert_output_has 'control character'
    done
    berth run -d --name x1 busybox sleep 1000
    run berth run --rm --link $'x1:a\n6.6.6.6\tevil' busybox cat /etc/hosts
    assert_status 125
    assert_output_has 'control character'
}

# CVE-2021-41091, CVE-2021-41103: a setuid program that a container leaves is not to be reached.
@test "users of the machine look into nothing that the engine keeps" {
    berth run --name x1 --network none -v data:/data busybox sh -c 'echo secret >/data/file; chmod 4777 /data/file'
    local source
    source=$(berth volume inspect -f '{{.Mountpoint}}' data)
    [ "$(cat "$source/file")" = secret ]
    chmod 755 "$STATE"
    run setpriv --reuid 65534 --regid 65534 --clear-groups cat "$source/file"
    assert_output_has 'Permission denied'
    for source in images layers containers volumes secrets; do
        run setpriv --reuid 65534 --regid 65534 --clear-groups ls "$BERTH_ROOT/$source/."
        assert_output_has 'Permission denied'
    done
}

@test "directories that an earlier version left open are closed" {
    local dir
    berth run -d --name x1 --network none -u 1000 -v data:/data busybox sleep 1000
    for dir in images layers containers volumes tmp secrets; do chmod 711 "$BERTH_ROOT/$dir"; done
    berth ps
    for dir in images layers containers volumes tmp secrets; do [ "$(stat -c %a "$BERTH_ROOT/$dir")" = 700 ]; done
    berth exec x1 ls /data /etc/passwd
}

# CVE-2020-15257: who shares the host's network reaches sockets without a path.
@test "a container in the host's network finds no abstract socket of the engine" {
    berth run -d --name x1 --network host busybox sleep 1000
    run ! grep -E " @.*(berth|$(berth inspect -f '{{.Id}}' x1 | cut -c1-12))" /proc/net/unix
    berth rm -f x1
}

# CVE-2022-23648: what is copied into a new volume is the image's, whatever it is linked to.
@test "only proc can be in place of proc" {
    run -125 berth run --rm --network none -v "$WORK:/proc" busybox true
    assert_output_has '"/proc" cannot be mounted because it is not of type proc'
    run -125 berth run --rm --network none --tmpfs /proc busybox true
    run -125 berth run --rm --network none -v "$WORK:/proc/sys" busybox true
    berth run --rm --network none -v /proc:/proc busybox true
}

@test "a volume over a link of the image gets nothing of the host" {
    mkdir -p "$WORK/host"
    echo host >"$WORK/host/secret"
    printf 'FROM busybox\nRUN ln -s %s /absolute && ln -s ../../../../../../../..%s /relative\nVOLUME /absolute /relative\n' \
        "$WORK/host" "$WORK/host" >Dockerfile
    berth build -q -t linked . >/dev/null
    run berth run --rm --network none linked sh -c 'cat /absolute/secret /relative/secret; echo own >/absolute/secret'
    assert_output_lacks host$'\n'
    [ "$(cat "$WORK/host/secret")" = host ]
}

# CVE-2022-1227: programs of the image do not look at its processes for us.
# The class of CVE-2023-0778: files of a volume become links while they are read. The reader of the archive
# takes no more than the first file's beginning, so the writer stands still while they are exchanged.
@test "what becomes a link, a device or a FIFO while a volume is exported gives nothing of the host" {
    mkdir -p "$WORK/host/e"
    echo secret | tee "$WORK/host/f" >"$WORK/host/e/f"
    berth run --rm --network none -v data:/data busybox sh -c 'cd /data; mkdir b c b/d
        head -c 2000000 /dev/zero | tee a >b/a
        for name in b/d/f b/f c/f d e f g; do echo inside >$name; done'
    cat >export.py <<'END'
import os, subprocess, sys, tarfile
data, host = sys.argv[1:]
berth = subprocess.Popen(["berth", "volume", "export", "data"], stdout=subprocess.PIPE)
os.chdir(data)
def exchange(name, make):
    os.rename(name, "../" + name.replace("/", "-"))
    make(name)
def link(name): os.symlink(os.path.join(host, os.path.basename(name)), name)
archive = tarfile.open(fileobj=berth.stdout, mode="r|")
seen = {}
for entry in archive:
    if entry.name == "a":
        os.symlink(host, "c-link"); exchange("c", link); os.unlink("c"); os.rename("c-link", "c")
        exchange("d", lambda name: os.mknod(name, 0o60644, os.makedev(7, 0)))
        exchange("e", link); exchange("f", os.mkfifo); os.unlink("g"); os.link(host + "/f", "g-host")
        os.rename("g-host", "../g-host"); os.symlink("../../../../../../../../.." + host + "/f", "g")
    if entry.name == "b/a":
        exchange("b/d", lambda name: os.symlink(host + "/e", name)); exchange("b/f", link)
        os.rename("b", "../moved"); os.symlink(host, "b")
    seen[entry.name] = entry
    if entry.isreg() and entry.size < 100:
        assert archive.extractfile(entry).read() == b"inside\n", entry.name
assert berth.wait() == 0
for name in "b/d", "b/f", "c", "e", "g": assert seen[name].issym(), name
assert seen["d"].isblk() and seen["f"].isfifo()
assert not any(name.startswith(("c/", "e/", "b/d/")) for name in seen), seen
END
    run python3 export.py "$(berth volume inspect -f '{{.Mountpoint}}' data)" "$WORK/host"
    assert_status 0
    assert_output_lacks secret
}

# The archive comes in pieces, and between two of them the directories that it fills are exchanged.
@test "what becomes a link while a volume is imported changes nothing of the host" {
    mkdir -p "$WORK/host/d"
    berth volume create data >/dev/null
    cat >import.py <<'END'
import io, os, subprocess, sys, tarfile, time
data, host = sys.argv[1:]
berth = subprocess.Popen(["berth", "volume", "import", "data", "-"], stdin=subprocess.PIPE, stderr=subprocess.PIPE)
archive = tarfile.open(fileobj=berth.stdin, mode="w|", bufsize=512)
def add(name, **options):
    entry = tarfile.TarInfo(name)
    vars_ = {"mode": 0o777, **options}
    for key, value in vars_.items(): setattr(entry, key, value)
    archive.addfile(entry, io.BytesIO(b"x" * entry.size) if entry.size else None)
def wait(name): # the archive's reader has come so far: each is the first after what filled its buffer
    add("fill", size=4 << 20)
    while not os.path.lexists(os.path.join(data, name)): time.sleep(0.01)
for name in "d", "e": add(name, type=tarfile.DIRTYPE)
add("d/first", size=1)
wait("d/first")
os.rename(data + "/d", data + "/kept"); os.symlink(host + "/d", data + "/d")
os.rmdir(data + "/e"); os.symlink("../../../../../../../.." + host, data + "/e")
os.symlink(host + "/file", data + "/file")
add("file", size=1)
add("e", type=tarfile.DIRTYPE, mode=0o700)
wait("file")
os.rmdir(data + "/e"); os.symlink(host, data + "/e")
add("d/second", size=1)
archive.close(); berth.stdin.close()
sys.stderr.write(berth.stderr.read().decode())
sys.exit(berth.wait())
END
    run python3 import.py "$(berth volume inspect -f '{{.Mountpoint}}' data)" "$WORK/host"
    [ "$status" -ne 0 ]
    assert_output_has '"d/second"'
    [ "$(cd host && find . | sort | xargs)" = ". ./d" ]
    [ "$(stat -c %a host host/d | xargs)" = "755 755" ]
}

# Between the making of a FIFO and the setting of its mode a container put a link, and a file of the host
# became a set-user-id program.
@test "a container that exchanges what an import makes does not change the modes of the host" {
    touch secret && chmod 600 secret
    berth run -d --name x1 --network none -v data:/data busybox sh -c "cd /data; touch ready
        while :; do ln -s $WORK/secret l; mv -f l p; done" >/dev/null
    wait_for 20 berth exec x1 test -e /data/ready
    python3 -c '
import tarfile
with tarfile.open("fifos.tar", "w") as tar:
    for i in range(300):
        entry = tarfile.TarInfo("p")
        entry.type, entry.mode, entry.uid = tarfile.FIFOTYPE, 0o4777, 1000
        tar.addfile(entry)'
    for _ in $(seq 20); do
        berth volume import data fifos.tar 2>/dev/null || :
        berth cp - x1:/data <fifos.tar 2>/dev/null || :
        [ "$(stat -c %a:%u secret)" = 600:0 ]
    done
}

@test "top runs nothing of the image" {
    berth run -d --name x1 --network none -v "$WORK:/out" busybox sh -c '
        rm /bin/ps; printf "#!/bin/sh\ntouch /out/ran\n" >/bin/ps; chmod 755 /bin/ps; touch /ready; exec sleep 1000' >/dev/null
    wait_for 20 berth exec x1 test -e /ready
    run berth top x1
    assert_status 0
    assert_output_has 'sleep 1000'
    [ ! -e "$WORK/ran" ]
}

# CVE-2018-10856, CVE-2016-8867: another user than root has no rights, whoever added them.
@test "a user of the container has no capabilities, by run and by exec" {
    berth run -d --name x1 --network none -u 1000 --cap-add SYS_ADMIN busybox sleep 1000 >/dev/null
    run berth exec x1 grep -E 'Cap(Inh|Prm|Eff|Amb)' /proc/1/status /proc/self/status
    assert_status 0
    [ "$(grep -c 0000000000000000 <<<"$output")" -eq 8 ]
    berth rm -f x1
}

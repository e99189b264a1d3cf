#!/usr/bin/env bats
# Images from Dockerfiles: what each instruction does, what the cache keeps, and what a failed or killed
# build leaves (nothing).

load lib
bats_require_minimum_version 1.5.0

setup() {
    berth_setup
    import_busybox
}
teardown() { berth_teardown; }

# dockerfile < TEXT: writes it into the context, which is the current directory.
dockerfile() { cat >Dockerfile; }

# in_image IMAGE COMMAND...: runs a command in it.
in_image() { berth run --rm --network none "$@"; }

# field IMAGE TEMPLATE
field() { berth image inspect --format "$2" "$1"; }

# The "diff" directory of the image's newest layer.
top_layer() {
    local diff_id
    diff_id=$(field "$1" '{{json .RootFS.Layers}}' | jq -r '.[-1]')
    echo "$BERTH_ROOT/layers/$(sqlite3 "$BERTH_ROOT/state.db" "SELECT dir FROM layers WHERE diff_id = '$diff_id'")/diff"
}

# Everything in a layer, one path a line.
layer_paths() { (cd "$(top_layer "$1")" && find . -mindepth 1 | sort | tr '\n' ' '); }

# What a build must not leave, whatever became of it.
assert_no_leftovers() {
    [ -z "$(berth ps -aq)" ] || { berth ps -a >&2; return 1; }
    [ -z "$(berth image ls -aq --filter dangling=true)" ] || { berth image ls -a >&2; return 1; }
    [ -z "$(ls -A "$BERTH_ROOT/tmp" 2>/dev/null)" ] || { ls -lA "$BERTH_ROOT/tmp" >&2; return 1; }
    [ -z "$(ls -A "$BERTH_ROOT/containers" 2>/dev/null)" ] || return 1
    [ -z "$(berth_leftovers | grep -v -e berth-dns -e "mount tmpfs $BERTH_ROOT ")" ] || { berth_leftovers >&2; return 1; }
}

@test "instructions that only configure end up in the image" {
    dockerfile <<'END'
FROM scratch
LABEL one=1 "two"="2 2"
ENV A=1 B="x y"
ENV C=$A-${B}
WORKDIR /srv
WORKDIR app
USER app:app
EXPOSE 80 53/udp
VOLUME ["/data", "cache"]
STOPSIGNAL SIGINT
HEALTHCHECK --interval=3s --retries=2 CMD ["/check"]
ENTRYPOINT ["/entry"]
CMD ["a", "b"]
MAINTAINER someone
END
    berth build -q -t conf .
    run field conf '{{json .Config}}'
    assert_status 0
    echo "$output" | jq -e '
        .Labels == {"one": "1", "two": "2 2"} and .WorkingDir == "/srv/app" and .User == "app:app" and
        (.Env | contains(["A=1", "B=x y", "C=1-x y"])) and .ExposedPorts == {"80/tcp": {}, "53/udp": {}} and
        .Volumes == {"/data": {}, "/srv/app/cache": {}} and .StopSignal == "SIGINT" and
        .Healthcheck.Test == ["CMD", "/check"] and .Healthcheck.Interval == 3000000000 and
        .Entrypoint == ["/entry"] and .Cmd == ["a", "b"]'
    [ "$(field conf '{{.Author}}')" = someone ]
}

@test "RUN runs with the stage's user, directory, variables and shell, and its changes are a layer" {
    dockerfile <<'END'
FROM busybox
ARG WHO=nobody
ENV FROM_ENV=env
WORKDIR /srv/x
RUN echo "$WHO $FROM_ENV $PWD $(id -u)" >/out1
RUN chown app /srv/x
USER app
RUN ["sh", "-c", "echo \"exec $(id -un)\" >out2"]
SHELL ["/bin/busybox", "ash", "-euc"]
RUN echo "$0 $-" >out3
END
    run berth build -t run --build-arg WHO=me .
    assert_status 0
    [ "$(in_image run cat /out1)" = "me env /srv/x 0" ]
    [ "$(in_image run cat /srv/x/out2)" = "exec app" ]
    [[ $(in_image run cat /srv/x/out3) == "ash "*u* ]]
    run field run '{{json .Config.Env}}'
    assert_output_lacks WHO
    [[ $(layer_paths run) == "./srv ./srv/x ./srv/x/out3 " ]]
    assert_no_leftovers
}

@test "what the engine mounts does not show in a layer" {
    printf 'FROM scratch\nCOPY busybox /bin/busybox\nRUN ["/bin/busybox", "true"]\nRUN ["/bin/busybox", "touch", "/only"]\n' | dockerfile
    cp "$(command -v busybox)" busybox
    berth build -q -t empty .
    [ "$(layer_paths empty)" = "./only " ]
    [ "$(field empty '{{len .RootFS.Layers}}')" = 2 ]
}

@test "what a RUN itself leaves under those names stays" {
    dockerfile <<'END'
FROM busybox
RUN mkdir -p /etc/sub && touch /etc/sub/x && chmod 0700 /etc && mkdir -p /proc2
END
    berth build -q -t stays .
    [ "$(layer_paths stays)" = "./etc ./etc/sub ./etc/sub/x ./proc2 " ]
    [ "$(stat -c %a "$(top_layer stays)/etc")" = 700 ]
}

@test "a link in place of a mount point leads nothing out of the layer" {
    mkdir -p "$WORK/victim/shm"
    : >"$WORK/victim/hosts"
    cat >Dockerfile <<END
FROM busybox
RUN rm -rf /sbin && ln -s $WORK/victim /sbin && mkdir -p /x && rm -rf /srv && ln -s $WORK/victim /srv
RUN mv /etc /etc2 && ln -s $WORK/victim /etc; true
END
    mkdir -p context && mv Dockerfile context
    berth build -q -t links context || :
    [ -f "$WORK/victim/hosts" ]
    [ -d "$WORK/victim/shm" ]
}

@test "RUN rm hides a file of the layers below and keeps it there" {
    dockerfile <<'END'
FROM busybox
RUN mkdir /d && echo 1 >/d/a && echo 2 >/d/b
RUN rm /d/a /etc/image-name && rm -rf /home && mkdir /home
END
    berth build -q -t white .
    [ "$(in_image white ls /d)" = b ]
    [ -z "$(in_image white ls -A /home)" ]
    run in_image white cat /etc/image-name
    [ "$status" -ne 0 ]
    [ "$(stat -c '%F %t:%T' "$(top_layer white)/d/a")" = "character special file 0:0" ]
    [ "$(in_image busybox cat /etc/image-name)" = busybox ]
}

@test "a later stage takes files of an earlier one and of an image" {
    dockerfile <<'END'
FROM busybox AS Build
RUN mkdir /out && echo built >/out/file && ln -s file /out/link && chown 12:34 /out/file && chmod 640 /out/file
FROM build AS unused
RUN echo never; false
FROM scratch
COPY --from=build /out/ /a/
COPY --from=0 /out/file /b
COPY --from=busybox /etc/image-name /c
COPY --from=build --chown=1:2 /out/file /d
END
    run berth build -t multi .
    assert_status 0
    assert_output_lacks never
    berth build -q -t multi-shell - <<'END' 2>/dev/null || { mkdir -p s && printf 'FROM busybox\nCOPY --from=multi / /m/\n' >s/Dockerfile && berth build -q -t multi-shell s; }
FROM busybox
END
    [ "$(in_image multi-shell stat -c '%u:%g %a' /m/a/file)" = "12:34 640" ]
    [ "$(in_image multi-shell readlink /m/a/link)" = file ]
    [ "$(in_image multi-shell cat /m/b /m/c)" = "$(printf 'built\nbusybox')" ]
    [ "$(in_image multi-shell stat -c '%u:%g' /m/d)" = 1:2 ]
}

@test "--target builds that stage; an unknown one is named with a suggestion" {
    printf 'FROM busybox AS first\nRUN echo 1 >/one\nFROM first AS second\nRUN echo 2 >/two\n' | dockerfile
    berth build -q -t target --target first .
    run in_image target ls /two
    [ "$status" -ne 0 ]
    run berth build --target secnd .
    assert_status 1
    assert_output_has 'no stage "secnd"'
    assert_output_has 'did you mean "second"'
}

@test "COPY follows patterns, directories, modes, owners and .dockerignore" {
    mkdir -p src/sub/deep empty
    touch src/a.txt src/b.txt src/c.log src/sub/d.txt src/sub/deep/e.txt ignored.txt
    chmod 600 src/a.txt
    ln -s a.txt src/link
    printf '# comment\nignored.txt\n**/*.log\nsrc/sub\n!src/sub/deep/e.txt\n' >.dockerignore
    dockerfile <<'END'
FROM busybox
COPY src /all/
COPY src/*.txt /flat/
COPY --chown=app:audio --chmod=750 src/a.txt /owned
COPY --chown=app src/a.txt /app
COPY src/a.txt src/b.txt /two/
COPY --exclude=b.txt src/*.txt /without/
WORKDIR /w
COPY src/a.txt .
COPY src/b.txt renamed
COPY ["src/a.txt", "/with blank/"]
END
    berth build -q -t copy .
    [ "$(in_image copy sh -c 'cd /all && find . | sort | tr "\n" " "')" = \
        ". ./a.txt ./b.txt ./link ./sub ./sub/deep ./sub/deep/e.txt " ]
    [ "$(in_image copy ls /flat | tr '\n' ' ')" = "a.txt b.txt " ]
    [ "$(in_image copy stat -c '%U:%G %a' /owned)" = "app:audio 750" ]
    [ "$(in_image copy stat -c '%u:%g %a' /app)" = "1000:1000 600" ]
    [ "$(in_image copy ls /two | tr '\n' ' ')" = "a.txt b.txt " ]
    [ "$(in_image copy ls /w | tr '\n' ' ')" = "a.txt renamed " ]
    in_image copy test -f "/with blank/a.txt"
    [ "$(in_image copy readlink /all/link)" = a.txt ]
    run berth build - <<<'FROM busybox'
    printf 'FROM busybox\nCOPY ignored.txt /\n' | dockerfile
    run berth build .
    assert_status 1
    assert_output_has 'Dockerfile:2:1: "ignored.txt" is not in the build context'
    assert_output_has .dockerignore
}

@test "ADD unpacks archives and copies what is none" {
    mkdir -p in/d && echo text >in/d/f && chown 5:6 in/d/f
    tar -C in -cf plain.tar d && tar -C in -czf packed.tar.gz d && tar -C in -cJf packed.tar.xz d
    echo "no archive" >not.tar
    gzip -c not.tar >single.gz
    printf 'FROM busybox\nADD plain.tar /plain\nADD packed.tar.gz packed.tar.xz /packed/\nADD not.tar single.gz /files/\nADD --unpack=false plain.tar /kept/\nADD --chown=7:8 plain.tar /owned/\n' | dockerfile
    berth build -q -t add .
    [ "$(in_image add cat /plain/d/f /packed/d/f)" = "$(printf 'text\ntext')" ]
    [ "$(in_image add stat -c %u:%g /plain/d/f)" = 5:6 ]
    [ "$(in_image add stat -c %u:%g /owned/d/f)" = 7:8 ]
    [ "$(in_image add cat /files/not.tar)" = "no archive" ]
    [ "$(in_image add ls /files /kept | tr '\n' ' ')" = "/files: not.tar single.gz  /kept: plain.tar " ]
}

@test "an archive with hostile names does not leave the image" {
    python3 - <<'END'
import io, tarfile
with tarfile.open("bad.tar", "w") as tar:
    def add(name, kind=tarfile.REGTYPE, link="", data=b"x"):
        info = tarfile.TarInfo(name)
        info.type, info.linkname, info.size = kind, link, len(data) if kind == tarfile.REGTYPE else 0
        tar.addfile(info, io.BytesIO(data) if kind == tarfile.REGTYPE else None)
    add("up", tarfile.SYMTYPE, "../../../../..")
    add("abs", tarfile.SYMTYPE, "/")
    add("up/tmp/berth-escaped-up")
    add("abs/tmp/berth-escaped-abs")
END
    printf 'FROM busybox\nADD bad.tar /x/\n' | dockerfile
    run berth build -t bad .
    [ ! -e /tmp/berth-escaped-up ] && [ ! -e /tmp/berth-escaped-abs ]
    python3 -c '
import io, tarfile
with tarfile.open("dots.tar", "w") as tar:
    info = tarfile.TarInfo("../../etc/berth-escaped"); info.size = 1
    tar.addfile(info, io.BytesIO(b"x"))'
    printf 'FROM busybox\nADD dots.tar /x/\n' | dockerfile
    run berth build -t dots .
    [ "$status" -ne 0 ]
    [ ! -e /etc/berth-escaped ]
    assert_no_leftovers
}

@test "heredocs are scripts for RUN and files for COPY" {
    dockerfile <<'END'
FROM busybox
ENV NAME=value
RUN <<EOF
echo "one" >/script
echo "two $NAME" >>/script
EOF
RUN cat <<A >/joined && cat <<B >>/joined
a
A
b
B
COPY <<one <<'two' /files/
expanded $NAME
one
literal $NAME
two
COPY --chmod=755 <<-EOF /bin/hello
	#!/bin/sh
	echo hello
EOF
END
    berth build -q -t here .
    [ "$(in_image here cat /script)" = "$(printf 'one\ntwo value')" ]
    [ "$(in_image here cat /joined)" = "$(printf 'a\nb')" ]
    [ "$(in_image here cat /files/one /files/two)" = "$(printf 'expanded value\nliteral $NAME')" ]
    [ "$(in_image here hello)" = hello ]
}

@test "arguments before FROM choose the image; defaults, overrides and unused ones" {
    cat >Dockerfile <<'END'
ARG BASE=nothing
ARG VERSION=1
FROM ${BASE}
ARG VERSION
ARG OTHER=o-${VERSION}
ENV SEEN=${VERSION}-${OTHER:-none}
END
    run berth build -t args --build-arg BASE=busybox --build-arg UNUSED=1 .
    assert_status 0
    assert_output_has 'UNUSED'
    [ "$(in_image args sh -c 'echo $SEEN')" = "1-o-1" ]
    berth build -q -t args --build-arg BASE=busybox --build-arg VERSION=2 --build-arg OTHER= .
    [ "$(in_image args sh -c 'echo $SEEN')" = "2-none" ]
}

@test "triggers of the base image run first" {
    printf 'FROM busybox\nONBUILD COPY trigger /from-context\nONBUILD RUN cat /from-context >/ran\n' | dockerfile
    berth build -q -t parent .
    echo triggered >trigger
    printf 'FROM parent\nRUN cat /ran >/after\n' | dockerfile
    berth build -q -t child .
    [ "$(in_image child cat /after)" = triggered ]
    [ "$(field child '{{json .Config.OnBuild}}')" = null ]
}

@test "the same build again is all cached and the same image" {
    echo 1 >first; echo 1 >second
    printf 'FROM busybox\nWORKDIR /w\nCOPY first .\nRUN cat first >made\nCOPY second .\nRUN cat second >also\nENV X=1\nCMD ["x"]\n' | dockerfile
    before=$(berth build -q -t cached .)
    run berth build -t cached .
    assert_status 0
    [ "$(grep -c CACHED <<<"$output")" = 5 ]
    touch first second
    [ "$(berth build -q -t cached .)" = "$before" ]
    echo 2 >second
    run berth build -t cached .
    [ "$(grep -c CACHED <<<"$output")" = 3 ]
    [ "$(in_image cached cat /w/made /w/also)" = "$(printf '1\n2')" ]
    [ "$(berth build -q -t cached .)" != "$before" ]
    run berth build --no-cache -t cached .
    assert_output_lacks CACHED
}

@test "a RUN runs again when an argument that it sees changes, and not for others" {
    printf 'FROM busybox\nRUN date +%%N >/before\nARG X\nRUN echo "$X" >/after\n' | dockerfile
    berth build -q -t arg --build-arg X=1 .
    before=$(in_image arg cat /before)
    berth build -q -t arg --build-arg X=2 .
    [ "$(in_image arg cat /before)" = "$before" ]
    [ "$(in_image arg cat /after)" = 2 ]
}

@test "a failing RUN gives its place, status and last lines, and leaves nothing" {
    printf 'FROM busybox\nRUN echo fine\nRUN echo to-stdout; echo to-stderr >&2; exit 7\n' | dockerfile
    berth tag busybox fails
    run berth build -t fails .
    assert_status 1
    assert_output_has "Dockerfile:3:1:"
    assert_output_has "exit status 7"
    assert_output_has "to-stderr"
    [ "$(field fails '{{.Id}}')" = "$(field busybox '{{.Id}}')" ]
    assert_no_leftovers
}

@test "mistakes in the Dockerfile are reported all at once with their places" {
    printf 'FROM busybox\nCOPPY a b\nCOPY --form=x a b\nEXPOSE\n' | dockerfile
    run berth build .
    assert_status 1
    assert_output_has 'Dockerfile:2:1: unknown instruction "COPPY"'
    assert_output_has 'did you mean "COPY"'
    assert_output_has 'Dockerfile:3:1:'
    assert_output_has 'Dockerfile:4:1:'
}

@test "bad places and names are refused" {
    run berth build ./nothing
    assert_status 1
    run berth build .
    assert_status 1
    assert_output_has Dockerfile
    printf 'FROM busybox\n' | dockerfile
    run berth build -t 'BAD name' .
    [ "$status" -ne 0 ]
    printf 'FROM busybox\nCOPY nothing /\n' | dockerfile
    run berth build .
    assert_status 1
    assert_output_has 'Dockerfile:2:1: "nothing" is not in the build context'
    printf 'FROM busybox\nUSER ghost\nRUN true\n' | dockerfile
    run berth build .
    assert_status 1
    assert_output_has ghost
    printf 'FROM busybox\nCOPY --chown=ghost Dockerfile /\n' | dockerfile
    run berth build .
    assert_status 1
    assert_output_has 'no such user'
    assert_no_leftovers
}

@test "links in the context and in the image lead nothing out" {
    echo secret >"$STATE/secret"
    mkdir context
    cd context
    ln -s ../../secret up
    ln -s "$STATE/secret" absolute
    for source in up absolute ../../secret /../secret; do
        printf 'FROM busybox\nCOPY %s /stolen\n' "$source" | dockerfile
        run berth build -t stolen .
        assert_status 1
    done
    printf 'FROM busybox\nRUN ln -s %s /leave && ln -s ../../../../../../..%s /climb\nCOPY Dockerfile /leave/x\nCOPY Dockerfile /climb/y\nCOPY Dockerfile /../../z\n' "$STATE" "$STATE" | dockerfile
    run berth build -t leave .
    [ ! -e "$STATE/x" ] && [ ! -e "$STATE/y" ] && [ ! -e "$STATE/z" ] && [ ! -e /z ]
}

# The class of buildah's and BuildKit's symbolic links in a stage.
@test "links in a stage, an image or a further context lead COPY --from nowhere" {
    mkdir -p "$STATE/outside/d" other base context
    echo secret | tee "$STATE/outside/secret" >"$STATE/outside/d/f"
    for root in other base; do
        ln -s "$STATE/outside" $root/dir
        ln -s "$STATE/outside/secret" $root/file
        ln -s "../../../../../../../..$STATE/outside" $root/up
        ln -s /proc/self/root $root/magic
    done
    tar -C base -c . | berth import - base >/dev/null
    cd context
    for from in base stage other; do
        for source in dir/secret dir/ 'dir/*' 'd*r/secret' file 'up/s*' up/d "../../..$STATE/outside/secret" "magic$STATE/outside/secret"; do
            printf 'FROM base AS stage\nFROM busybox\nCOPY --from=%s %s /stolen/\n' $from "$source" | dockerfile
            run berth build --build-context "other=$WORK/other" -t stolen .
            assert_status 1
            assert_output_lacks secret$'\n'
        done
        # A link below what is copied is copied as it is.
        printf 'FROM base AS stage\nFROM busybox\nCOPY --from=%s / /all/\n' $from | dockerfile
        berth build -q --build-context "other=$WORK/other" -t all-$from .
        [ "$(in_image all-$from sh -c 'readlink /all/dir; cat /all/file 2>&1')" = "$STATE/outside"$'\n'"cat: can't open '/all/file': No such file or directory" ]
    done
    # Nor do they lead out what is made or put.
    printf 'FROM base\nWORKDIR /dir/made\nCOPY Dockerfile /up/put\nADD Dockerfile /dir/added\nWORKDIR /up/up\n' | dockerfile
    berth build -q -t put .
    [ "$(cd "$STATE/outside" && find . | sort | xargs)" = ". ./d ./d/f ./secret" ]
    assert_no_leftovers
}

@test "a Dockerfile or .dockerignore that leads out of the context is not read" {
    echo 'a secret' >"$STATE/secret"
    mkdir context
    ln -s "$STATE/secret" context/Dockerfile
    ln -s ../../secret context/up
    for arguments in '' '-f context/Dockerfile' '-f context/up'; do
        # shellcheck disable=SC2086 # none or two words
        run berth build $arguments context
        assert_status 1
        assert_output_lacks 'a secret'
        assert_output_has 'cannot read the Dockerfile'
    done
    printf 'services:\n  a:\n    build: {context: context, dockerfile: up}\n' >compose.yaml
    run berth compose build
    [ "$status" -ne 0 ]
    assert_output_lacks 'a secret'
    rm context/Dockerfile
    mkfifo context/Dockerfile
    run berth build context
    assert_status 1
    assert_output_has 'is not a regular file'
    # Within the context links are followed, and what is named outside of it is the caller's choice.
    rm context/Dockerfile
    printf 'FROM busybox\nCOPY . /c/\n' >context/real
    ln -s /real context/Dockerfile
    echo '*' >"$STATE/all"
    ln -s "$STATE/all" context/.dockerignore
    berth build -q -t linked context
    in_image linked test -f /c/real
    ln -s context/real outside
    berth build -q -f outside context
    assert_no_leftovers
}

@test "privileges of RUN and what its mounts do not know are refused before anything runs" {
    local flag
    for flag in --mount=type=bind,bind-propagation=rshared,source=/,target=/x --mount=type=secret,id=x,env=X \
        --mount=type=npipe,target=/x --mount=type=bind,target=/ --mount=type=cache --mount=type=tmpfs,target=/x,size=much \
        --mount=type=secret --mount=type=cache,target=/x,mode=999 --security=insecure --device=all; do
        printf 'FROM busybox\nRUN %s true\n' "$flag" | dockerfile
        run berth build -t refused .
        assert_status 1
        assert_output_has 'Dockerfile:2:1: RUN --'
    done
    assert_no_leftovers
}

@test "RUN --mount=type=bind shows files of the context, a stage or an image, and keeps nothing" {
    mkdir -p sub
    echo here >sub/file
    echo kept-out | tee out-of-it >sub/out-of-it
    echo '**/out-of-it' >.dockerignore
    dockerfile <<'TEXT'
FROM busybox AS first
RUN echo of-first >/made && mkdir /d && echo in-d >/d/f
FROM busybox
WORKDIR /w
RUN --mount=type=bind,target=. cat sub/file >/seen && ! test -e sub/out-of-it && ! touch new 2>/dev/null
RUN --mount=source=sub/file,dst=/one/file,rw cat /one/file >>/seen && echo more >/one/file
RUN --mount=from=first,source=/made,target=/m --mount=from=first,source=d,target=/d cat /m /d/f >>/seen
RUN --mount=type=bind,from=busybox,source=/etc,target=/other cat /other/image-name >>/seen
RUN --mount=type=tmpfs,target=/t,size=1m df -k /t | grep -q ' 1024 ' && echo gone >/t/x
RUN ls -d /one /m /d /other /t /w/sub 2>/dev/null >>/seen || true
TEXT
    berth build -q -t mounts .
    [ "$(in_image mounts cat /seen)" = $'here\nhere\nof-first\nin-d\nbusybox' ]
    [ "$(cat sub/file)" = here ]
    run berth build -t mounts .
    [ "$(grep -c CACHED <<<"$output")" -ge 6 ]
    echo changed >sub/file
    berth build -q -t changed .
    [ "$(in_image changed head -n 1 /seen)" = changed ]
    assert_no_leftovers
}

# What CVE-2024-1753, CVE-2024-9675 and CVE-2024-11218 need.
@test "links in a stage lead its mounts nowhere, and the name of a cache is no path" {
    echo secret >"$STATE/secret"
    mkdir base
    ln -s "$STATE" base/dir
    ln -s "$STATE/secret" base/file
    ln -s /proc/self/root base/magic
    tar -C base -c . | berth import - base >/dev/null
    for source in dir/secret file "magic$STATE/secret" "../../..$STATE/secret"; do
        printf 'FROM base AS stage\nFROM busybox\nRUN --mount=from=stage,source=%s,target=/x,rw cat /x; echo no >/x\n' "$source" | dockerfile
        run berth build .
        assert_status 1
        assert_output_lacks secret$'\n'
    done
    printf 'FROM base AS stage\nFROM busybox\nRUN --mount=from=stage,source=/,target=/x,rw ! cat /x/file && rm /x/dir && mkdir /x/dir\n' | dockerfile
    berth build -q -t one .
    printf 'FROM busybox\nRUN --mount=type=cache,id=../../../outside,target=/c echo x >/c/f && ln -s %s /c/up\n' "$STATE" | dockerfile
    berth build -q -t two .
    [ "$(cat "$STATE/secret")" = secret ]
    [ ! -e "$BERTH_ROOT/../outside" ]
    [ "$(find "$BERTH_ROOT/build-caches" -mindepth 1 -maxdepth 1 | wc -l)" = 1 ]
    assert_no_leftovers
}

@test "a cache of RUN stays between builds, for those of its name" {
    dockerfile <<'TEXT'
FROM busybox
RUN --mount=type=cache,target=/c,mode=0700,uid=5 stat -c '%a %u' /c >/seen; cat /c/count >>/seen 2>/dev/null; echo ran >>/c/count
RUN --mount=type=cache,target=/other,id=/c,sharing=locked,ro cat /other/count >>/seen && ! touch /other/x 2>/dev/null
RUN --mount=type=cache,target=/fresh,sharing=private ls /fresh >>/seen
TEXT
    berth build -q --no-cache -t cached .
    [ "$(in_image cached cat /seen)" = $'700 5\nran' ]
    berth build -q --no-cache -t again .
    [ "$(in_image again cat /seen)" = $'700 5\nran\nran\nran' ]
    run in_image again ls -d /c /other /fresh
    assert_status 1
    run berth builder prune -f
    assert_status 0
    [ -z "$(find "$BERTH_ROOT/build-caches" -name data)" ]
    assert_no_leftovers
}

# cache_lock ID: the file on which builds lock that cache.
cache_lock() {
    local dir
    dir=$BERTH_ROOT/build-caches/$(printf %s "$1" | sha256sum | cut -c 1-32)
    mkdir -p "$dir"
    echo "$dir/lock"
}

# A build has begun to prepare a RUN.
has_step() { [ -n "$(berth image ls -aq --filter dangling=true)" ]; }

@test "a cache can be mounted twice, and shared ones are used at the same time" {
    printf 'FROM busybox\nRUN --mount=type=cache,id=q,target=/x --mount=type=cache,id=q,target=/y,sharing=locked echo one >/x/f && cat /y/f >/seen\n' | dockerfile
    run timeout -k 5 60 berth build -q -t twice .
    assert_status 0
    [ "$(in_image twice cat /seen)" = one ]
    mkdir a b
    local meet='i=0; while [ ! -e /c/%s ] && [ $i -lt 300 ]; do sleep 0.1; i=$((i+1)); done; [ -e /c/%s ]'
    # shellcheck disable=SC2059 # the format is ours
    printf "FROM busybox\nRUN --mount=type=cache,id=new,target=/c touch /c/a; $meet\n" b b >a/Dockerfile
    # shellcheck disable=SC2059
    printf "FROM busybox\nRUN --mount=type=cache,id=new,target=/c touch /c/b; $meet\n" a a >b/Dockerfile
    berth build -q -t meets-a a 3>&- &
    pid=$!
    run berth build -q -t meets-b b
    assert_status 0
    wait $pid
    assert_no_leftovers
}

@test "caches are locked in one order, and waiting for one ends with the build" {
    local first second
    first=$(cache_lock one) second=$(cache_lock two)
    [[ $first < $second ]] || { local swap=$first; first=$second second=$swap; }
    for order in "one two" "two one"; do
        # shellcheck disable=SC2086 # two words
        printf 'FROM busybox\nRUN --mount=type=cache,id=%s,target=/a,sharing=locked --mount=type=cache,id=%s,target=/b,sharing=locked true\n' $order | dockerfile
        exec 8>"$first"
        flock 8
        berth build --no-cache . >out 2>&1 3>&- 8>&- &
        pid=$!
        wait_for 60 has_step
        sleep 1
        flock -n "$second" true
        kill -TERM $pid
        status=0
        wait $pid || status=$?
        [ "$status" -eq 143 ]
        exec 8>&-
    done
    berth build -q --no-cache -t waited .
    assert_no_leftovers
}

@test "secrets of a build are files of RUN, and in no layer, cache or configuration" {
    echo of-the-file >secret-file
    dockerfile <<'TEXT'
FROM busybox
RUN --mount=type=secret,id=one,required stat -c '%a %u' /run/secrets/one >/seen && wc -c </run/secrets/one >>/seen
RUN --mount=type=secret,id=two,target=/etc/two,mode=0444,uid=7 stat -c '%a %u' /etc/two >>/seen && wc -c </etc/two >>/seen
RUN --mount=type=secret,id=three test ! -e /run/secrets/three
TEXT
    run berth build --secret id=two,src=secret-file .
    assert_status 1
    assert_output_has 'the build has no secret "one"'
    SECRET=of-the-variable berth build -q --secret id=one,src=secret-file --secret id=two,env=SECRET -t quiet .
    [ "$(in_image quiet cat /seen)" = $'400 0\n12\n444 7\n15' ]
    run in_image quiet ls -d /run/secrets /etc/two
    assert_status 1
    run ! grep -rqa -e of-the-file -e of-the-variable "$BERTH_ROOT/layers" "$BERTH_ROOT/images" "$BERTH_ROOT"/state.db*
    # Another secret is no other build.
    echo changed >secret-file
    run berth build --secret id=one,src=secret-file --secret id=two,src=secret-file .
    [ "$(grep -c CACHED <<<"$output")" = 3 ]
    run berth build --secret id=one,sauce=secret-file .
    assert_status 1
    assert_output_has 'unexpected key "sauce"'
    printf 'services:\n  a:\n    image: made\n    build: {context: ., no_cache: true, secrets: [one, {source: other, target: two}]}\nsecrets:\n  one: {file: ./secret-file}\n  other: {environment: SECRET}\n' >compose.yaml
    SECRET=of-the-variable berth compose build -q
    [ "$(in_image made cat /seen)" = $'400 0\n8\n444 7\n15' ]
    run berth compose build -q
    assert_status 1
    assert_output_has 'the variable SECRET is not set'
    # What the Dockerfile says goes before what compose.yaml says, also when it is 0.
    printf 'FROM busybox\nRUN --mount=type=secret,id=one,uid=0 --mount=type=secret,id=two,gid=0 cd /run/secrets && stat -c "%%u %%g" one two >/seen\n' | dockerfile
    printf 'services:\n  a:\n    image: owned\n    build: {context: ., secrets: [{source: one, uid: "7", gid: "8"}, {source: one, target: two, uid: "7", gid: "8"}]}\nsecrets:\n  one: {file: ./secret-file}\n' >compose.yaml
    berth compose build -q
    [ "$(in_image owned cat /seen)" = $'0 8\n7 0' ]
    assert_no_leftovers
}

@test "a secret of a build is on no disk, also when the build is killed" {
    echo of-the-file >"$WORK/../secret-file"
    printf 'FROM busybox\nRUN --mount=type=secret,id=one --mount=type=secret,id=two cat /run/secrets/one /run/secrets/two | wc -c; ! echo x 2>/dev/null >/run/secrets/one && echo started; sleep 1000\n' | dockerfile
    SECRET=of-the-variable berth build --secret id=one,src="$WORK/../secret-file" --secret id=two,env=SECRET -t killed . >out 2>&1 3>&- &
    pid=$!
    wait_for 120 grep -q started out
    grep -q '27$' out
    # In the container the files are those of RUN, for root alone.
    run ! grep -rqaD skip -e of-the-file -e of-the-variable "$BERTH_ROOT"
    [ "$(stat -c %a "$BERTH_RUN/build-secrets"/*)" = 700 ]
    grep -rqa of-the-file "$BERTH_RUN/build-secrets"
    berth ps >/dev/null
    grep -rqa of-the-file "$BERTH_RUN/build-secrets"
    kill -9 $pid
    wait $pid || :
    berth ps >/dev/null
    [ -z "$(ls -A "$BERTH_RUN/build-secrets")" ]
    printf 'FROM busybox\nRUN true\n' | dockerfile
    berth build -q -t next .
    run ! grep -rqaD skip -e of-the-file -e of-the-variable "$BERTH_ROOT" "$BERTH_RUN"
    assert_no_leftovers
}

@test "an SSH agent is passed on to the RUN that asks for it" {
    python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("agent")'
    dockerfile <<'TEXT'
FROM busybox
RUN --mount=type=ssh,required stat -c '%i %F' "$SSH_AUTH_SOCK" >/seen && echo "$SSH_AUTH_SOCK" >>/seen
RUN --mount=type=ssh,id=other env | grep -c SSH_AUTH_SOCK >>/seen || true
TEXT
    run berth build .
    assert_status 1
    assert_output_has 'the build has no SSH agent "default"'
    SSH_AUTH_SOCK=$PWD/agent berth build -q --ssh default -t agent .
    [ "$(in_image agent cat /seen)" = "$(stat -c %i agent)"$' socket\n/run/buildkit/ssh_agent.0\n0' ]
    printf 'services:\n  a:\n    image: made\n    build: {context: ., no_cache: true}\n' >compose.yaml
    berth compose build -q --ssh default=agent
    [ "$(in_image made head -n 1 /seen)" = "$(stat -c %i agent) socket" ]
    sed -i 's/no_cache: true/no_cache: true, ssh: [default]/' compose.yaml
    sed -i 's/image: made/image: remade/' compose.yaml
    SSH_AUTH_SOCK=$PWD/agent berth compose build -q
    run env -u SSH_AUTH_SOCK berth compose build -q
    assert_status 1
    assert_output_has 'SSH_AUTH_SOCK is not set'
    run -1 env SSH_AUTH_SOCK=/no/such/socket berth compose build -q
    assert_output_has 'invalid ssh "default": cannot find "/no/such/socket"'
    sed -i 's/ssh: \[default\]/ssh: [default=missing]/' compose.yaml
    run -1 berth compose build -q
    assert_output_has "invalid ssh \"default\": cannot find \"$PWD/missing\""
    run berth build --ssh default=/no/such/socket .
    assert_status 1
    assert_output_has 'cannot find "/no/such/socket"'
    echo key >id_rsa
    run berth build --no-cache --ssh default=id_rsa .
    assert_status 1
    assert_output_has 'only the socket of an agent is supported'
    assert_no_leftovers
}

@test "a killed build leaves nothing once the next one has run" {
    printf 'FROM busybox\nRUN echo one >/one\nRUN echo started; sleep 1000\n' | dockerfile
    berth build -t killed . >out 2>&1 3>&- &
    pid=$!
    wait_for 120 grep -q started out
    kill -9 $pid
    wait $pid || :
    [ -n "$(berth ps -aq)" ] || [ -n "$(berth image ls -aq)" ]
    printf 'FROM busybox\nRUN true\n' | dockerfile
    run berth build -t next .
    assert_status 0
    assert_no_leftovers
    run berth image inspect killed
    [ "$status" -ne 0 ]
}

@test "an interrupted build ends its container and leaves nothing" {
    printf 'FROM busybox\nRUN echo started; sleep 1000\n' | dockerfile
    # A shell's background jobs ignore SIGINT, so SIGTERM.
    berth build -t interrupted . >out 2>&1 3>&- &
    pid=$!
    wait_for 120 grep -q started out
    kill -TERM $pid
    status=0
    wait $pid || status=$?
    [ "$status" -eq 143 ]
    assert_no_leftovers
}

@test "two builds at once do not disturb each other" {
    mkdir a b
    printf 'FROM busybox\nRUN echo a >/name; sleep 0.2; true\nRUN cat /name >/again\n' >a/Dockerfile
    printf 'FROM busybox\nRUN echo b >/name; true\nRUN cat /name >/again\n' >b/Dockerfile
    berth build -q -t two-a a 3>&- &
    first=$!
    berth build -q -t two-b b
    wait $first
    [ "$(in_image two-a cat /again)" = a ]
    [ "$(in_image two-b cat /again)" = b ]
    assert_no_leftovers
}

@test "further contexts are directories for COPY and images for FROM" {
    mkdir more
    echo more >more/file
    printf 'FROM base\nCOPY --from=dir file /\n' | dockerfile
    berth build -q -t contexts --build-context dir=more --build-context base=docker-image://busybox .
    [ "$(in_image contexts cat /file)" = more ]
    run berth build --build-context base=more .
    assert_status 1
    assert_output_has "Dockerfile:1:1:"
    assert_output_has "not supported"
}

@test "--label, --iidfile, -f and a Dockerfile from standard input" {
    mkdir other
    printf 'FROM busybox\nCOPY file /\n' >other/My.Dockerfile
    echo x >file
    berth build -t opts --label a=b --iidfile id -f other/My.Dockerfile .
    [ "$(cat id)" = "$(field opts '{{.Id}}')" ]
    [ "$(field opts '{{index .Config.Labels "a"}}')" = b ]
    printf 'FROM busybox\nCOPY file /from-stdin\n' | berth build -q -t stdin -f - .
    in_image stdin test -f /from-stdin
}

@test "a full disk fails the build and leaves the images as they were" {
    mkdir -p "$BERTH_ROOT"
    berth rmi -f busybox >/dev/null
    rm -rf "$BERTH_ROOT"
    mkdir "$BERTH_ROOT"
    mount -t tmpfs -o size=12m,mode=711 tmpfs "$BERTH_ROOT"
    import_busybox
    mkdir context
    head -c 16M /dev/zero >context/big
    printf 'FROM busybox\nCOPY big /\n' >context/Dockerfile
    run berth build -t full context
    assert_status 1
    assert_output_has "No space left"
    printf 'FROM busybox\nRUN dd if=/dev/zero of=/big bs=1M count=16\n' >context/Dockerfile
    run berth build -t full context
    assert_status 1
    in_image busybox true
    assert_no_leftovers
    wait_for 120 umount "$BERTH_ROOT" # the network of the last RUN is taken down behind our back
}

compose_with_a_base() {
    mkdir base app
    printf 'FROM busybox AS made\nRUN echo from-the-base >/base\n' >base/Dockerfile
    printf 'FROM base\nCOPY file /file\n' >app/Dockerfile
    echo from-the-app >app/file
    cat >compose.yaml <<-'END'
	name: two
	services:
	  app:
	    build: { context: app, additional_contexts: { base: "service:base" }, args: { A: "1" } }
	    command: [cat, /base, /file]
	  base: { build: base }
	END
}

@test "a context that is another service is its image, built before" {
    compose_with_a_base
    berth compose build app 2>&1
    run -0 --separate-stderr berth compose run --rm --no-deps app
    [ "$output" = $'from-the-base\nfrom-the-app' ]
}

@test "compose build --check reads the Dockerfiles and builds nothing" {
    compose_with_a_base
    run -0 berth compose build --check base
    [ "$output" = "base: Check complete, no mistakes found." ]
    printf 'FORM base\n' >app/Dockerfile
    run -1 berth compose build --check
    [[ $output == *"app/Dockerfile:1:1"* ]]
    [ "$(berth image ls -q | wc -l)" = 1 ]
}

@test "compose build --print shows the builds as a file for bake" {
    compose_with_a_base
    run -0 --separate-stderr berth compose build --print --push --build-arg A=2 --build-arg B=3 app
    [ "$(jq -c .group <<<"$output")" = '{"default":{"targets":["app"]}}' ]
    [ "$(jq -c '.target.app | [.context, .contexts, .dockerfile, .args, .tags, .output]' <<<"$output")" = \
        "[\"$PWD/app\",{\"base\":\"target:base\"},\"$PWD/app/Dockerfile\",{\"A\":\"2\",\"B\":\"3\"},[\"two-app\"],[\"type=docker\"]]" ]
    [ "$(jq -c '.target.base.tags' <<<"$output")" = '["two-base"]' ]
    [ "$(berth image ls -q | wc -l)" = 1 ]
}

@test "RUN has the hosts, name servers, limits, groups and mounts that the build is given" {
    mkdir extra
    echo kept >extra/file
    dockerfile <<'END'
FROM busybox
RUN grep -q '10.1.2.3.*other' /etc/hosts && grep -q 'nameserver 10.9.8.7' /etc/resolv.conf && \
    grep -q 'search a.example' /etc/resolv.conf && grep -q 'options.*ndots:3' /etc/resolv.conf
RUN ulimit -n >/limits && df -k /dev/shm | tail -1 | awk '{print $2}' >>/limits && id -G >>/limits
RUN cat /srv/extra/file >/copied && echo more >/srv/extra/more
END
    run -0 berth build -t sandbox --add-host other:10.1.2.3 --dns 10.9.8.7 --dns-search a.example --dns-option ndots:3 \
        --ulimit nofile=77:88 --shm-size 2m --group-add 4242 -v "$PWD/extra:/srv/extra" .
    [ "$(in_image sandbox cat /limits | tr '\n' ' ')" = "77 2048 0 4242 " ] || { in_image sandbox cat /limits; false; }
    [ "$(in_image sandbox cat /copied)" = kept ]
    [ "$(cat extra/more)" = more ] # a mount is the machine's, not the image's
    [ "$(layer_paths sandbox)" = "./copied " ]
    run -1 in_image sandbox ls /srv/extra
    run -1 berth build .
    assert_output_has "grep -q" # what was built with more hosts is not taken from the cache
    run -0 berth build --add-host other:10.1.2.3 --dns 10.9.8.7 --dns-search a.example --dns-option ndots:3 \
        --ulimit nofile=77:88 --shm-size 2m --group-add 4242 -v "$PWD/extra:/srv/extra" .
    [ "$(grep -c CACHED <<<"$output")" -eq 3 ]
    assert_no_leftovers
}

@test "RUN of compose build has the hosts and limits of the file, and the command line's memory" {
    dockerfile <<'END'
FROM busybox
RUN grep -h 10.1.2 /etc/hosts >/limits && ulimit -Sn >>/limits && ulimit -Hn >>/limits && \
    df -k /dev/shm | tail -1 | awk '{print $2}' >>/limits
RUN cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes >/memory 2>/dev/null || true
END
    cat >compose.yaml <<'YAML'
services:
  a:
    image: made
    build:
      context: .
      extra_hosts: [other=10.1.2.3]
      shm_size: 2m
      ulimits: {nofile: {soft: 77, hard: 88}}
YAML
    run -0 berth compose build -q -m 64m
    run -0 in_image made cat /limits
    [[ $output =~ ^10.1.2.3[[:space:]]+other.77.88.2048$ ]] || { echo "$output"; false; }
    [ "$(in_image made cat /memory)" = 67108864 ]
    sed -i 's/soft: 77/soft: 78/; s/image: made/image: remade/' compose.yaml
    berth compose build -q # what was built with other limits is not taken from the cache
    [ "$(in_image remade sed -n 2p /limits)" = 78 ]
    run -1 berth compose build -m 64m --print
    assert_output_has '--memory and --print contradict each other'
    sed -i 's/shm_size: 2m/shm_size: -1/' compose.yaml
    run -1 berth compose build
    assert_output_has 'build.shm_size: a size cannot be below 0, got -1'
    assert_no_leftovers
}

@test "what RUN costs can be limited, and its rights are given and taken" {
    dockerfile <<'END'
FROM busybox
RUN sed -n 's/^CapBnd:\t//p' /proc/self/status >/caps; grep -h . /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null >/memory; grep NoNewPrivs /proc/self/status >>/caps
END
    berth build -q -t limited -m 64m --memory-swap 64m --cpu-shares 512 --cpu-period 100000 --cpu-quota 50000 --cpuset-cpus 0 \
        --cap-drop ALL --cap-add CHOWN --security-opt no-new-privileges . >/dev/null
    [ "$(in_image limited cat /memory)" = 67108864 ]
    [ "$(in_image limited head -1 /caps)" = 0000000000000001 ]
    in_image limited grep -q 'NoNewPrivs:.1' /caps
    run -125 berth build --memory lots .
    assert_output_has 'expected a size'
    run -1 berth build --ulimit nofile=x .
    run -0 berth build --force-rm --rm --compress --isolation default -q .
    run -1 berth build --isolation hyperv .
    assert_output_has 'invalid isolation "hyperv" on linux'
    run -0 berth build --cache-from old:1 -q .
    assert_output_has '--cache-from: only what was built here'
    run -125 berth build --squash .
    assert_output_has 'option "--squash" is not supported'
}

@test "variables of the image stand behind each FROM, and others go at the end" {
    dockerfile <<'END'
FROM busybox AS first
ENV B=[$A] GONE=1
LABEL gone=1 stays=1
RUN echo "$A $B $C" >/seen
FROM busybox
COPY --from=first /seen /seen
RUN echo "second $A" >>/seen
FROM first
END
    C=host berth build -q -t env --env 'A=x "y" $NONE\' --env C --unsetenv GONE --unsetlabel gone . >/dev/null
    [ "$(in_image env cat /seen)" = 'x "y" \ [x "y" \] host' ]
    [ "$(field env '{{json .Config.Env}}' | jq -c .)" = '["A=x \"y\" \\","C=host","B=[x \"y\" \\]"]' ]
    [ "$(field env '{{json .Config.Labels}}')" = '{"stays":"1"}' ]
}

@test "another file says what is left out of the context" {
    dockerfile <<<"FROM scratch
COPY . /"
    echo '*' >.dockerignore
    mkdir elsewhere
    echo 'elsewhere' >elsewhere/ignored
    touch one
    berth build -q --ignorefile elsewhere/ignored -t part . >/dev/null
    [ "$(layer_paths part)" = "./.dockerignore ./Dockerfile ./one " ]
    run -1 berth build --ignorefile none .
    assert_output_has 'cannot read the file of ignored paths'
    # A pipe is read, too.
    berth build -q --ignorefile <(echo one) -t part . >/dev/null
    [ "$(layer_paths part)" = "./.dockerignore ./Dockerfile ./elsewhere ./elsewhere/ignored " ]
}

@test "an image for another platform says so" {
    dockerfile <<'END'
FROM scratch
ARG TARGETPLATFORM
ARG BUILDOS
LABEL target=$TARGETPLATFORM host=$BUILDOS
END
    berth build -q -t other --arch arm --variant v7 . >/dev/null
    [ "$(field other '{{.Os}} {{.Architecture}} {{.Variant}} {{.Config.Labels.target}} {{.Config.Labels.host}}')" = \
        'linux arm v7 linux/arm/v7 linux' ] || { field other '{{.Os}} {{.Architecture}} {{.Variant}} {{json .Config.Labels}}'; false; }
    berth build -q -t other --platform linux/riscv64 . >/dev/null
    [ "$(field other '{{.Architecture}}')" = riscv64 ]
    run -1 berth build --platform linux/amd64 --os linux .
    assert_output_has '--platform option can not be specified with --arch or --os'
}

@test "when base images are pulled, and from whom, is said" {
    dockerfile <<<"FROM 127.0.0.1:1/none"
    run -1 berth build --pull=never .
    assert_output_has 'No such image: 127.0.0.1:1/none'
    run -1 berth build --pull=newer --retry 0 .
    run -1 berth build --retry 0 --tls-verify .
    run -1 berth build --authfile "$WORK/none" .
    assert_output_has "credential file $WORK/none is not accessible"
    run -1 berth build --pull=sometimes .
    assert_output_has 'invalid pull policy "sometimes"'
    dockerfile <<<"FROM busybox"
    berth build -q --pull=newer . >/dev/null
    berth build -q --pull --pull=false . >/dev/null
    berth build -q --pull=never . >/dev/null
}

@test "a Dockerfile is only looked at, a stage is run again, and what came of it is written down" {
    dockerfile <<'END'
FROM busybox AS one
RUN echo one >/one
FROM busybox AS two
COPY --from=one /one /one
RUN echo two >/two
END
    run -0 berth build --check .
    [ "$output" = "Check complete, no mistakes found." ]
    berth build -q . >/dev/null
    run -0 berth build --no-cache-filter two --metadata-file meta.json -t noted -t noted:2 --provenance=false --sbom=false --builder default .
    [ "$(grep -c CACHED <<<"$output")" = 1 ]
    [ "$(jq -r '.["containerimage.config.digest"]' meta.json)" = "$(field noted '{{.Id}}')" ]
    [ "$(jq -r '.["image.name"]' meta.json)" = docker.io/library/noted:latest,docker.io/library/noted:2 ]
    run -1 berth build --provenance=true .
    assert_output_has '--provenance true is not supported'
    run -1 berth build --push .
    assert_output_has '--push needs a name'
    echo FROMAGE >Dockerfile
    run -1 berth build --check .
    assert_output_has 'Dockerfile:1'
}

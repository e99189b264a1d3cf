#!/usr/bin/env bats
# Kubernetes YAML: kube play and kube down.

bats_require_minimum_version 1.5.0

load lib

setup() {
    berth_setup
    import_busybox busybox -c 'ENV FROM_IMAGE=yes'
}
teardown() { berth_teardown; }

state_of() { berth inspect --format '{{.State.Status}}' "$1"; }

# pod NAME [SPEC LINE...]: play.yaml with one pod of that name, the rest of its spec as given.
pod() {
    printf 'apiVersion: v1\nkind: Pod\nmetadata: {name: %s, labels: {app: %s}}\nspec:\n  terminationGracePeriodSeconds: 0\n' "$1" "$1" >play.yaml
    shift
    printf '  %s\n' "$@" >>play.yaml
}

@test "a pod is played, played anew only with --replace, and taken down, in Podman's words" {
    pod web 'containers:' '- {name: one, image: busybox, command: [sleep, "1000"]}' \
        '- {name: two, image: busybox, args: [sleep, "1000"]}'
    run -0 berth kube play play.yaml
    [ "${lines[0]}" = Pod: ]
    [[ ${lines[1]} =~ ^[0-9a-f]{64}$ ]]
    [ "${lines[2]}" = Containers: ]
    [ ${#lines[@]} -eq 5 ]
    id=${lines[1]}
    [ "$(berth inspect --format '{{.Id}}' web-one)" = "${lines[3]}" ]
    [ "$(berth inspect --format '{{.Id}}' web-two)" = "${lines[4]}" ]
    [ "$(berth pod ps --format '{{.Name}} {{.Status}} {{.NumberOfContainers}}')" = "web Running 3" ]
    [ "$(berth inspect --format '{{.HostConfig.RestartPolicy.Name}}' web-one)" = always ]
    [ "$(berth inspect --format '{{.Config.Labels.app}}' web-one)" = web ]
    [ "$(berth exec web-one hostname)" = web ]
    run -125 berth kube play play.yaml
    assert_output_has 'play.yaml:1:1: Conflict. The container name "/web" is already in use by pod'
    [ "$(state_of web-one)" = running ]
    run -0 berth kube play --replace play.yaml
    [ "${lines[0]}" = "Pods stopped:" ]
    [ "${lines[1]}" = "$id" ]
    [ "${lines[2]}" = "Pods removed:" ]
    [ "${lines[3]}" = "$id" ]
    [ "${lines[4]}" = "Secrets removed:" ]
    [ "${lines[5]}" = "Volumes removed:" ]
    [ "${lines[6]}" = Pod: ]
    id=${lines[7]}
    run -0 berth kube down play.yaml
    [ "$output" = "$(printf '%s\n' "Pods stopped:" "$id" "Pods removed:" "$id" "Secrets removed:" "Volumes removed:")" ]
    run -0 berth kube play --down play.yaml
    [ ${#lines[@]} -eq 4 ]
    # What is wrong in the file by now does not keep its pod.
    berth kube play play.yaml
    sed -i 's/containers:/frobs: {/' play.yaml
    run -125 berth kube down play.yaml
    assert_output_has play.yaml:7
    sed -i 's/frobs: {/containers: none/; /^  - /d' play.yaml
    run -125 berth kube play play.yaml
    run -0 berth kube down play.yaml
    [ ${#lines[@]} -eq 6 ]
    [ -z "$(berth ps -aq)" ]
    wait_for 30 nothing_lives
}

@test "variables come from the file, from config maps, secrets, fields and resources, and commands know them" {
    cat >play.yaml <<'END'
kind: Pod
metadata: {name: web, labels: {tier: front}, annotations: {note: hello}}
spec:
  restartPolicy: Never
  containers:
  - name: one
    image: busybox
    command: [sh, -c, 'env; echo "args $0 $*"']
    args: ['$(A)', '$(SECRET)', '$(FROM_IMAGE)', '$(NONE)', '$$(A)']
    resources: {limits: {memory: 64Mi, cpu: 500m}}
    envFrom:
    - configMapRef: {name: cm}
    - {prefix: S_, secretRef: {name: sec}}
    env:
    - {name: A, value: own}
    - {name: SECRET, valueFrom: {secretKeyRef: {name: sec, key: password}}}
    - {name: KEY, valueFrom: {configMapKeyRef: {name: more, key: k}}}
    - {name: POD, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
    - {name: ID, valueFrom: {fieldRef: {fieldPath: metadata.uid}}}
    - {name: TIER, valueFrom: {fieldRef: {fieldPath: "metadata.labels['tier']"}}}
    - {name: NOTE, valueFrom: {fieldRef: {fieldPath: "metadata.annotations['note']"}}}
    - {name: MEMORY, valueFrom: {resourceFieldRef: {resource: limits.memory, divisor: 1Mi}}}
---
kind: ConfigMap
metadata: {name: cm}
data: {A: hidden, B: from the map}
---
kind: Secret
metadata: {name: sec}
stringData: {password: s3cret}
END
    printf 'kind: ConfigMap\nmetadata: {name: more}\ndata: {k: v}\n' >more.yaml
    run -0 berth kube play --configmap more.yaml --annotation note=stronger play.yaml
    [ "${lines[0]}" = Secrets: ]
    [ "$(berth secret ls -q)" = "${lines[1]}" ]
    id=${lines[3]}
    [ "$(berth wait web-one)" = 0 ]
    run -0 berth logs web-one
    for line in A=own "B=from the map" SECRET=s3cret S_password=s3cret KEY=v POD=web "ID=$id" TIER=front NOTE=stronger MEMORY=64 \
        'args own s3cret yes $(NONE) $(A)'; do
        [[ $'\n'$output$'\n' == *$'\n'"$line"$'\n'* ]] || { echo "no line: $line"; return 1; }
    done
    # A secret that is in the store already is as good; down takes it away.
    sed -n '1,/^---/p' play.yaml | sed '$d' >alone.yaml
    printf -- '---\nkind: ConfigMap\nmetadata: {name: cm}\ndata: {}\n' >>alone.yaml
    run -0 berth kube play --replace --configmap more.yaml alone.yaml
    [ "$(berth wait web-one)" = 0 ]
    berth logs web-one | grep -qx SECRET=s3cret
    run -0 berth kube down play.yaml
    [ -z "$(berth secret ls -q)" ]
    run -125 berth kube play --configmap more.yaml alone.yaml
    assert_output_has 'alone.yaml:16:55: cannot set env SECRET: no secret with name "sec"'
    berth secret create sec - <<<plain >/dev/null
    run -125 berth kube play --configmap more.yaml alone.yaml
    assert_output_has "only secrets created via the kube yaml file are supported"
}

@test "volumes: host paths, empty directories that are shared, claims, and files of config maps and secrets" {
    mkdir -p host/below
    echo here >host/below/file
    cat >play.yaml <<END
kind: PersistentVolumeClaim
metadata: {name: data, labels: {a: b}}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
---
kind: ConfigMap
metadata: {name: cm}
data: {a.txt: alpha, b.txt: beta}
binaryData: {raw: AAEC}
---
kind: Secret
metadata: {name: sec}
data: {key: $(printf 'private' | base64)}
---
kind: Pod
metadata: {name: vols}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - name: one
    image: busybox
    command: [sleep, "1000"]
    securityContext: {runAsUser: 1000}
    volumeMounts:
    - {name: h, mountPath: /h, subPath: below, readOnly: true}
    - {name: made, mountPath: /made}
    - {name: file, mountPath: /made-file}
    - {name: e, mountPath: /e}
    - {name: e, mountPath: /e-below, subPath: x/y}
    - {name: m, mountPath: /m}
    - {name: c, mountPath: /c, subPath: sub}
    - {name: cm, mountPath: /cm}
    - {name: some, mountPath: /some}
    - {name: s, mountPath: /s, readOnly: true}
    - {name: none, mountPath: /none}
  - name: two
    image: busybox
    command: [sleep, "1000"]
    volumeMounts: [{name: e, mountPath: /shared}, {name: null, mountPath: /null}, {name: img, mountPath: /img}]
  volumes:
  - {name: h, hostPath: {path: $WORK/host}}
  - {name: made, hostPath: {path: $WORK/made/deep, type: DirectoryOrCreate}}
  - {name: file, hostPath: {path: $WORK/made-file, type: FileOrCreate}}
  - {name: e, emptyDir: {}}
  - {name: m, emptyDir: {medium: Memory, sizeLimit: 1Mi}}
  - {name: c, persistentVolumeClaim: {claimName: data}}
  - {name: cm, configMap: {name: cm}}
  - {name: some, configMap: {name: cm, defaultMode: 0400, items: [{key: a.txt, path: d/renamed, mode: 0444}]}}
  - {name: s, secret: {secretName: sec}}
  - {name: none, configMap: {name: nowhere, optional: true}}
  - {name: "null", hostPath: {path: /dev/null, type: CharDevice}}
  - {name: img, image: {reference: busybox}}
END
    sed -i 's/{name: null, /{name: "null", /' play.yaml
    run -0 berth kube play play.yaml
    [ "${lines[0]}" = Volumes: ]
    [ "${lines[1]}" = data ]
    [ "$(berth exec vols-one cat /h/file)" = here ]
    run -1 berth exec vols-one touch /h/x
    [ -d made/deep ]
    [ -f made-file ]
    berth exec vols-one sh -c 'echo together >/e/note; touch /m/x' # though it is no root
    [ "$(berth exec vols-two cat /shared/note)" = together ]
    berth exec vols-two test -d /shared/x/y
    berth exec vols-one grep -q '^tmpfs /m .*size=1024k' /proc/mounts
    berth exec -u 0 vols-one touch /c/kept
    [ "$(berth exec vols-one cat /cm/a.txt /cm/b.txt)" = alphabeta ]
    [ "$(berth exec vols-one od -An -tx1 /cm/raw)" = " 00 01 02" ]
    [ "$(berth exec vols-one stat -c '%a %n' /some/d/renamed)" = "444 /some/d/renamed" ]
    [ "$(berth exec vols-one cat /s/key)" = private ]
    run -1 berth exec vols-one test -e /none
    [ "$(berth exec vols-two stat -c %F /null)" = "character special file" ]
    [ "$(berth exec vols-two cat /img/etc/image-name)" = busybox ]
    [ "$(berth volume ls -q | wc -l)" -eq 4 ] # cm, data, sec, and the empty directory
    run -0 berth kube down play.yaml
    [ "$(berth volume ls -q)" = "$(printf '%s\n' cm data sec)" ]
    run -0 berth kube play play.yaml
    berth exec vols-one test -e /c/kept
    run -0 berth kube down --force play.yaml
    [ "$(sed -n '/^Volumes/,$p' <<<"$output" | sort)" = "$(printf '%s\n' Volumes\ removed: cm data sec)" ]
    [ -z "$(berth volume ls -q)" ]
}

@test "a subPath of a host path is looked for at each start, and no link leads out of the host path" {
    mkdir -p outside host/sub
    echo secret >outside/file
    echo mine >host/sub/file
    pod web 'containers:' \
        '- {name: a, image: busybox, command: [sleep, "1000"], volumeMounts: [{name: h, mountPath: /d}]}' \
        '- {name: b, image: busybox, command: [sleep, "1000"], volumeMounts: [{name: h, mountPath: /m, subPath: sub}]}' \
        "volumes: [{name: h, hostPath: {path: $WORK/host}}]"
    berth kube play play.yaml
    [ "$(berth exec web-b cat /m/file)" = mine ]
    [ "$(berth inspect --format '{{range .Mounts}}{{.Source}}{{end}}' web-b)" = "$WORK/host/sub" ]
    # What lies within stays reachable.
    berth exec web-a sh -c "mv /d/sub /d/moved && ln -s /moved /d/sub"
    berth restart -t 0 web-b
    [ "$(berth exec web-b cat /m/file)" = mine ]
    berth exec web-a sh -c "rm /d/sub && ln -s $WORK/outside /d/sub"
    run -1 berth restart -t 0 web-b
    assert_output_has "cannot access path \"sub\" of \"$WORK/host\""
    run ! berth exec web-b cat /m/file
    # Neither in one that does not run.
    run ! berth cp web-b:/m/file got
    [ ! -e got ]
    berth exec web-a sh -c "rm /d/sub && ln -s moved /d/sub"
    berth cp web-b:/m/file got
    [ "$(cat got)" = mine ]
}

@test "files of config maps replace whatever a container has put at their names" {
    pod web 'containers:' \
        '- {name: a, image: busybox, command: [sleep, "1000"], volumeMounts: [{name: c, mountPath: /c}]}' \
        'volumes: [{name: c, configMap: {name: cm, items: [{key: a, path: a}, {key: a, path: d/b}, {key: a, path: e}]}}]'
    printf -- '---\nkind: ConfigMap\nmetadata: {name: cm}\ndata: {a: text}\n' >>play.yaml
    berth kube play play.yaml
    echo outside >outside
    berth exec web-a sh -c "rm /c/a /c/d/b /c/e; mkfifo /c/a /c/d/b; ln -s $WORK/outside /c/e"
    run -0 timeout 60 berth kube play --replace play.yaml
    [ "$(berth exec web-a cat /c/a /c/d/b /c/e)" = texttexttext ]
    [ "$(cat outside)" = outside ]
    [ "$(berth exec web-a sh -c 'ls -A /c | wc -l')" -eq 3 ]
    berth kube down --force play.yaml
    # Over a volume with a device they would not be seen.
    berth volume create --opt type=tmpfs --opt device=tmpfs cm
    run -125 berth kube play play.yaml
    assert_output_has "cannot fill volume cm: it is there already, with a device of its own"
    [ -z "$(berth ps -aq)" ]
}

@test "ports, host names, name servers, limits and rights reach the pod and its containers" {
    port=$(free_port)
    pod web 'hostname: front' 'shareProcessNamespace: true' \
        'hostAliases: [{ip: 10.1.2.3, hostnames: [db, db.local]}]' \
        'dnsConfig: {nameservers: [10.9.8.7], searches: [example.org], options: [{name: ndots, value: "2"}]}' \
        'securityContext: {supplementalGroups: [77], sysctls: [{name: net.ipv4.ip_unprivileged_port_start, value: "0"}]}' \
        'containers:' '- name: www' '  image: busybox' "  ports: [{containerPort: 80, hostPort: $port, hostIP: 127.0.0.1}]" \
        '  command: [sh, -c, "echo kube >/tmp/index.html; httpd -f -p 80 -h /tmp"]' \
        '  resources: {limits: {memory: 64Mi, cpu: 250m}, requests: {memory: 32Mi}}' \
        '  securityContext: {runAsUser: 1000, runAsGroup: 1001, allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}' \
        '- {name: two, image: busybox, args: [sleep, "1000"], lifecycle: {stopSignal: SIGINT}}'
    run -0 berth kube play play.yaml
    wait_for 30 sh -c "busybox wget -qO- http://127.0.0.1:$port/ | grep -q kube"
    [ "$(berth exec web-two hostname)" = front ]
    berth exec web-two grep -q '^10.1.2.3.*db.local' /etc/hosts
    berth exec web-two grep -q '^search example.org' /etc/resolv.conf
    berth exec web-two ps | grep -q httpd
    [ "$(berth exec web-www id)" = "uid=1000(app) gid=1001 groups=77,1001" ] ||
        [ "$(berth exec web-www id)" = "uid=1000(app) gid=1001 groups=1001,77" ]
    berth exec web-www grep -q '^NoNewPrivs:.1' /proc/self/status
    [ "$(berth inspect --format '{{.HostConfig.Memory}} {{.HostConfig.MemoryReservation}} {{.HostConfig.NanoCpus}}' web-www)" = "67108864 33554432 250000000" ]
    [ "$(berth inspect --format '{{.Config.StopSignal}} {{.Config.StopTimeout}}' web-two)" = "SIGINT 0" ]
    berth kube down play.yaml
    other=$(free_port)
    run -0 berth kube play --publish "$other:80" --no-pod-prefix play.yaml
    wait_for 30 sh -c "busybox wget -qO- http://127.0.0.1:$other/ | grep -q kube"
    run -1 busybox wget -qO- "http://127.0.0.1:$port/"
    [ "$(state_of www)" = running ]
}

@test "a deployment, a daemon set and a job are a pod each; --start=false only makes them" {
    for kind in Deployment DaemonSet Job; do
        printf -- '---\nkind: %s\nmetadata: {name: %s}\nspec:\n  template:\n    metadata: {labels: {a: b}}\n' "$kind" "${kind,,}"
        printf '    spec: {restartPolicy: OnFailure, terminationGracePeriodSeconds: 0, containers: [{name: c, image: busybox, args: [sleep, "1000"]}]}\n'
    done >play.yaml
    sed -i '0,/^spec:/s//spec:\n  replicas: 2/' play.yaml
    run -0 --separate-stderr berth kube play --start=false play.yaml
    [[ $stderr == *"play.yaml:5:13: warning: limiting replica count to 1"* ]]
    [ "$(berth pod ps --format '{{.Name}} {{.Status}}' | sort)" = "$(printf '%s Created\n' daemonset-pod deployment-pod job-pod)" ]
    [ "$(berth inspect --format '{{.HostConfig.RestartPolicy.Name}}' job-pod-c)" = on-failure ]
    berth pod start -a >/dev/null
    # Containers are found by their names in the network that all of them have.
    run -0 berth kube down play.yaml
    [ -z "$(berth pod ps -q)" ]
}

@test "what cannot be played is told with its place, and leaves nothing" {
    pod web 'containers:' '- {name: one, image: busybox, command: sh}'
    run -125 berth kube play play.yaml
    assert_output_has 'play.yaml:7:42: spec.containers[0].command: expected a list of texts, not "sh"'
    pod web 'containers:' '- {name: one, image: nowhere.invalid/x, imagePullPolicy: Never}'
    run -125 berth kube play play.yaml
    assert_output_has 'play.yaml:7:12: '
    pod web 'containers:' '- {name: one, image: busybox}' '- {name: two, image: busybox, volumeMounts: [{name: h, mountPath: /h}]}' \
        'volumes:' '- {name: h, hostPath: {path: /nowhere/at/all, type: Directory}}'
    run -125 berth kube play play.yaml
    assert_output_has "checking HostPath /nowhere/at/all"
    assert_output_has "play.yaml:10:12"
    [ -z "$(berth pod ps -q)" ]
    [ -z "$(berth ps -aq)" ]
    pod web 'volumes: [{name: s, hostPath: {path: /etc/passwd, type: Socket}}]' \
        'containers: [{name: one, image: busybox, volumeMounts: [{name: s, mountPath: /s}]}]'
    run -125 berth kube play play.yaml
    assert_output_has "path /etc/passwd is not a Socket"
    printf 'kind: ConfigMap\nmetadata: {name: c}\n' >play.yaml
    run -125 berth kube play play.yaml
    assert_output_has "ConfigMaps are not a standalone object"
    printf 'kind: Service\nmetadata: {name: c}\n' >play.yaml
    run -125 berth kube play play.yaml
    assert_output_has "does not contain any supported kube kind"
    run -125 berth kube play nowhere.yaml
    assert_output_has nowhere.yaml
    run -125 berth kube play https://example.org/x.yaml
    assert_output_has "reading from a URL is not supported"
    run -125 berth kube play --userns auto - <<<'{kind: Pod, metadata: {name: p}, spec: {containers: [{name: c, image: busybox}]}}'
    assert_output_has "pods have no user namespace of their own"
    for option in --build --context-dir=x --signature-policy=x --force; do
        run -125 berth kube play "$option" play.yaml
    done
}

@test "init containers run one after the other before the others start, once or at each start" {
    pod web 'restartPolicy: Never' 'initContainers:' \
        '- {name: i1, image: busybox, command: [sh, -c, "sleep 0.3; echo one >>/e/x"], volumeMounts: [{name: e, mountPath: /e}]}' \
        '- {name: i2, image: busybox, command: [sh, -c, "echo two >>/e/x"], volumeMounts: [{name: e, mountPath: /e}]}' \
        'containers:' '- {name: main, image: busybox, command: [sh, -c, "cat /e/x; sleep 1000"], volumeMounts: [{name: e, mountPath: /e}]}' \
        'volumes: [{name: e, emptyDir: {}}]'
    run -0 berth kube play play.yaml
    [ "${lines[2]}" = Container: ]
    wait_for 20 sh -c '[ "$(berth logs web-main)" = "$(printf "one\ntwo")" ]'
    run -1 berth inspect web-i1
    berth kube down play.yaml
    sed -i 's/labels:/annotations: {io.podman.annotations.init.container.type: always}, labels:/' play.yaml
    berth kube play play.yaml
    [ "$(state_of web-i1)" = exited ]
    [ "$(berth pod ps --format '{{.Status}}')" = Running ] # for it is done with them
    berth pod start web
    [ "$(berth exec web-main cat /e/x)" = "$(printf 'one\ntwo')" ]
    berth pod restart web
    [ "$(berth exec web-main cat /e/x)" = "$(printf 'one\ntwo\none\ntwo')" ]
    sed -i 's/echo two/exit 4; echo two/' play.yaml
    run -125 berth kube play --replace play.yaml
    assert_output_has "init container web-i2 exited with code 4"
    [ "$(state_of web-main)" = created ]
}

@test "a pod that waits for an init container is taken down" {
    pod web 'initContainers:' '- {name: i, image: busybox, command: [sleep, "1000"]}' \
        'containers:' '- {name: main, image: busybox, command: [sleep, "1000"]}'
    berth kube play play.yaml >played 2>&1 &
    playing=$!
    wait_for 20 sh -c '[ "$(berth inspect --format "{{.State.Status}}" web-i)" = running ]'
    run -0 timeout 60 berth kube down play.yaml
    run ! wait "$playing"
    [ -z "$(berth ps -aq)" ]
    wait_for 30 nothing_lives
}

@test "--wait stays until the pods have ended or a signal comes, and leaves nothing" {
    pod web 'restartPolicy: Never' 'containers:' '- {name: one, image: busybox, command: [sleep, "1"]}' \
        '- {name: two, image: busybox, command: [sh, -c, "exit 3"], volumeMounts: [{name: v, mountPath: /v}]}' \
        'volumes: [{name: v, persistentVolumeClaim: {claimName: data}}]'
    run -0 berth kube play --wait play.yaml
    [ "${lines[0]}" = "Use ctrl+c to clean up or wait for pods to exit" ]
    assert_output_has "Cleaning up containers, pods, and volumes..."
    [ "${lines[-1]}" = data ]
    [ -z "$(berth ps -aq)$(berth volume ls -q)" ]
    sed -i 's/"1"/"1000"/' play.yaml
    berth kube play -w play.yaml >out 3>&- &
    waiting=$!
    wait_for 30 grep -q Pod: out
    kill -TERM $waiting
    wait $waiting
    [ -z "$(berth ps -aq)$(berth volume ls -q)" ]
}

# As a service: in a control group of its own, with somebody to tell.
as_service() {
    root=/sys/fs/cgroup
    [ -e "$root/cgroup.controllers" ] || root=$root/systemd
    mkdir -p "$root/berth-test-$$.service"
    python3 - "$WORK/told" "$root/berth-test-$$.service/cgroup.procs" "$@" 3>&- <<'END'
import os, socket, subprocess, sys
server = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
server.bind(sys.argv[1] + ".sock")
server.settimeout(0.2)
def enter():
    with open(sys.argv[2], "w") as procs:
        procs.write(str(os.getpid()))
child = subprocess.Popen(sys.argv[3:], preexec_fn=enter,
                         env=dict(os.environ, NOTIFY_SOCKET=sys.argv[1] + ".sock", PODMAN_SYSTEMD_UNIT="x.service"))
with open(sys.argv[1] + ".pid", "w") as out:
    out.write(str(child.pid))
with open(sys.argv[1], "a", buffering=1) as out:
    while child.poll() is None:
        try:
            out.write(server.recv(8192).decode().replace("\n", " ") + "\n")
        except socket.timeout:
            pass
os.unlink(sys.argv[1] + ".sock")
sys.exit(child.returncode)
END
}

leave_service() {
    for dir in /sys/fs/cgroup/*/berth-test-$$.service /sys/fs/cgroup/berth-test-$$.service; do
        [ ! -d "$dir" ] || find "$dir" -depth -type d -exec rmdir {} +
    done
}

@test "as a service's main process it lasts as long as its pods, and its exit status is theirs" {
    pod web 'restartPolicy: Never' 'containers:' '- {name: one, image: busybox, command: [sleep, "1"]}' \
        '- {name: two, image: busybox, command: [sh, -c, "exit 3"]}'
    run -0 as_service berth kube play --replace --service-container=true play.yaml
    grep -q 'READY=1 ' told
    [ "$(state_of web-two)" = exited ]
    for policy in none:0 any:137 all:0; do
        run -"${policy#*:}" as_service berth kube play --replace --service-container=true \
            --service-exit-code-propagation="${policy%:*}" play.yaml
    done
    run -125 berth kube play --service-exit-code-propagation=some play.yaml
    assert_output_has 'unsupported exit-code propagation "some"'
    sed -i 's/"1"/"1000"/' play.yaml
    rm told
    as_service berth kube play --replace --service-container=true play.yaml >out &
    serving=$!
    wait_for 30 grep -q READY=1 told
    grep -q "berth-test-$$.service" "/proc/$(berth inspect --format '{{.State.Pid}}' web-one)/cgroup"
    kill -TERM "$(cat told.pid)"
    wait $serving
    grep -q 'STOPPING=1' told
    [ "$(berth pod ps --format '{{.Status}}')" = Exited ]
    berth kube down play.yaml
    wait_for 30 nothing_lives
    leave_service
}

@test "containers that say when they are ready are waited for, and one that ends before is an error" {
    pod web 'restartPolicy: Never' 'containers:' '- {name: one, image: busybox, command: [sleep, "1000"]}' \
        '- {name: two, image: busybox, command: [sleep, "1000"], livenessProbe: {exec: {command: [test, -e, /ready]}, periodSeconds: 1, failureThreshold: 100}}' \
        '- {name: three, image: busybox, command: [sleep, "1000"]}'
    sed -i 's|labels:|annotations: {io.containers.sdnotify: conmon, io.containers.sdnotify/one: container, io.containers.sdnotify/two: healthy}, labels:|' play.yaml
    berth kube play play.yaml >out 3>&- &
    playing=$!
    wait_for 30 berth exec web-three true
    [ ! -s out ]
    berth exec web-two touch /ready
    wait_for 30 sh -c '[ "$(berth inspect --format "{{.State.Health.Status}}" web-two)" = healthy ]'
    kill -0 $playing
    cd "$BERTH_RUN/containers/$(berth inspect --format '{{.Id}}' web-one)/notify" # a socket's path has 107 bytes
    python3 -c 'import socket; socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"READY=1", "notify.sock")'
    cd "$WORK"
    wait $playing
    grep -q Pod: out
    [ -z "$(find "$BERTH_RUN" -maxdepth 1 -name 'kube-*')" ]
    sed -i 's/one, image: busybox, command: \[sleep, "1000"\]/one, image: busybox, command: [sleep, "0.5"]/' play.yaml
    run -125 berth kube play --replace play.yaml
    assert_output_has "waiting for sd-notify: a container exited with code 0 before it was ready"
}

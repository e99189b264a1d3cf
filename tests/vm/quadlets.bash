# What quadlet-boot.bats and quadlet-power-loss.bats have in common: quadlets with berth as their engine.

# A server on a network of its own that keeps its data in a volume, a second one that asks it by its name, and a pod on
# that network with a container that asks it too.
write_quadlets() {
    mkdir -p /etc/containers/systemd /etc/berth
    printf '[Generator]\nEngine=berth\n' >/etc/berth/generator.conf
    cd /etc/containers/systemd || return
    printf '[Network]\nNetworkName=inside\n' >inside.network
    printf '[Volume]\nVolumeName=data\n' >data.volume
    cat >web.container <<'END'
[Container]
ContainerName=web
Image=localhost/busybox
Exec=sh -c 'trap "echo clean >>/data/stops; exit 0" TERM; echo start >>/data/starts; echo web runs; httpd -h /data; while :; do sleep 1000 & wait; done'
Network=inside.network
Volume=data.volume:/data

[Service]
Restart=on-failure
RestartSec=1

[Install]
WantedBy=multi-user.target
END
    cat >front.container <<'END'
[Unit]
Requires=web.service
After=web.service

[Container]
ContainerName=front
Image=localhost/busybox
Exec=sh -c 'until wget -q -O /dev/null http://web/starts; do sleep 1; done; echo web answers; exec sleep 1000000'
Network=inside.network
StopSignal=KILL

[Service]
Restart=always

[Install]
WantedBy=multi-user.target
END
    cat >team.pod <<'END'
[Pod]
PodName=team
ExitPolicy=continue
Network=inside.network

[Install]
WantedBy=multi-user.target
END
    cat >mate.container <<'END'
[Container]
ContainerName=mate
Image=localhost/busybox
Exec=sh -c 'trap "echo mate ends; exit 0" TERM; until wget -q -O /dev/null http://web/starts; do sleep 1; done; echo mate answers; while :; do sleep 1000 & wait; done'
Pod=team.pod

[Service]
Restart=on-failure
RestartSec=1
END
}

# Everything runs, and the server is reached by its name, from the pod as well.
assert_all_up() {
    local unit
    for unit in web.service front.service team-pod.service mate.service; do
        wait_for 300 systemctl -q is-active "$unit"
    done
    systemctl -q is-active inside-network.service && systemctl -q is-active data-volume.service
    wait_for 300 in_journal front.service "web answers"
    wait_for 300 in_journal mate.service "mate answers"
    in_journal web.service "web runs"
    [ "$(berth ps --format '{{.Names}}' | sort | tr '\n' ' ')" = "front mate team-infra web " ]
    berth network inspect inside >/dev/null && berth volume inspect data >/dev/null
}

# in_journal UNIT LINE: in this boot.
in_journal() {
    journalctl -b -q -u "$1" -o cat | grep -qx "$2"
}

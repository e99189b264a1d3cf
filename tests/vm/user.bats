#!/usr/bin/env bats
# A user's own systemd, with lingering, over a reboot. Containers need root so far: what an ordinary user has of enabled
# projects is all but their containers, and says so.
# vm: --user --reboot
load ../system/lib
bats_require_minimum_version 1.5.0

setup() {
    export PATH=$BERTH_BUILD/bin:$PATH NO_COLOR=1
    mkdir -p ~/shop
    cd ~/shop || return
}

property() {
    systemctl --user show -P "$2" "$1"
}

@test "before: a user's project is enabled in the user's own directories, and what it lacks is told" {
    cat >compose.yaml <<'END'
services:
  web: { image: busybox, command: [sleep, "1000"], depends_on: [db], restart: always }
  db: { image: busybox, command: [sleep, "1000"], restart: always }
END
    run -0 berth compose enable
    assert_output_has "Enabled shop.target ($HOME/.config/berth/projects/shop.yaml)"
    assert_output_has "containers need root"
    assert_output_lacks "enable-linger"
    [ "$(stat -c %a ~/.config/berth/projects/shop.yaml)" = 600 ]
    [ "$(property shop-web.service LoadState)" = loaded ]
    [ "$(property default.target Wants | tr ' ' '\n' | grep -cx shop.target)" = 1 ]
}

@test "after: the user's systemd has started the project without a login" {
    [ "$(property shop.target ActiveState)" = active ]
    [ "$(systemctl --user show -P SourcePath shop-web.service)" = "$HOME/.config/berth/projects/shop.yaml" ]
}

@test "after: its containers say once why they cannot run, and are not tried again and again" {
    failed() { [ "$(property shop-web-image.service ActiveState)" = failed ]; }
    wait_for 120 failed
    journalctl --user -q -u shop-web-image.service -o cat | grep -q "containers need root"
    [ "$(property shop-web.service ActiveState) $(property shop-web.service NRestarts)" = "inactive 0" ]
}

@test "after: status shows the units, and disable takes them away" {
    run -3 berth compose status
    assert_output_has "shop.target: $HOME/.config/berth/projects/shop.yaml, enabled for $HOME/shop"
    [[ $output =~ shop-web-image.service\ +failed ]]
    run -0 berth compose disable --now
    [ "$(property shop-web.service LoadState)" = not-found ]
    [ ! -e ~/.config/berth/projects/shop.yaml ]
}

@test "after: a quadlet of the user's is a unit of the user's systemd" {
    mkdir -p ~/.config/containers/systemd
    printf '[Container]\nImage=localhost/busybox\nExec=true\n[Install]\nWantedBy=default.target\n' \
        >~/.config/containers/systemd/hello.container
    systemctl --user daemon-reload
    [ "$(property hello.service SourcePath)" = "$HOME/.config/containers/systemd/hello.container" ]
    run -0 berth quadlet list --format '{{.Name}} {{.UnitName}}'
    [ "$output" = "hello.container hello.service" ]
}

/* libsystemd, opened on first use. */
#pragma once

#include <systemd/sd-bus.h>

struct error;

extern struct sd_bus_calls {
    typeof(sd_bus_open_system) *open_system;
    typeof(sd_bus_open_user) *open_user;
    typeof(sd_bus_flush_close_unref) *flush_close_unref;
    typeof(sd_bus_call_method) *call_method;
    typeof(sd_bus_call) *call;
    typeof(sd_bus_message_new_method_call) *message_new_method_call;
    typeof(sd_bus_message_append) *message_append;
    typeof(sd_bus_message_append_strv) *message_append_strv;
    typeof(sd_bus_message_read) *message_read;
    typeof(sd_bus_message_read_array) *message_read_array;
    typeof(sd_bus_message_enter_container) *message_enter_container;
    typeof(sd_bus_message_exit_container) *message_exit_container;
    typeof(sd_bus_message_unref) *message_unref;
    typeof(sd_bus_get_property) *get_property;
    typeof(sd_bus_get_property_string) *get_property_string;
    typeof(sd_bus_get_property_strv) *get_property_strv;
    typeof(sd_bus_get_property_trivial) *get_property_trivial;
    typeof(sd_bus_match_signal) *match_signal;
    typeof(sd_bus_slot_unref) *slot_unref;
    typeof(sd_bus_process) *process;
    typeof(sd_bus_get_fd) *get_fd;
    typeof(sd_bus_get_events) *get_events;
    typeof(sd_bus_get_timeout) *get_timeout;
    typeof(sd_bus_error_free) *error_free;
    typeof(sd_bus_path_encode) *path_encode;
} sd;

/* Fills the table; 0, or -ENOENT with the package that is missing. Thread-safe. */
int bus_dl_open(struct error **err);

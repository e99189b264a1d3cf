#include "units/bus/bus-dl.h"

#include "base/dl.h"

/* Written once, under the lock of dl_open. */
struct sd_bus_calls sd;

static const struct dl_symbol symbols[] = {
    DL_SYMBOL(sd.open_system, "sd_bus_open_system"),
    DL_SYMBOL(sd.open_user, "sd_bus_open_user"),
    DL_SYMBOL(sd.flush_close_unref, "sd_bus_flush_close_unref"),
    DL_SYMBOL(sd.call_method, "sd_bus_call_method"),
    DL_SYMBOL(sd.call, "sd_bus_call"),
    DL_SYMBOL(sd.message_new_method_call, "sd_bus_message_new_method_call"),
    DL_SYMBOL(sd.message_append, "sd_bus_message_append"),
    DL_SYMBOL(sd.message_append_strv, "sd_bus_message_append_strv"),
    DL_SYMBOL(sd.message_read, "sd_bus_message_read"),
    DL_SYMBOL(sd.message_read_array, "sd_bus_message_read_array"),
    DL_SYMBOL(sd.message_enter_container, "sd_bus_message_enter_container"),
    DL_SYMBOL(sd.message_exit_container, "sd_bus_message_exit_container"),
    DL_SYMBOL(sd.message_unref, "sd_bus_message_unref"),
    DL_SYMBOL(sd.get_property, "sd_bus_get_property"),
    DL_SYMBOL(sd.get_property_string, "sd_bus_get_property_string"),
    DL_SYMBOL(sd.get_property_strv, "sd_bus_get_property_strv"),
    DL_SYMBOL(sd.get_property_trivial, "sd_bus_get_property_trivial"),
    DL_SYMBOL(sd.match_signal, "sd_bus_match_signal"),
    DL_SYMBOL(sd.slot_unref, "sd_bus_slot_unref"),
    DL_SYMBOL(sd.process, "sd_bus_process"),
    DL_SYMBOL(sd.get_fd, "sd_bus_get_fd"),
    DL_SYMBOL(sd.get_events, "sd_bus_get_events"),
    DL_SYMBOL(sd.get_timeout, "sd_bus_get_timeout"),
    DL_SYMBOL(sd.error_free, "sd_bus_error_free"),
    DL_SYMBOL(sd.path_encode, "sd_bus_path_encode"),
};
static struct dl_library library = DL_LIBRARY("libsystemd.so.0", symbols);

int bus_dl_open(struct error **err)
{
    return dl_open(&library, err);
}

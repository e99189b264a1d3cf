#include "base/dl.h"

#include <dlfcn.h>
#include <string.h>

#include "base/error.h"

static int resolve_symbols(struct dl_library *library, void *handle, struct error **err)
{
    for (size_t i = 0; i < library->symbol_count; i++) {
        const struct dl_symbol *symbol = &library->symbols[i];
        void *address = dlsym(handle, symbol->name);

        if (!address)
            return error_set_plain(err, ENOENT, NULL, "the library %s has no function \"%s\"",
                    library->soname, symbol->name);
        memcpy(symbol->pointer, &address, sizeof(address));
    }
    return 0;
}

int dl_open(struct dl_library *library, struct error **err)
{
    int r = 0;

    pthread_mutex_lock(&library->lock);
    if (!library->handle) {
        void *handle = dlopen(library->soname, RTLD_NOW | RTLD_LOCAL);

        if (!handle) {
            const char *reason = dlerror();

            r = error_set_plain(err, ENOENT, NULL, "cannot open the library %s: %s",
                    library->soname, reason ? reason : "no reason was given");
            error_hint(err, "install the package that contains %s", library->soname);
        } else {
            r = resolve_symbols(library, handle, err);
            if (r < 0) {
                error_hint(err, "install a newer version of %s", library->soname);
                dlclose(handle);
            } else {
                library->handle = handle;
            }
        }
    }
    pthread_mutex_unlock(&library->lock);
    return r;
}

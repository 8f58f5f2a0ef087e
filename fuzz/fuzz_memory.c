/* SPDX-License-Identifier: Apache-2.0 */
/* devices.json, the memory of devices that were met. */
#include "fuzz_folder.h"

#include "device/memory.h"

static void remove_folder(void)
{
    char path[300];
    snprintf(path, sizeof path, "%s/devices.json", fuzz_folder_at);
    unlink(path);
    rmdir(fuzz_folder_at);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct rv_memory memory;
    if (fuzz_folder_at[0] == '\0') {
        fuzz_folder("");
        atexit(remove_folder);
    }
    fuzz_folder_put("devices.json", data, size);
    struct rv_ctx ctx = { .state_dir = fuzz_folder_at };
    rv_memory_load(&ctx, &memory);
    assert(memory.count <= RV_MEMORY_MAX);
    for (size_t i = 0; i < memory.count; i++) {
        struct rv_identity back = { .ecid = memory.rows[i].ecid };
        assert(back.ecid != 0 && memory.rows[i].udid[0] != '\0');
        assert(strpbrk(memory.rows[i].device_name, "\n\r\x1b") == NULL);
        rv_memory_recall(&memory, &back);
    }
    return 0;
}

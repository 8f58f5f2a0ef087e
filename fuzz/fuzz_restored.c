/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of restored while it installs: all of them through the dispatch and the table of answers. */
#include "fuzz_folder.h"
#include "fuzz_stream.h"

#include "restore/install.h"

enum { MESSAGES_MAX = 64 };

static const char manifest[] =
    "<plist version=\"1.0\"><dict><key>ProductVersion</key><string>11.3</string><key>ProductBuildVersion</key>"
    "<string>15E216</string><key>SupportedProductTypes</key><array><string>iPhone10,6</string></array>"
    "<key>BuildIdentities</key><array><dict><key>ApChipID</key><string>0x8015</string><key>ApBoardID</key>"
    "<string>0x0E</string><key>UniqueBuildID</key><data>AAAA</data><key>Info</key><dict><key>DeviceClass</key>"
    "<string>d221ap</string><key>RestoreBehavior</key><string>Update</string><key>Variant</key>"
    "<string>Customer Upgrade Install (IPSW)</string></dict><key>Manifest</key><dict><key>KernelCache</key><dict>"
    "<key>Digest</key><data>AAAA</data><key>Info</key><dict><key>Path</key><string>kernel</string>"
    "<key>IsFUDFirmware</key><true/></dict></dict></dict></dict></array></dict></plist>";

static struct {
    struct rv_ipsw *ipsw;
    struct rv_ticket *ticket;
    struct rv_ctx ctx;
    uint64_t now_ms;
} world;

static void remove_folder(void)
{
    static const char *const names[] = { "firmware/BuildManifest.plist", "firmware/kernel", "firmware" };
    char path[300];
    for (size_t i = 0; i < RV_COUNT(names); i++) {
        snprintf(path, sizeof path, "%s/%s", fuzz_folder_at, names[i]);
        remove(path);
    }
    rv_ipsw_free(world.ipsw);
    rv_ticket_free(world.ticket);
    rv_cancel_clear(&world.ctx.cancel);
    rmdir(fuzz_folder_at);
}

/* Nothing leaves this computer: no usbmux, no signing server, no way to the servers that a device may name. */
static void build_world(void)
{
    char path[300];
    struct rv_error err = { 0 };
    setenv("USBMUXD_SOCKET_ADDRESS", "UNIX:/nowhere/mux", 1);
    setenv("https_proxy", "http://127.0.0.1:1", 1);
    rv_clock_fake(&world.ctx.clock, &world.now_ms);
    if (!rv_cancel_init(&world.ctx.cancel, &err))
        abort();
    static char nobody[] = "http://127.0.0.1:1/";
    world.ctx.settings.apple_tss = nobody;
    fuzz_folder("firmware");
    fuzz_folder_put("firmware/BuildManifest.plist", (const uint8_t *)manifest, sizeof manifest - 1);
    fuzz_folder_put("firmware/kernel", (const uint8_t *)"kernel", 6);
    snprintf(path, sizeof path, "%s/firmware", fuzz_folder_at);
    world.ipsw = rv_ipsw_open(&world.ctx, path, &err);
    world.ticket = rv_ticket_load(REVIVE_SOURCE_ROOT "/fuzz/corpus/im4m/whole", &err);
    assert(world.ipsw != NULL && world.ticket != NULL);
    atexit(remove_folder);
}

static void hear(struct rv_install *in)
{
    struct rv_error err = { 0 };
    bool ended = false;
    for (unsigned i = 0; i < MESSAGES_MAX && !ended; i++) {
        RV_AUTO_PLIST message = rv_restored_receive(in->control, 1000, &err);
        if (message == NULL || !rv_install_hear(in, message, &ended, &err)) {
            fuzz_failed(&err);
            return;
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rv_error err = { 0 };
    struct fuzz_stream f;
    if (size > FUZZ_STREAM_MAX)
        return 0;
    if (world.ipsw == NULL)
        build_world();
    char path[300];
    snprintf(path, sizeof path, "%s/firmware", fuzz_folder_at);
    fuzz_stream_begin(&f, data, size);
    struct rv_restore_options options = { .behavior = RV_BEHAVIOR_UPDATE, .ipsw_path = path };
    struct rv_restore_result result = { 0 };
    static const struct rv_step step = { "install", "Installing", NULL, RV_MODE_RESTORE, RV_MODE_COUNT, 1, 0 };
    struct rv_restore r = { .ctx = &world.ctx,
                            .options = &options,
                            .result = &result,
                            .ipsw = world.ipsw,
                            .ticket = world.ticket,
                            .step = &step };
    r.identity = rv_ipsw_choose(
        world.ipsw,
        &(struct rv_target){ .ecid = 1, .chip = 0x8015, .board = 0x0E, .have_chip = true, .have_board = true },
        RV_BEHAVIOR_UPDATE, &err);
    assert(r.identity != NULL);
    struct rv_install in = { .r = &r, .calm = world.ctx, .quiet_s = 300, .protocol = 14 };
    pthread_mutex_init(&in.lock, NULL);
    pthread_mutex_init(&in.sending, NULL);
    in.control = rv_restored_take_stream(&f.ctx, f.stream, &err);
    assert(in.control != NULL);
    hear(&in);
    rv_image_join(&in);
    rv_aside_end(&in);
    rv_restored_free(in.control);
    rv_plist_auto(&in.baseband);
    rv_plist_auto(&in.assets);
    pthread_mutex_destroy(&in.lock);
    pthread_mutex_destroy(&in.sending);
    fuzz_stream_end(&f);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz_copy.h"

#include "firmware/choose.h"
#include "firmware/tss.h"

#include <strings.h>

/* Whatever a BuildManifest holds: an Update is only ever taken from an identity that says so twice. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rv_span in = fuzz_copy(data, size);
    struct rv_error err = { 0 };
    plist_t manifest = rv_plist_parse(in, &err);
    struct rv_target target = { .ecid = 1,
                                .chip = 0x8015,
                                .board = 14,
                                .have_chip = true,
                                .have_board = true,
                                .hardware_model = "d221ap",
                                .ap_nonce = RV_SPAN_TEXT("nonce") };
    for (unsigned b = RV_BEHAVIOR_UPDATE; manifest != NULL && b <= RV_BEHAVIOR_ERASE; b++) {
        plist_t identity = rv_manifest_choose(manifest, &target, (enum rv_behavior)b, &err);
        if (identity == NULL) {
            fuzz_failed(&err);
            continue;
        }
        plist_t info = rv_plist_dict(identity, "Info");
        uint64_t chip = 0;
        assert(strcasecmp(rv_plist_text(info, "RestoreBehavior"), b == RV_BEHAVIOR_UPDATE ? "Update" : "Erase") == 0);
        assert(strstr(rv_plist_text(info, "Variant"), b == RV_BEHAVIOR_UPDATE ? "Upgrade" : "Erase") != NULL);
        assert(rv_plist_number(identity, "ApChipID", &chip) && chip == 0x8015);
        plist_t request = rv_tss_request_ap(identity, &target, &err);
        if (request != NULL)
            plist_free(request);
        else
            fuzz_failed(&err);
    }
    if (manifest != NULL)
        plist_free(manifest);
    free((void *)in.ptr);
    return 0;
}

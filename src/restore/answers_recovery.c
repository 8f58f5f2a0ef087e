/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests for the recovery system that newer phones keep beside the installed one (docs/restore.md 2.3; idevicerestore
 * src/restore.c). Its files come from the build identity that the installed one names (RecoveryVariant). A firmware
 * without it says so in the one word there is for that. What has to be signed by a ticket of its own (boot images, root
 * ticket, local policy) is not answered: revive asks for no such ticket, and does not offer to install this system.
 */
#include "restore/install.h"

plist_t rv_install_recovery(struct rv_install *in, struct rv_error *err)
{
    plist_t identity = rv_ipsw_recovery_identity(in->r->ipsw, in->r->identity);
    if (identity == NULL)
        rv_fail(err, RV_E_NOT_FOUND, "this firmware has no part for a recovery system");
    return identity;
}

bool rv_answer_recovery_asset(struct rv_install *in, struct rv_request *request, plist_t *reply, struct rv_error *err)
{
    (void)request;
    struct rv_error none = { 0 };
    if (rv_install_recovery(in, &none) != NULL)
        return rv_fail(err, RV_E_UNSUPPORTED, "the recovery system's images need a ticket of their own");
    *reply = plist_new_dict();
    plist_dict_set_item(*reply, "RecoveryOSNoAssetFound", plist_new_bool(1));
    return true;
}

bool rv_answer_recovery_version(struct rv_install *in, struct rv_request *request, plist_t *reply, struct rv_error *err)
{
    static const char *const from_info[] = { "BuildNumber", "BuildTrain", "Variant" };
    plist_t identity = rv_install_recovery(in, err);
    if (identity == NULL)
        return false;
    plist_t info = rv_plist_dict(identity, "Info");
    RV_AUTO_PLIST version = plist_new_dict();
    for (size_t i = 0; i < RV_COUNT(from_info); i++) {
        const char *value = rv_plist_text(info, from_info[i]);
        if (value != NULL)
            plist_dict_set_item(version, from_info[i], plist_new_string(value));
    }
    plist_dict_set_item(version, "ProductMarketingVersion", plist_new_string(rv_ipsw_version(in->r->ipsw)->version));
    RV_AUTO(rv_blob) text = rv_plist_format(version, false, err);
    if (text == NULL)
        return false;
    *reply = plist_new_dict();
    plist_dict_set_item(*reply, request->row->key, plist_new_data((const char *)text->data, text->len));
    return true;
}

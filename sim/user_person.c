/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/user_files.h"

bool sim_person_lay(struct sim_user *user, struct sim_device *device, struct rv_error *err)
{
    (void)device;
    static const char note[] = "Ask Odalys about the boat.\n";
    return sim_user_put_bytes(user, "HomeDomain", "Library/Notes/note.txt", RV_SPAN_TEXT(note), err);
}

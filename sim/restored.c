/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/restored.h"

#include "sim/services.h"

#include <unistd.h>

void sim_restored_serve(struct sim_device *device, int fd)
{
    sim_record(device, "restored", "a connection came");
    close(fd);
}

void sim_restored_begin(struct sim_device *device)
{
    sim_record(device, "restored", "the ramdisk started");
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Preloaded: a computer on which libusb cannot start (LIBUSB_ERROR_OTHER, as where neither usbfs nor sysfs is there).
 */
int libusb_init(void **context);

int libusb_init(void **context)
{
    *context = (void *)0;
    return -99;
}

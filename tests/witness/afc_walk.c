/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libimobiledevice's own AFC client at a device's media folder: every call of it once with a good argument, and once
 * with one that must be refused. The library is the witness; this program only calls it and says what it heard.
 *
 *   afc_walk UDID      prints TAP
 */
#include <inttypes.h>
#include <libimobiledevice/afc.h>
#include <libimobiledevice/libimobiledevice.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned count, failed;

static bool check(const char *sentence, bool holds, int heard)
{
    count++;
    failed += !holds;
    printf("%s %u - %s\n", holds ? "ok" : "not ok", count, sentence);
    if (!holds)
        printf("#   the library says %d\n", heard);
    return holds;
}

/* The value behind a key in a list of keys and values. */
static const char *value_of(char *const *list, const char *key)
{
    for (size_t i = 0; list != NULL && list[i] != NULL && list[i + 1] != NULL; i += 2)
        if (strcmp(list[i], key) == 0)
            return list[i + 1];
    return "";
}

static bool listed(char *const *names, const char *name)
{
    for (size_t i = 0; names != NULL && names[i] != NULL; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

static void write_and_read(afc_client_t afc, const char *path)
{
    enum { SIZE = 100000 };
    char *out = malloc(SIZE), *in = calloc(1, SIZE);
    uint64_t handle = 0, at = 0;
    uint32_t done = 0, all = 0;
    for (size_t i = 0; i < SIZE; i++)
        out[i] = (char)(i * 31 + i / 257);
    int rc = afc_file_open(afc, path, AFC_FOPEN_RW, &handle);
    check("a new file is opened", rc == AFC_E_SUCCESS, rc);
    rc = afc_file_write(afc, handle, out, SIZE, &done);
    check("all bytes are taken", rc == AFC_E_SUCCESS && done == SIZE, (int)done);
    rc = afc_file_tell(afc, handle, &at);
    check("it stands at its end", rc == AFC_E_SUCCESS && at == SIZE, (int)at);
    rc = afc_file_seek(afc, handle, 0, SEEK_SET);
    check("it goes back to its beginning", rc == AFC_E_SUCCESS, rc);
    while (rc == AFC_E_SUCCESS && all < SIZE) {
        rc = afc_file_read(afc, handle, in + all, SIZE - all, &done);
        if (done == 0)
            break;
        all += done;
    }
    check("the same bytes come back", all == SIZE && memcmp(in, out, SIZE) == 0, (int)all);
    rc = afc_file_truncate(afc, handle, 1000);
    check("it is cut to a thousand bytes", rc == AFC_E_SUCCESS, rc);
    rc = afc_file_close(afc, handle);
    check("it is closed", rc == AFC_E_SUCCESS, rc);
    rc = afc_file_read(afc, handle, in, 1, &done);
    check("a closed handle is refused", rc != AFC_E_SUCCESS, rc);
    free(in);
    free(out);
}

static void names_and_sizes(afc_client_t afc)
{
    char **list = NULL;
    int rc = afc_get_file_info(afc, "Witness/one", &list);
    check("its size and kind are told",
          rc == AFC_E_SUCCESS && strcmp(value_of(list, "st_size"), "1000") == 0 &&
              strcmp(value_of(list, "st_ifmt"), "S_IFREG") == 0 && value_of(list, "st_mtime")[0] != '\0',
          rc);
    afc_dictionary_free(list);
    rc = afc_rename_path(afc, "Witness/one", "Witness/two");
    check("it is renamed", rc == AFC_E_SUCCESS, rc);
    list = NULL;
    rc = afc_read_directory(afc, "Witness", &list);
    check("the folder lists the new name only", rc == AFC_E_SUCCESS && listed(list, "two") && !listed(list, "one"), rc);
    afc_dictionary_free(list);
    rc = afc_truncate(afc, "Witness/two", 10);
    check("it is cut by its name", rc == AFC_E_SUCCESS, rc);
    list = NULL;
    rc = afc_get_device_info(afc, &list);
    check("model and free space are told",
          rc == AFC_E_SUCCESS && strcmp(value_of(list, "Model"), "iPhone10,6") == 0 &&
              strtoull(value_of(list, "FSTotalBytes"), NULL, 10) >= strtoull(value_of(list, "FSFreeBytes"), NULL, 10) &&
              value_of(list, "FSBlockSize")[0] != '\0',
          rc);
    afc_dictionary_free(list);
}

static void refusals(afc_client_t afc)
{
    uint64_t handle = 0;
    char **list = NULL;
    int rc = afc_read_directory(afc, "Nowhere", &list);
    check("a folder that is not there is not found", rc == AFC_E_OBJECT_NOT_FOUND, rc);
    afc_dictionary_free(list);
    rc = afc_file_open(afc, "Witness/nothing", AFC_FOPEN_RDONLY, &handle);
    check("a file that is not there is not found", rc == AFC_E_OBJECT_NOT_FOUND, rc);
    rc = afc_file_open(afc, "../device.plist", AFC_FOPEN_RDONLY, &handle);
    check("no path leaves the media folder", rc != AFC_E_SUCCESS, rc);
    rc = afc_remove_path(afc, "Witness");
    check("a folder with something in it stays", rc != AFC_E_SUCCESS, rc);
}

static void walk(afc_client_t afc)
{
    int rc = afc_make_directory(afc, "Witness");
    check("a folder is made", rc == AFC_E_SUCCESS, rc);
    write_and_read(afc, "Witness/one");
    names_and_sizes(afc);
    refusals(afc);
    rc = afc_remove_path(afc, "Witness/two");
    check("a file is removed", rc == AFC_E_SUCCESS, rc);
    rc = afc_make_directory(afc, "Witness/deep");
    check("a folder inside a folder is made", rc == AFC_E_SUCCESS, rc);
    rc = afc_remove_path_and_contents(afc, "Witness");
    check("a folder goes with all in it", rc == AFC_E_SUCCESS, rc);
}

int main(int argc, char **argv)
{
    idevice_t device = NULL;
    afc_client_t afc = NULL;
    if (argc != 2)
        return 2;
    int rc = idevice_new(&device, argv[1]);
    if (check("the device is found", rc == IDEVICE_E_SUCCESS, rc)) {
        rc = afc_client_start_service(device, &afc, "afc_walk");
        if (check("its file service starts", rc == AFC_E_SUCCESS, rc))
            walk(afc);
        afc_client_free(afc);
        idevice_free(device);
    }
    printf("1..%u\n", count);
    return failed != 0;
}

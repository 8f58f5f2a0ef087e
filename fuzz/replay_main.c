/* SPDX-License-Identifier: Apache-2.0 */
/* Runs every file of the folders and files named on the command line through the target: a found crash is a test. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int run_file(const char *path)
{
    FILE *in = fopen(path, "rb");
    if (in == NULL)
        return -1;
    fseek(in, 0, SEEK_END);
    long size = ftell(in);
    rewind(in);
    uint8_t *data = malloc(size > 0 ? (size_t)size : 1);
    size_t got = data == NULL ? 0 : fread(data, 1, (size_t)size, in);
    fclose(in);
    if (data == NULL || got != (size_t)size) {
        free(data);
        return -1;
    }
    LLVMFuzzerTestOneInput(data, got);
    free(data);
    return 0;
}

int main(int argc, char **argv)
{
    unsigned ran = 0;
    for (int i = 1; i < argc; i++) {
        DIR *folder = opendir(argv[i]);
        if (folder == NULL) {
            if (run_file(argv[i]) == 0)
                ran++;
            continue;
        }
        struct dirent *entry;
        while ((entry = readdir(folder)) != NULL) {
            char path[4096];
            struct stat st;
            snprintf(path, sizeof path, "%s/%s", argv[i], entry->d_name);
            if (stat(path, &st) == 0 && S_ISREG(st.st_mode) && run_file(path) == 0)
                ran++;
        }
        closedir(folder);
    }
    printf("%u inputs replayed\n", ran);
    return ran >= 3 ? 0 : 1; /* whole, cut, lying length: the least a corpus holds */
}

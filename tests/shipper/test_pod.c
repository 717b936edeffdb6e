/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"
#include "shipper/pod.h"
#include "tests/fake/tmpdir.h"

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void each_path_tells_what_it_can(void **state)
{
        static const struct { const char *path, *want; } cases[] = {
                { "/var/log/pods/shop_web-1_8a1f-uid/app/0.log",
                  "\"container\":{\"name\":\"app\"},\"kubernetes\":{\"namespace\":\"shop\",\"pod\":{\"name\":\"web-1\",\"uid\":"
                  "\"8a1f-uid\"}}" },
                { "/host/var/log/pods/shop_web-1_u/app/0.log.20261123-100000",
                  "\"container\":{\"name\":\"app\"},\"kubernetes\":{\"namespace\":\"shop\",\"pod\":{\"name\":\"web-1\",\"uid\":"
                  "\"u\"}}" },
                { "/var/log/containers/web.1_shop_app-" ID ".log",
                  "\"container\":{\"id\":\"" ID "\",\"name\":\"app\"},\"kubernetes\":{\"namespace\":\"shop\",\"pod\":{\"name\":"
                  "\"web.1\"}}" },
                { "/var/log/containers/web-1_shop_side-car-2-" ID ".log",
                  "\"container\":{\"id\":\"" ID "\",\"name\":\"side-car-2\"},\"kubernetes\":{\"namespace\":\"shop\",\"pod\":"
                  "{\"name\":\"web-1\"}}" },
                { "/var/lib/docker/containers/" ID "/" ID "-json.log", "\"container\":{\"id\":\"" ID "\"}" },
                { "/var/lib/docker/containers/" ID "/" ID "-json.log.1", "\"container\":{\"id\":\"" ID "\"}" },
                { "/var/log/pods/not-three-parts/app/0.log", "" },
                { "/var/log/pods/a__b/app/0.log", "" },
                { "/var/log/containers/web_shop_app-1234.log", "" },
                { "/var/log/containers/" ID ".log", "" },
                { "/var/log/app.log", "" },
                { "a.log", "" },
                { "/", "" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct pod pod = { 0 };
                struct buf b = { 0 };
                pod_of_path(cases[i].path, &pod);
                pod_put_members(&pod, &b);
                assert_string_equal(buf_cstr(&b), cases[i].want);
                buf_fini(&b);
                pod_fini(&pod);
        }
}

static char *make_dirs(const char *dir, const char *below)
{
        char *path = xasprintf("%s/%s", dir, below);

        for (char *slash = path + strlen(dir) + 1; (slash = strchr(slash, '/')) != NULL; *slash++ = '/') {
                *slash = '\0';
                (void)mkdir(path, 0755);
        }
        return path;
}

/* As the kubelet with Docker has it: two symlinks, each path with something that the others have not. */
static void a_symlink_is_followed(void **state)
{
        char *dir = tmpdir_new();
        char *first = make_dirs(dir, "log/containers/web-1_shop_app-" ID ".log");
        char *second = make_dirs(dir, "log/pods/shop_web-1_uid-7/app/0.log");
        struct pod pod = { 0 };

        (void)state;
        assert_int_equal(symlink(second, first), 0);
        assert_int_equal(symlink("../../../../docker/containers/x/x-json.log", second), 0);
        pod_of_file(first, &pod);
        assert_string_equal(pod.ns, "shop");
        assert_string_equal(pod.name, "web-1");
        assert_string_equal(pod.uid, "uid-7");
        assert_string_equal(pod.container, "app");
        assert_string_equal(pod.id, ID);
        pod_fini(&pod);

        /* a symlink to itself ends somewhere */
        assert_int_equal(unlink(first), 0);
        assert_int_equal(symlink(first, first), 0);
        pod_of_file(first, &pod);
        assert_string_equal(pod.name, "web-1");
        pod_fini(&pod);
        free(first);
        free(second);
        tmpdir_free(dir);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_path_tells_what_it_can),
                cmocka_unit_test(a_symlink_is_followed),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}

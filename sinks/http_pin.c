/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/http_pin.h"

#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"

static int digit(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        c = (char)(c | 0x20);
        return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool http_pin_parse(const char *text, struct http_pin *ret)
{
        struct http_pin pin = { 0 };

        for (size_t i = 0; i < sizeof pin.sha256; i++) {
                if (i > 0 && *text == ':')
                        text++;
                int high = digit(text[0]), low = high < 0 ? -1 : digit(text[1]);
                if (low < 0)
                        return false;
                pin.sha256[i] = (unsigned char)(high << 4 | low);
                text += 2;
        }
        if (*text)
                return false;
        *ret = pin;
        return true;
}

static bool fits(const struct http_pin *pin, const X509 *certificate)
{
        unsigned char md[EVP_MAX_MD_SIZE];
        unsigned len = 0;

        return X509_digest(certificate, EVP_sha256(), md, &len) && len == sizeof pin->sha256 &&
               memcmp(md, pin->sha256, len) == 0;
}

/* OpenSSL's own verification with one anchor. */
static int verify_with(X509_STORE_CTX *x, X509 *anchor)
{
        STACK_OF(X509) *anchors = sk_X509_new_null();

        CHECK(anchors && sk_X509_push(anchors, anchor) == 1);
        X509_STORE_CTX_set_flags(x, X509_V_FLAG_PARTIAL_CHAIN); /* it may be signed by yet another */
        X509_STORE_CTX_set0_trusted_stack(x, anchors);
        int ok = X509_verify_cert(x);
        X509_STORE_CTX_set0_trusted_stack(x, NULL);
        sk_X509_free(anchors);
        return ok;
}

static int verify(X509_STORE_CTX *x, void *arg)
{
        struct http_pin *pin = arg;
        STACK_OF(X509) *chain = X509_STORE_CTX_get0_untrusted(x);

        pin->fault[0] = '\0';
        for (int i = 0; i < sk_X509_num(chain); i++)
                if (fits(pin, sk_X509_value(chain, i)))
                        return verify_with(x, sk_X509_value(chain, i));
        snprintf(pin->fault, sizeof pin->fault,
                 "none of the %d certificates it shows has the fingerprint ca_fingerprint",
                 sk_X509_num(chain));
        X509_STORE_CTX_set_error(x, X509_V_ERR_CERT_UNTRUSTED);
        return 0;
}

void http_pin_apply(void *ssl_ctx, struct http_pin *pin)
{
        SSL_CTX_set_cert_verify_callback(ssl_ctx, verify, pin);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/ticket.h"

#include "sim/der.h"

#include <openssl/crypto.h>

static bool put_prop(struct rv_buf *set, const char *name, struct rv_span value, struct rv_error *err)
{
    RV_AUTO_CLEAR(rv_buf) pair = RV_BUF(SIM_TICKET_CAP);
    RV_AUTO_CLEAR(rv_buf) holder = RV_BUF(SIM_TICKET_CAP);
    return sim_der_put_text(&pair, name, err) && rv_buf_add(&pair, value, err) &&
           sim_der_put(&holder, SIM_DER_SEQUENCE, rv_buf_span(&pair), err) &&
           sim_der_put_private(set, sim_fourcc(name), rv_buf_span(&holder), err);
}

bool sim_prop_number(struct rv_buf *set, const char *name, uint64_t value, struct rv_error *err)
{
    RV_AUTO_CLEAR(rv_buf) v = RV_BUF(16);
    return sim_der_put_integer(&v, value, err) && put_prop(set, name, rv_buf_span(&v), err);
}

bool sim_prop_flag(struct rv_buf *set, const char *name, bool value, struct rv_error *err)
{
    RV_AUTO_CLEAR(rv_buf) v = RV_BUF(16);
    return sim_der_put_boolean(&v, value, err) && put_prop(set, name, rv_buf_span(&v), err);
}

bool sim_prop_octets(struct rv_buf *set, const char *name, struct rv_span value, struct rv_error *err)
{
    RV_AUTO_CLEAR(rv_buf) v = RV_BUF(SIM_TICKET_CAP);
    return sim_der_put(&v, SIM_DER_OCTETS, value, err) && put_prop(set, name, rv_buf_span(&v), err);
}

bool sim_prop_text(struct rv_buf *set, const char *name, const char *value, struct rv_error *err)
{
    RV_AUTO_CLEAR(rv_buf) v = RV_BUF(SIM_TICKET_CAP);
    return sim_der_put_text(&v, value, err) && put_prop(set, name, rv_buf_span(&v), err);
}

bool sim_ticket_group(struct rv_buf *out, const char *tag, struct rv_span properties, struct rv_error *err)
{
    RV_AUTO_CLEAR(rv_buf) pair = RV_BUF(SIM_TICKET_CAP);
    RV_AUTO_CLEAR(rv_buf) holder = RV_BUF(SIM_TICKET_CAP);
    return sim_der_put_text(&pair, tag, err) && sim_der_put_set(&pair, properties, err) &&
           sim_der_put(&holder, SIM_DER_SEQUENCE, rv_buf_span(&pair), err) &&
           sim_der_put_private(out, sim_fourcc(tag), rv_buf_span(&holder), err);
}

static bool put_certs(struct rv_buf *out, const struct sim_signer *signer, struct rv_error *err)
{
    RV_AUTO_CLEAR(rv_buf) certs = RV_BUF(SIM_TICKET_CAP);
    for (size_t i = 0; i < signer->cert_count; i++) {
        unsigned char *der = NULL;
        int len = i2d_X509(signer->certs[i], &der);
        bool ok = len > 0 ? rv_buf_add(&certs, rv_span(der, (size_t)len), err) : rv_fail_nomem(err);
        OPENSSL_free(der);
        if (!ok)
            return false;
    }
    return sim_der_put(out, SIM_DER_SEQUENCE, rv_buf_span(&certs), err);
}

struct rv_blob *sim_ticket_make(const struct sim_signer *signer, struct rv_span groups, struct rv_error *err)
{
    RV_AUTO_CLEAR(rv_buf) manb = RV_BUF(SIM_TICKET_CAP);
    RV_AUTO_CLEAR(rv_buf) body = RV_BUF(SIM_TICKET_CAP);
    RV_AUTO_CLEAR(rv_buf) parts = RV_BUF(SIM_TICKET_CAP);
    RV_AUTO_CLEAR(rv_buf) out = RV_BUF(SIM_TICKET_CAP);
    if (!sim_ticket_group(&manb, "MANB", groups, err) || !sim_der_put(&body, SIM_DER_SET, rv_buf_span(&manb), err))
        return NULL;
    RV_AUTO(rv_blob) signature = sim_signer_sign(signer, rv_buf_span(&body), err);
    bool ok = signature && sim_der_put_text(&parts, "IM4M", err) && sim_der_put_integer(&parts, 0, err) &&
              rv_buf_add(&parts, rv_buf_span(&body), err) &&
              sim_der_put(&parts, SIM_DER_OCTETS, rv_blob_span(signature), err) && put_certs(&parts, signer, err) &&
              sim_der_put(&out, SIM_DER_SEQUENCE, rv_buf_span(&parts), err);
    return ok ? rv_blob_copy(rv_buf_span(&out), err) : NULL;
}

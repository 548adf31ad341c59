#include "broker/guard/admission.h"

#include "proto/status.h"

int admission_check(const struct principal *who, uid_t own_uid, const char **ret_sentence)
{
    if (!who || who->uid == (uid_t)-1) {
        *ret_sentence = status_sentence(STATUS_NO_IDENTITY);
        return STATUS_NO_IDENTITY;
    }
    if (who->uid == 0 || who->uid == own_uid) {
        *ret_sentence = status_sentence(STATUS_OK);
        return STATUS_OK;
    }
    *ret_sentence = own_uid == 0 ? "only root may connect to this broker"
                                 : "only root and the broker's own user may connect";
    return STATUS_DENIED;
}

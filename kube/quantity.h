/* Resource quantities of Kubernetes: "1", "1.5", "100m", "64Mi", "1e3", "2k". */
#pragma once

#include <stdint.h>

#include "base/str.h"

/* In thousandths, rounded up. 0, -EINVAL (no quantity) or -ERANGE (negative, or too large). */
int kube_parse_quantity(struct str text, int64_t *ret_milli);

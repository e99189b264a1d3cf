/* The reference page of Kubernetes' fields (docs/kube.md), as the table has them. */
#pragma once

struct strbuf;

void kube_print_page(struct strbuf *out);

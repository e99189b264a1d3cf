#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <nftables/libnftables.h>
#include <pthread.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/dl.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/str.h"
#include "engine/network/firewall-internal.h"

#define ANSWER_BYTES 4096

static struct {
    typeof(nft_ctx_new) *ctx_new;
    typeof(nft_ctx_buffer_output) *ctx_buffer_output;
    typeof(nft_ctx_buffer_error) *ctx_buffer_error;
    typeof(nft_ctx_get_error_buffer) *ctx_get_error_buffer;
    typeof(nft_ctx_get_output_buffer) *ctx_get_output_buffer;
    typeof(nft_ctx_output_set_flags) *ctx_output_set_flags;
    typeof(nft_run_cmd_from_buffer) *run_cmd_from_buffer;
} nft;

static const struct dl_symbol symbols[] = {
    DL_SYMBOL(nft.ctx_new, "nft_ctx_new"),
    DL_SYMBOL(nft.ctx_buffer_output, "nft_ctx_buffer_output"),
    DL_SYMBOL(nft.ctx_buffer_error, "nft_ctx_buffer_error"),
    DL_SYMBOL(nft.ctx_get_error_buffer, "nft_ctx_get_error_buffer"),
    DL_SYMBOL(nft.ctx_get_output_buffer, "nft_ctx_get_output_buffer"),
    DL_SYMBOL(nft.ctx_output_set_flags, "nft_ctx_output_set_flags"),
    DL_SYMBOL(nft.run_cmd_from_buffer, "nft_run_cmd_from_buffer"),
};
static struct dl_library library = DL_LIBRARY("libnftables.so.1", symbols);

/* One context per process, used under the lock and kept to the end: closing its socket after something
 * was deleted waits for the kernel to clean up (ten milliseconds and more). */
static pthread_mutex_t context_lock = PTHREAD_MUTEX_INITIALIZER;
static struct nft_ctx *context;

static int open_context(struct error **err)
{
    struct nft_ctx *fresh = nft.ctx_new(NFT_CTX_DEFAULT);

    if (!fresh)
        return error_set(err, ENOMEM, NULL, "cannot open libnftables");
    if (nft.ctx_buffer_output(fresh) != 0 || nft.ctx_buffer_error(fresh) != 0)
        return error_set(err, ENOMEM, NULL, "cannot open libnftables");
    nft.ctx_output_set_flags(fresh, NFT_CTX_OUTPUT_HANDLE);
    context = fresh;
    return 0;
}

int nftables_query(const char *commands, char **ret_output, struct error **err)
{
    int r = dl_open(&library, err);

    if (r < 0)
        return r;
    pthread_mutex_lock(&context_lock);
    if (!context)
        r = open_context(err);
    if (r >= 0 && nft.run_cmd_from_buffer(context, commands) != 0) {
        int code = errno ? errno : EINVAL;
        const char *text = nft.ctx_get_error_buffer(context);
        struct str rest = str_from(text ? text : ""), line = rest;

        (void)str_split_next(&rest, '\n', &line);
        r = error_set_plain(err, code, NULL, "nftables: %.*s", STR_FMT(str_trim(line)));
    }
    if (r >= 0 && ret_output) {
        const char *output = nft.ctx_get_output_buffer(context);

        *ret_output = mem_strdup(output ? output : "");
    }
    pthread_mutex_unlock(&context_lock);
    return r;
}

int nftables_run(const char *commands, struct error **err)
{
    return nftables_query(commands, NULL, err);
}

static const char *const family_names[] = { [FIREWALL_IPV4] = "ip", [FIREWALL_IPV6] = "ip6" };
static const uint8_t family_numbers[] = {
    [FIREWALL_IPV4] = NFPROTO_IPV4,
    [FIREWALL_IPV6] = NFPROTO_IPV6,
};
_Static_assert(ARRAY_LEN(family_names) == FIREWALL_FAMILY_MAX_ &&
                       ARRAY_LEN(family_numbers) == FIREWALL_FAMILY_MAX_,
        "name every family");

const char *nftables_family_name(enum firewall_family family)
{
    return family_names[family];
}

/* For a table, or for a chain in it. */
static struct nlmsghdr *put_question(
        char *buffer, enum firewall_family family, const char *table, const char *chain)
{
    struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
    struct nfgenmsg *generic;

    header->nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | (chain ? NFT_MSG_GETCHAIN : NFT_MSG_GETTABLE);
    header->nlmsg_flags = NLM_F_REQUEST;
    header->nlmsg_seq = 1;
    generic = mnl_nlmsg_put_extra_header(header, sizeof(*generic));
    generic->nfgen_family = family_numbers[family];
    generic->version = NFNETLINK_V0;
    mnl_attr_put_strz(header, chain ? NFTA_CHAIN_TABLE : NFTA_TABLE_NAME, table);
    if (chain)
        mnl_attr_put_strz(header, NFTA_CHAIN_NAME, chain);
    return header;
}

/* Handle of the table in the answer, or -errno as the kernel says. */
static int read_handle(const struct nlmsghdr *header, uint64_t *ret)
{
    const struct nlattr *attr;

    if (header->nlmsg_type == NLMSG_ERROR)
        return ((const struct nlmsgerr *)mnl_nlmsg_get_payload(header))->error;
    mnl_attr_for_each(attr, header, sizeof(struct nfgenmsg))
    {
        if (mnl_attr_get_type(attr) == NFTA_TABLE_HANDLE && mnl_attr_get_payload_len(attr) == 8)
            *ret = be64toh(mnl_attr_get_u64(attr));
    }
    return 0;
}

/* The socket that questions go through; opened once, for the same reason as the context. */
static struct mnl_socket *question_socket;

static int open_question_socket(void)
{
    if (question_socket)
        return 0;
    question_socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
    if (question_socket && mnl_socket_bind(question_socket, 0, MNL_SOCKET_AUTOPID) >= 0)
        return 0;
    int r = -errno;
    if (question_socket)
        mnl_socket_close(question_socket);
    question_socket = NULL;
    return r;
}

/* -ENOENT when there is no such table or chain. */
static int ask(enum firewall_family family, const char *table, const char *chain, uint64_t *ret)
{
    _Alignas(struct nlmsghdr) char buffer[ANSWER_BYTES];
    struct nlmsghdr *header = put_question(buffer, family, table, chain);
    const struct nlmsghdr *answer = (const void *)buffer;
    ssize_t got;
    int r = open_question_socket();

    if (r < 0)
        return r;
    if (mnl_socket_sendto(question_socket, header, header->nlmsg_len) < 0)
        return -errno;
    do
        got = mnl_socket_recvfrom(question_socket, buffer, sizeof(buffer));
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return -errno;
    return mnl_nlmsg_ok(answer, (int)got) ? read_handle(answer, ret) : -EPROTO;
}

int nftables_table_handle(
        enum firewall_family family, const char *table, uint64_t *ret, struct error **err)
{
    uint64_t handle = 0;

    pthread_mutex_lock(&context_lock);
    int r = ask(family, table, NULL, &handle);
    pthread_mutex_unlock(&context_lock);
    if (r < 0 && r != -ENOENT)
        return error_set(err, r, NULL, "cannot ask the kernel for its firewall tables (nf_tables)");
    *ret = r < 0 ? 0 : handle;
    return 0;
}

bool nftables_has_chain(enum firewall_family family, const char *table, const char *chain)
{
    uint64_t unused;

    pthread_mutex_lock(&context_lock);
    int r = ask(family, table, chain, &unused);
    pthread_mutex_unlock(&context_lock);
    return r >= 0;
}

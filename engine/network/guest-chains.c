#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/parse.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "engine/network/firewall-internal.h"

#define TABLE "filter"
#define BRIDGES "bridges " /* how the elements of that set begin */
#define HANDLE "# handle "
#define RULES_MAX 4

/* The chains that others leave to us, and what passes there for each bridge, in this order. One match of each
 * kind in a rule, so that iptables can still read and save the chain. */
static const struct guest_chain {
    enum firewall_family family;
    const char *name;
    const char *rules[RULES_MAX]; /* "%s" is the bridge */
} chains[] = {
    /* Docker drops all forwarded packets that it does not know. Into a bridge: our own table decides who may. Out
     * of it: not to Docker's networks, which Docker protects by rules behind this chain. */
    { FIREWALL_IPV4, "DOCKER-USER",
            { "oifname %s accept", "iifname %s oifname \"br-*\" return",
                    "iifname %s oifname \"docker*\" return", "iifname %s accept" } },
    /* ufw drops what it was not told to forward, and queries for names. Ports that are published still need
     * to be allowed with "ufw route allow": what is denied stays denied. */
    { FIREWALL_IPV4, "ufw-user-forward", { "iifname %s accept" } },
    { FIREWALL_IPV4, "ufw-user-input",
            { "iifname %s udp dport 53 accept", "iifname %s tcp dport 53 accept" } },
    { FIREWALL_IPV6, "DOCKER-USER",
            { "oifname %s accept", "iifname %s oifname \"br-*\" return",
                    "iifname %s oifname \"docker*\" return", "iifname %s accept" } },
    { FIREWALL_IPV6, "ufw6-user-forward", { "iifname %s accept" } },
    { FIREWALL_IPV6, "ufw6-user-input",
            { "iifname %s udp dport 53 accept", "iifname %s tcp dport 53 accept" } },
};

/* A chain as it is listed, as far as it is of interest. */
struct listed {
    const struct guest_chain *chain;
    struct strbuf *out;     /* commands */
    const char *tag;        /* our comment */
    uint64_t return_handle; /* of a last rule that ends the chain for every packet; 0: none */
    size_t ours;            /* rules of ours */
    size_t known;           /* of these for a bridge that is wanted */
};

static bool contains(struct str line, const char *text)
{
    return memmem(line.data, line.len, text, strlen(text)) != NULL;
}

/* "… # handle 12"; 0 when there is none. */
static uint64_t handle_of(struct str line)
{
    const char *at = memmem(line.data, line.len, HANDLE, sizeof(HANDLE) - 1);
    uint64_t handle = 0;

    if (!at)
        return 0;
    at += sizeof(HANDLE) - 1;
    (void)parse_uint64(
            (struct str){ at, (size_t)(line.data + line.len - at) }, UINT64_MAX, &handle);
    return handle;
}

/* "return" or "counter packets 3 bytes 99 return". */
static bool is_plain_return(struct str line)
{
    const char *at = memmem(line.data, line.len, HANDLE, sizeof(HANDLE) - 1);
    struct str rule = str_trim((struct str){ line.data, at ? (size_t)(at - line.data) : line.len });

    return str_has_suffix(rule, "return") &&
           (str_is_equal_z(rule, "return") || str_has_prefix(rule, "counter packets "));
}

static bool is_bridge(const char *element)
{
    return string_has_prefix(element, BRIDGES);
}

static void take_line(struct listed *listed, const struct firewall_state *wanted, struct str line)
{
    uint64_t handle = handle_of(line);

    if (handle == 0 || str_has_prefix(line, "chain ") || str_has_prefix(line, "table "))
        return;
    if (!contains(line, listed->tag)) {
        listed->return_handle = is_plain_return(line) ? handle : 0;
        return;
    }
    listed->ours++;
    strbuf_addf(listed->out, "delete rule %s " TABLE " %s handle %llu\n",
            nftables_family_name(listed->chain->family), listed->chain->name,
            (unsigned long long)handle);
    for (size_t i = 0; i < wanted->elements.len; i++)
        if (is_bridge(wanted->elements.items[i]) &&
                contains(line, wanted->elements.items[i] + sizeof(BRIDGES) - 1))
            listed->known++;
}

static void add_rules(const struct listed *listed, const char *bridge, struct strbuf *out)
{
    const char *chain = listed->chain->name, *family = nftables_family_name(listed->chain->family);

    for (size_t i = 0; i < RULES_MAX && listed->chain->rules[i]; i++) {
        const char *rule = listed->chain->rules[i], *gap = strstr(rule, "%s");

        if (listed->return_handle)
            strbuf_addf(out, "insert rule %s " TABLE " %s handle %llu ", family, chain,
                    (unsigned long long)listed->return_handle);
        else
            strbuf_addf(out, "add rule %s " TABLE " %s ", family, chain);
        strbuf_addf(out, "%.*s%s%s %s\n", (int)(gap - rule), rule, bridge, gap + 2, listed->tag);
    }
}

static size_t rule_count(const struct guest_chain *chain)
{
    size_t count = 0;

    while (count < RULES_MAX && chain->rules[count])
        count++;
    return count;
}

/* The commands from what "list chain" printed; none when all is as it should be. */
static void format_change(const struct guest_chain *chain, const struct firewall_state *wanted,
        const char *listing, struct strbuf *out)
{
    auto_(strbuf_release) struct strbuf tag = STRBUF_INIT(FIREWALL_TABLE_MAX + 16);
    struct listed listed = { .chain = chain, .out = out };
    struct str rest = str_from(listing), line;
    size_t bridges = 0;

    strbuf_addf(&tag, "comment \"%s\"", wanted->table);
    listed.tag = tag.data;
    while (str_split_next(&rest, '\n', &line))
        take_line(&listed, wanted, str_trim(line));
    for (size_t i = 0; i < wanted->elements.len; i++)
        bridges += is_bridge(wanted->elements.items[i]);
    if (listed.ours == listed.known && listed.ours == bridges * rule_count(chain)) {
        strbuf_reset(out);
        return;
    }
    for (size_t i = 0; i < wanted->elements.len; i++)
        if (is_bridge(wanted->elements.items[i]))
            add_rules(&listed, wanted->elements.items[i] + sizeof(BRIDGES) - 1, out);
}

static int apply_chain(
        const struct guest_chain *chain, const struct firewall_state *wanted, struct error **err)
{
    auto_(strbuf_release) struct strbuf question = STRBUF_INIT(256);
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(FIREWALL_TEXT_MAX_BYTES);
    auto_free char *listing = NULL;
    int r;

    if (!nftables_has_chain(chain->family, TABLE, chain->name))
        return 0;
    strbuf_addf(&question, "list chain %s " TABLE " %s\n", nftables_family_name(chain->family),
            chain->name);
    r = nftables_query(question.data, &listing, err);
    if (r >= 0) {
        format_change(chain, wanted, listing, &text);
        if (text.len > 0)
            r = nftables_run(text.data, err);
    }
    if (r < 0)
        return error_wrap(err, r, "cannot let the containers' traffic pass the firewall's chain %s",
                chain->name);
    return 0;
}

int guest_chains_apply(const struct firewall_state *wanted, struct error **err)
{
    for (size_t i = 0; i < ARRAY_LEN(chains); i++) {
        int r = chains[i].family == wanted->family ? apply_chain(&chains[i], wanted, err) : 0;

        if (r < 0)
            return r;
    }
    return 0;
}

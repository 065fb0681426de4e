// SPDX-License-Identifier: MIT
// Which layers have attention, a window, a state, an MLP, experts.
#include "plan/model_reader.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef enum kind { WHOLE, WINDOW, STATE, MLP_ALONE, EXPERTS_ALONE } kind;
enum { MOST_LAYERS = 4096 };

// --- the kind of each layer
// ---------------------------------------------------------------------------------------

static bool has(const mb_reader *r, uint32_t feature) {
    return (r->family->features & feature) != 0;
}

static bool has_state(const mb_reader *r) {
    return has(r, MB_DELTA | MB_KDA | MB_MAMBA2 | MB_MAMBA1 | MB_LIGHTNING | MB_CONVOLUTION);
}

static void refuse_kind(mb_reader *r, const char *key, const char *name) {
    mb_reader_fail(r, "%s has layers of the kind \"%.40s\", which are not understood for model_type \"%s\"",
                   key, name, r->family->type);
}

static kind kind_of(mb_reader *r, const char *key, const char *name) {
    static const struct {
        const char *name;
        uint32_t features; // 0: any
        kind kind;
    } names[] = {
        {"full_attention", 0, WHOLE},
        {"attention", 0, WHOLE},
        {"chunked_attention", MB_CHUNKS, WHOLE},
        {"sliding_attention", MB_WINDOWS, WINDOW},
        {"linear_attention", MB_DELTA | MB_LIGHTNING, STATE},
        {"mamba", MB_MAMBA2 | MB_MAMBA1, STATE},
        {"conv", MB_CONVOLUTION, STATE},
        {"mlp", MB_PATTERN, MLP_ALONE},
        {"moe", MB_PATTERN, EXPERTS_ALONE},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i].name) == 0 && (names[i].features == 0 || has(r, names[i].features)))
            return names[i].kind;
    refuse_kind(r, key, name);
    return WHOLE;
}

static void check_length(mb_reader *r, const char *key, size_t length, uint32_t layers) {
    if (length != layers)
        mb_reader_fail(r, "%s has %zu entries, num_hidden_layers is %u; expected one each", key, length,
                       layers);
}

// A list of names, one a layer.
static void from_names(mb_reader *r, const char *key, const json_t *list, uint32_t layers, kind *kinds) {
    if (!json_is_array(list)) mb_reader_complain(r, key, list, "a list of names, one a layer");
    check_length(r, key, json_array_size(list), layers);
    for (uint32_t i = 0; i < layers && !r->status; i++) {
        const char *name = json_string_value(json_array_get(list, i));
        if (!name) mb_reader_complain(r, key, list, "a list of names, one a layer");
        if (name) kinds[i] = kind_of(r, key, name);
    }
}

// "M-M*": Mamba, MLP, Mamba, attention; E: experts.
static void from_pattern(mb_reader *r, uint32_t layers, kind *kinds) {
    const char *key = "hybrid_override_pattern", *pattern = mb_reader_text(r, key);
    if (!pattern) {
        mb_reader_fail(r, "no hybrid_override_pattern (nor layers_block_type); expected which layer is what");
        return;
    }
    check_length(r, key, strlen(pattern), layers);
    for (uint32_t i = 0; i < layers && !r->status; i++) {
        static const char signs[] = "*M-E";
        static const kind meanings[] = {WHOLE, STATE, MLP_ALONE, EXPERTS_ALONE};
        const char *sign = strchr(signs, pattern[i]), name[2] = {pattern[i], '\0'};
        if (sign)
            kinds[i] = meanings[sign - signs];
        else
            refuse_kind(r, key, name);
    }
}

// attn_type_list: 1 is attention, 0 lightning attention.
static void from_numbers(mb_reader *r, const json_t *list, uint32_t layers, kind *kinds) {
    check_length(r, "attn_type_list", json_array_size(list), layers);
    for (uint32_t i = 0; i < layers && !r->status; i++) {
        const double number = json_number_value(json_array_get(list, i));
        if (number != 0 && number != 1) mb_reader_complain(r, "attn_type_list", list, "zeros and ones");
        kinds[i] = number == 1 ? WHOLE : STATE;
    }
}

// Attention at the layers that a list names (counted from `first`), state elsewhere.
static void from_places(mb_reader *r, const char *key, const json_t *list, uint32_t first, uint32_t layers,
                        kind *kinds) {
    for (uint32_t i = 0; i < layers; i++)
        kinds[i] = STATE;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const double place = json_number_value(json_array_get(list, i)) - first;
        if (place >= 0 && place < layers && place == floor(place))
            kinds[(uint32_t)place] = WHOLE;
        else
            mb_reader_complain(r, key, list, "numbers of layers");
    }
}

// Every so many layers one of attention.
static void from_period(uint32_t period, uint32_t offset, uint32_t layers, kind *kinds) {
    for (uint32_t i = 0; i < layers; i++)
        kinds[i] = i % period == offset % period ? WHOLE : STATE;
}

static uint32_t or_usual(uint32_t value, uint32_t usual) {
    return value ? value : usual;
}

static void states(mb_reader *r, uint32_t layers, kind *kinds) {
    const json_t *places = mb_reader_get(r, "full_attn_idxs"),
                 *indices = mb_reader_get(r, "attn_layer_indices");
    const json_t *kda = json_object_get(mb_reader_get(r, "linear_attn_config"), "full_attn_layers");
    const json_t *numbers = mb_reader_get(r, "attn_type_list");
    if (has(r, MB_DELTA)) {
        const uint32_t every = or_usual(MB_WHOLE(r, 1, "full_attention_interval"), 4);
        from_period(every, every - 1, layers, kinds);
    } else if (has(r, MB_MAMBA1)) {
        const uint32_t every = or_usual(MB_WHOLE(r, 1, "attn_layer_period"), 8);
        const json_t *offset = mb_reader_get(r, "attn_layer_offset");
        from_period(every, offset ? MB_WHOLE(r, 0, "attn_layer_offset") : 4, layers, kinds);
    } else if (has(r, MB_LIGHTNING)) {
        if (numbers)
            from_numbers(r, numbers, layers, kinds);
        else if (strcmp(r->family->type, "minimax_m2") != 0) // M2 has none
            mb_reader_fail(
                r, "no attn_type_list nor layer_types; expected which layers have lightning attention");
    } else if (has(r, MB_KDA)) {
        if (!json_is_array(kda)) mb_reader_fail(r, "no linear_attn_config with full_attn_layers");
        from_places(r, "full_attn_layers", kda, 1, layers, kinds);
    } else if (strcmp(r->family->type, "falcon_h1") != 0) { // that has attention and a state in every layer
        const json_t *list = places ? places : indices;
        if (!json_is_array(list)) mb_reader_fail(r, "no layer_types; expected which layers have attention");
        from_places(r, places ? "full_attn_idxs" : "attn_layer_indices", list, 0, layers, kinds);
    }
}

// Every how many layers one has no window: a number, or "LLLG", local ones and a global one (EXAONE 4).
static uint32_t window_period(mb_reader *r) {
    const json_t *given = mb_reader_get(r, "sliding_window_pattern");
    if (!given) given = mb_reader_get(r, "_sliding_window_pattern");
    if (!given) return r->family->pattern;
    const char *letters = json_string_value(given);
    const size_t local = letters ? strspn(letters, "L") : 0;
    if (local && strcmp(letters + local, "G") == 0) return (uint32_t)local + 1;
    if (!json_is_integer(given))
        mb_reader_complain(r, "sliding_window_pattern", given, "a whole number, or letters as in \"LLLG\"");
    return MB_WHOLE(r, 0, "sliding_window_pattern", "_sliding_window_pattern");
}

static void windows(mb_reader *r, const mb_model_config *m, kind *kinds) {
    const uint32_t traits = r->family->traits, pattern = window_period(r);
    const char *order = mb_reader_text(r, "order_of_interleaved_layers"); // Command A
    uint32_t from = 0;
    if (order && strcmp(order, "local_attn_first") != 0)
        mb_reader_fail(r, "order_of_interleaved_layers is \"%.40s\"; only local_attn_first is understood",
                       order);
    if (traits & MB_WINDOW_ASKED)
        from = mb_reader_get(r, "max_window_layers") ? MB_WHOLE(r, 0, "max_window_layers") : 28;
    for (uint32_t i = from; i < m->layers; i++) {
        if (pattern                   ? (i + 1) % pattern != 0
            : traits & MB_WINDOW_HALF ? i % 2 == 0
                                      : (traits & (MB_WINDOW_EVERY | MB_WINDOW_ASKED)) != 0)
            kinds[i] = WINDOW;
    }
    if (has(r, MB_WIDE) && m->layers) kinds[m->layers - 1] = WHOLE;
}

static void fill_kinds(mb_reader *r, const mb_model_config *m, kind *kinds) {
    const bool asked = mb_reader_flag(r, "use_sliding_window", !(r->family->traits & MB_WINDOW_ASKED));
    const char *key = mb_reader_get(r, "layer_types") ? "layer_types" : "layers_block_type";
    const json_t *names = mb_reader_get(r, key);
    if (names)
        from_names(r, key, names, m->layers, kinds);
    else if (has(r, MB_PATTERN))
        from_pattern(r, m->layers, kinds);
    else if (has_state(r))
        states(r, m->layers, kinds);
    else if (m->window)
        windows(r, m, kinds);
    for (uint32_t i = 0; i < m->layers; i++) {
        if (kinds[i] != WINDOW) continue;
        if (!asked) kinds[i] = WHOLE;
        if (asked && !m->window)
            mb_reader_fail(r, "%s has sliding_attention, but there is no sliding_window", key);
    }
}

// --- what a state takes
// ----------------------------------------------------------------------------------------------

static double state_dtype(mb_reader *r, const mb_model_config *m) {
    const char *key = mb_reader_get(r, "mamba_ssm_dtype") ? "mamba_ssm_dtype" : "mamba_ssm_cache_dtype";
    return mb_reader_dtype(r, key, m->dtype_bytes);
}

// Mamba 2: in, convolution, out; the state is heads x head_dim x state, and the last conv - 1 inputs.
static void read_mamba2(mb_reader *r, mb_model_config *m) {
    const bool nemotron = has(r, MB_PATTERN);
    const uint32_t heads = or_usual(MB_WHOLE(r, 1, "mamba_num_heads", "mamba_n_heads"), 128);
    const json_t *automatic = mb_reader_get(r, "mamba_d_head"); // "auto": the inner width over the heads
    uint32_t head_dim = nemotron ? or_usual(MB_WHOLE(r, 1, "mamba_head_dim"), 64) : 0;
    const uint32_t expand = or_usual(MB_WHOLE(r, 1, "mamba_expand", "expand"), 2);
    uint32_t inner = nemotron ? heads * head_dim : MB_WHOLE(r, 1, "mamba_d_ssm");
    if (!inner) inner = expand * m->hidden;
    if (!head_dim && json_is_integer(automatic)) head_dim = MB_WHOLE(r, 1, "mamba_d_head");
    if (!head_dim) head_dim = inner / heads;
    if ((double)heads * head_dim != inner)
        mb_reader_fail(r, "%u heads of %u in Mamba layers do not make the inner width of %u", heads, head_dim,
                       inner);
    const double groups = or_usual(MB_WHOLE(r, 1, "mamba_n_groups", "n_groups"), nemotron ? 8 : 1);
    const double state = or_usual(MB_WHOLE(r, 1, "mamba_d_state", "ssm_state_size"), nemotron ? 128 : 256);
    const double kernel = or_usual(MB_WHOLE(r, 1, "mamba_d_conv", "conv_kernel"), 4);
    const double mixed = inner + 2 * groups * state;
    m->state_layer_weights = m->hidden * (inner + mixed + heads) + (double)inner * m->hidden +
                             mixed * (kernel + 1) + 3.0 * heads + inner;
    m->state_layer_bytes = mixed * (kernel - 1) * m->dtype_bytes + inner * state * state_dtype(r, m);
}

static void read_mamba1(mb_reader *r, mb_model_config *m) {
    const double inner = or_usual(MB_WHOLE(r, 1, "mamba_expand"), 2) * (double)m->hidden;
    const double state = or_usual(MB_WHOLE(r, 1, "mamba_d_state"), 16);
    const double kernel = or_usual(MB_WHOLE(r, 1, "mamba_d_conv"), 4);
    const json_t *given = mb_reader_get(r, "mamba_dt_rank");
    const double rank = json_is_integer(given) ? MB_WHOLE(r, 1, "mamba_dt_rank") : ceil(m->hidden / 16.0);
    m->state_layer_weights = 3 * m->hidden * inner + inner * (rank + 2 * state) + rank * inner +
                             inner * (kernel + 1 + 1 + state + 1);
    m->state_layer_bytes = inner * (kernel - 1) * m->dtype_bytes + inner * state * state_dtype(r, m);
}

// Gated delta networks: a key_dim x value_dim matrix per value head.
static void read_delta(mb_reader *r, mb_model_config *m) {
    const double key_heads = MB_NEEDED(r, "linear_num_key_heads"),
                 value_heads = MB_NEEDED(r, "linear_num_value_heads");
    const double key_dim = MB_NEEDED(r, "linear_key_head_dim"),
                 value_dim = MB_NEEDED(r, "linear_value_head_dim");
    const double kernel = MB_NEEDED(r, "linear_conv_kernel_dim");
    const double keys = key_heads * key_dim, values = value_heads * value_dim, mixed = 2 * keys + values;
    m->state_layer_weights = m->hidden * (mixed + values + 2 * value_heads) + mixed * kernel +
                             values * m->hidden + 2 * value_heads + value_dim;
    m->state_layer_bytes =
        mixed * (kernel - 1) * m->dtype_bytes + value_heads * key_dim * value_dim * state_dtype(r, m);
}

// Kimi's delta attention: three convolutions, gates of low rank, a dim x dim matrix per head.
static void read_kda(mb_reader *r, mb_model_config *m) {
    const json_t *config = mb_reader_get(r, "linear_attn_config");
    const double heads = json_number_value(json_object_get(config, "num_heads")),
                 dim = json_number_value(json_object_get(config, "head_dim"));
    const double kernel = json_number_value(json_object_get(config, "short_conv_kernel_size"));
    if (!(heads >= 1 && dim >= 1 && kernel >= 1))
        mb_reader_complain(r, "linear_attn_config", config, "num_heads, head_dim and short_conv_kernel_size");
    const double inner = heads * dim;
    m->state_layer_weights = 4 * m->hidden * inner + 2 * (m->hidden * dim + dim * inner) + m->hidden * heads +
                             3 * inner * kernel + inner + heads + dim;
    m->state_layer_bytes = 3 * inner * (kernel - 1) * m->dtype_bytes + inner * dim * 4;
}

static void read_states(mb_reader *r, mb_model_config *m) {
    const double inner = (double)m->heads * m->head_dim;
    if (has(r, MB_MAMBA2)) read_mamba2(r, m);
    if (has(r, MB_MAMBA1)) read_mamba1(r, m);
    if (has(r, MB_DELTA)) read_delta(r, m);
    if (has(r, MB_KDA)) read_kda(r, m);
    if (has(r, MB_LIGHTNING)) {
        m->state_layer_weights = 5 * m->hidden * inner;
        m->state_layer_bytes = inner * m->head_dim * 4;
    }
    if (has(r, MB_CONVOLUTION)) {
        const double kernel = MB_NEEDED(r, "conv_L_cache");
        m->state_layer_weights = 4.0 * m->hidden * m->hidden + kernel * m->hidden;
        m->state_layer_bytes = (kernel - 1) * m->hidden * m->dtype_bytes;
    }
}

// --- MLPs and experts
// ------------------------------------------------------------------------------------------------

static bool at_period(uint32_t i, uint32_t period, uint32_t offset) {
    return i % period == offset % period;
}

typedef struct places {
    uint32_t dense_first, every, sparse_step, start, end, interval;
    const json_t *named; // moe_layers of Llama 4
} places;

static bool has_experts(const mb_reader *r, const places *p, uint32_t i) {
    if (p->named) return mb_reader_lists(r, "moe_layers", i);
    if (has(r, MB_MAMBA1)) return at_period(i, p->every, p->start);
    if (mb_reader_lists(r, "mlp_only_layers", i)) return false;
    return i >= p->dense_first && i % p->every == 0 && (i + 1) % p->sparse_step == 0 && i >= p->start &&
           i <= p->end && (i + 1) % p->interval == 0;
}

static places read_places(mb_reader *r) {
    places p = {.every = 1, .sparse_step = 1, .end = MOST_LAYERS, .interval = 1};
    p.dense_first = MB_WHOLE(r, 0, "first_k_dense_replace", "num_dense_layers", "moe_layer_num_skipped");
    p.every = or_usual(MB_WHOLE(r, 1, "moe_layer_freq"), 1);
    p.sparse_step = or_usual(MB_WHOLE(r, 1, "decoder_sparse_step", "interleave_moe_layer_step"), 1);
    p.interval = or_usual(MB_WHOLE(r, 1, "moe_layer_interval"), 1);
    p.start = MB_WHOLE(r, 0, "moe_layer_start_index");
    const json_t *end = mb_reader_get(r, "moe_layer_end_index"), *named = mb_reader_get(r, "moe_layers");
    if (end && json_number_value(end) >= 0) p.end = MB_WHOLE(r, 0, "moe_layer_end_index");
    if (json_array_size(named)) p.named = named;
    if (has(r, MB_MAMBA1)) { // Jamba
        p.every = or_usual(MB_WHOLE(r, 1, "expert_layer_period"), 2);
        p.start = mb_reader_get(r, "expert_layer_offset") ? MB_WHOLE(r, 0, "expert_layer_offset") : 1;
    }
    return p;
}

static void read_shared(mb_reader *r, mb_model_config *m) {
    const uint32_t traits = r->family->traits;
    const uint32_t count = MB_WHOLE(r, 0, "n_shared_experts", "num_shared_experts", "num_shared_expert",
                                    "moe_num_shared_experts");
    m->shared_intermediate = (uint64_t)count * m->expert_intermediate;
    static const char *const widths[] = {"shared_expert_intermediate_size",
                                         "moe_shared_expert_intermediate_size", "shared_intermediate_size",
                                         NULL};
    bool found = false;
    for (int i = 0; widths[i]; i++)
        found = found || mb_reader_get(r, widths[i]);
    if (found) m->shared_intermediate = mb_reader_whole(r, widths, 0);
    if (!found && (traits & MB_SHARED_EXPERT)) mb_reader_needed(r, widths + (has(r, MB_MAMBA2) ? 2 : 0));
    if (has(r, MB_CHUNKS)) m->shared_intermediate = m->expert_intermediate; // Llama 4 has one, unsaid
    if (has(r, MB_WIDE))
        m->shared_intermediate = m->intermediate; // Gemma 4: its dense MLP beside the experts
}

static void read_experts(mb_reader *r, mb_model_config *m) {
    m->expert_hidden = m->hidden;
    if (has(r, MB_WIDE) && !mb_reader_flag(r, "enable_moe_block", false)) return;
    m->experts = MB_WHOLE(r, 0, "n_routed_experts", "num_local_experts", "num_experts", "moe_num_experts");
    if (m->experts < 2) {
        m->experts = 0;
        return;
    }
    m->experts_per_token = MB_NEEDED(r, "num_experts_per_tok", "experts_per_token", "num_experts_per_token",
                                     "moe_top_k", "moe_topk", "moe_k", "top_k_experts");
    if (m->experts_per_token > m->experts)
        mb_reader_fail(r, "a token cannot choose %u of %u experts", m->experts_per_token, m->experts);
    m->expert_intermediate = or_usual(MB_WHOLE(r, 1, "moe_intermediate_size"), m->intermediate);
    if (has(r, MB_CHUNKS)) m->expert_intermediate = MB_NEEDED(r, "intermediate_size");
    m->expert_hidden = or_usual(MB_WHOLE(r, 1, "moe_latent_size"), m->hidden);
    read_shared(r, m);
}

// Which layers have a dense MLP and which experts.
static void place_mlps(mb_reader *r, const mb_model_config *m, const kind *kinds) {
    const places p = read_places(r);
    bool any = false;
    for (uint32_t i = 0; i < m->layers && !r->status; i++) {
        const bool pattern = has(r, MB_PATTERN);
        const bool experts = pattern ? kinds[i] == EXPERTS_ALONE : m->experts && has_experts(r, &p, i);
        const bool dense = pattern ? kinds[i] == MLP_ALONE : !experts;
        m->made_of[i] |= (uint8_t)((experts ? MB_HAS_EXPERTS : 0) | (dense ? MB_HAS_DENSE_MLP : 0));
        any = any || experts;
    }
    if (any && !m->experts) mb_reader_fail(r, "no n_routed_experts; expected how many experts there are");
}

// --- all
// ---------------------------------------------------------------------------------------------------------

static void place_attention(mb_reader *r, const mb_model_config *m, const kind *kinds) {
    const bool said = mb_reader_get(r, "num_kv_shared_layers") != NULL;
    const bool both = strcmp(r->family->type, "falcon_h1") == 0; // attention and a state in every layer
    const uint32_t borrowed = said ? MB_WHOLE(r, 0, "num_kv_shared_layers") : has(r, MB_ALTUP) ? 15 : 0;
    bool any = false;
    if (mb_reader_flag(r, "use_cla", false))
        mb_reader_fail(r, "use_cla, layers that share keys and values (cla_share_factor), is not understood");
    if (borrowed >= m->layers && borrowed)
        mb_reader_fail(r, "num_kv_shared_layers is %u of %u layers; expected fewer", borrowed, m->layers);
    for (uint32_t i = 0; i < m->layers; i++) {
        const bool attends = kinds[i] == WHOLE || kinds[i] == WINDOW,
                   owns = attends && i + borrowed < m->layers;
        m->made_of[i] =
            (uint8_t)((attends ? MB_ATTENDS : 0) | (kinds[i] == WHOLE ? MB_ATTENDS_WHOLE : 0) |
                      (owns ? MB_OWNS_KV : 0) | (owns && kinds[i] == WINDOW ? MB_OWNS_WINDOW : 0) |
                      (both || kinds[i] == STATE ? MB_HAS_STATE : 0));
        any = any || owns;
    }
    if (!any) mb_reader_fail(r, "no layer has attention, so there is no KV memory to plan");
}

void mb_reader_layers(mb_reader *r, mb_model_config *m) {
    if (r->status) return;
    if (m->layers > MOST_LAYERS) {
        mb_reader_fail(r, "num_hidden_layers is %u; expected at most %d", m->layers, MOST_LAYERS);
        return;
    }
    kind kinds[MOST_LAYERS] = {WHOLE};
    m->window = MB_WHOLE(r, 0, "sliding_window");
    const bool said =
        json_object_get(r->inner, "sliding_window") || json_object_get(r->outer, "sliding_window");
    if (!said) m->window = r->family->window; // null says that there is none
    fill_kinds(r, m, kinds);
    if (r->status) return;
    m->made_of = calloc(m->layers, sizeof *m->made_of);
    if (!m->made_of) {
        r->status = mb_fail_memory(r->error);
        return;
    }
    place_attention(r, m, kinds);
    mb_model_count_layers(m, 0, m->layers);
    if (!m->window_layers) m->window = 0;
    if (m->state_layers) read_states(r, m);
    read_experts(r, m);
    place_mlps(r, m, kinds);
    mb_model_count_layers(m, 0, m->layers);
}

// --- beside the text
// -------------------------------------------------------------------------------------------------

// SigLIP (Gemma 3): patches, positions, layers with biases everywhere, a last norm; then a norm and a matrix
// to the text model's width. Other encoders are named as left out.
void mb_reader_vision(mb_reader *r, mb_model_config *m) {
    const json_t *vision = json_object_get(r->outer, "vision_config"),
                 *audio = json_object_get(r->outer, "audio_config");
    const char *type = json_string_value(json_object_get(vision, "model_type"));
    m->vision_left_out = json_object_size(vision) > 0 || json_object_size(audio) > 0;
    if (!type || strcmp(type, "siglip_vision_model") != 0 || strcmp(r->family->type, "gemma3_text") != 0)
        return;
    const double width = json_number_value(json_object_get(vision, "hidden_size")),
                 inner = json_number_value(json_object_get(vision, "intermediate_size"));
    const double layers = json_number_value(json_object_get(vision, "num_hidden_layers")),
                 patch = json_number_value(json_object_get(vision, "patch_size")),
                 image = json_number_value(json_object_get(vision, "image_size"));
    if (!(width >= 1 && inner >= 1 && layers >= 1 && patch >= 1 && image >= patch)) return;
    const double positions = floor(image / patch) * floor(image / patch);
    const double layer = 4 * (width * width + width) + 2 * width * inner + inner + width + 4 * width;
    m->vision_weights = layers * layer + width * (3 * patch * patch + 1) + positions * width + 2 * width +
                        width + width * m->hidden;
    m->vision_left_out = false;
}

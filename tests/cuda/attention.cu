// SPDX-License-Identifier: MIT
// Attention of prompts and of decodes (src/probe/cuda) against float64, over pages in no order, as TAP.
// Compiled for a GPU by nvcc, or by any C++ compiler with tests/cuda/emulated in front. "attention times":
// what prompts take.
#include "probe/cuda/prompts.cuh"

#include <cmath>
#include <cstdio>
#include <cstring>
#include <random>

namespace {

struct shape {
    const char *what;
    int heads, kv_heads, head_dim, block;
    std::vector<mb_probe_row> rows; // decodes first; blocks are dealt out here
    int splits;                     // of the decodes
};

enum { CHECKED = 200 }; // queries of a row at most; of a longer one the first, the last and some between

template <typename T> struct precision;
template <> struct precision<__nv_bfloat16> {
    static constexpr const char *name = "bf16";
    static constexpr double unit = 1.0 / 256; // of rounding
};
template <> struct precision<__half> {
    static constexpr const char *name = "fp16";
    static constexpr double unit = 1.0 / 2048;
};

double value_of(__nv_bfloat16 x) {
    uint16_t bits;
    memcpy(&bits, &x, 2);
    const uint32_t wide = (uint32_t)bits << 16;
    float y;
    memcpy(&y, &wide, 4);
    return y;
}
double value_of(__half x) {
    uint16_t bits;
    memcpy(&bits, &x, 2);
    const int exponent = bits >> 10 & 31, fraction = bits & 1023;
    const double size = exponent == 31 ? NAN
                        : exponent     ? std::ldexp(fraction + 1024, exponent - 25)
                                       : std::ldexp(fraction, -24);
    return bits >> 15 ? -size : size;
}

[[noreturn]] void give_up(const char *what, const char *why) {
    std::printf("Bail out! %s: %s\n", what, why);
    std::exit(1);
}

void must(cudaError_t result, const char *what) {
    if (result != cudaSuccess) give_up(what, cudaGetErrorString(result));
}

template <typename U> struct on_device {
    U *at = nullptr;
    size_t count;
    explicit on_device(const std::vector<U> &from) : count(from.size()) {
        must(cudaMalloc(&at, (count ? count : 1) * sizeof(U)), "memory");
        must(cudaMemcpy(at, from.data(), count * sizeof(U), cudaMemcpyDefault), "copy");
    }
    on_device(const on_device &) = delete;
    ~on_device() { cudaFree(at); }
    std::vector<U> back() const {
        std::vector<U> to(count);
        must(cudaMemcpy(to.data(), at, count * sizeof(U), cudaMemcpyDefault), "copy");
        return to;
    }
};

template <typename T> T nan_of() {
    const uint16_t bits = 0x7fff;
    T x;
    memcpy((void *)&x, &bits, 2);
    return x;
}

// A step's numbers and tensors here; pages hold NaN where no token is.
template <typename T> struct problem {
    shape form;
    sizes s;
    int tokens = 0, decodes = 0, group;
    std::vector<int> row_of, position, first_token, new_tokens, context, first_block, blocks;
    prompt_tiles tiles;
    std::vector<T> qkv, keys, values;
    std::vector<double> wide_qkv, wide_keys, wide_values; // the same

    problem(const shape &given, unsigned seed, double sharp) : form(given) {
        s = {0, form.heads, form.kv_heads, form.head_dim, 0, form.block};
        group = form.heads / form.kv_heads;
        std::mt19937 random(seed);
        for (const auto &row : form.rows) {
            if (row.tokens == 1 && decodes == tokens) decodes++;
            first_token.push_back(tokens);
            new_tokens.push_back((int)row.tokens);
            context.push_back((int)row.context);
            first_block.push_back((int)blocks.size());
            for (uint32_t t = 0; t < row.tokens; t++, tokens++) {
                row_of.push_back((int)first_token.size() - 1);
                position.push_back((int)(row.context + t));
            }
            blocks.resize(blocks.size() + (row.context + row.tokens + form.block - 1) / form.block);
        }
        for (size_t i = 0; i < blocks.size(); i++)
            blocks[i] = (int)i + 1; // block 0 is nobody's
        std::shuffle(blocks.begin(), blocks.end(), random);
        tiles.cut(s, form.rows, decodes);
        const size_t kept = (blocks.size() + 1) * form.kv_heads * form.block * form.head_dim;
        qkv.assign((size_t)tokens * s.width(), nan_of<T>());
        keys.assign(kept, nan_of<T>());
        values.assign(kept, nan_of<T>());
        std::uniform_real_distribution<float> any(-1, 1);
        for (int t = 0; t < tokens; t++)
            for (int i = 0; i < form.heads * form.head_dim; i++)
                put_here(&qkv[(size_t)t * s.width() + i], (float)sharp * any(random));
        for (size_t r = 0; r < form.rows.size(); r++)
            for (int p = 0; p < context[r] + new_tokens[r]; p++)
                for (int h = 0; h < form.kv_heads; h++)
                    for (int i = 0; i < form.head_dim; i++) {
                        put_here(&keys[slot((int)r, h, p) + i], 3 * any(random));
                        put_here(&values[slot((int)r, h, p) + i], any(random));
                    }
        wide_qkv = widened(qkv);
        wide_keys = widened(keys);
        wide_values = widened(values);
    }

    static std::vector<double> widened(const std::vector<T> &from) {
        std::vector<double> to;
        for (const T &x : from)
            to.push_back(value_of(x));
        return to;
    }

    // Cut off, not rounded: every number of it is one of T.
    static void put_here(__nv_bfloat16 *to, float x) {
        uint32_t bits;
        memcpy(&bits, &x, 4);
        const uint16_t upper = (uint16_t)(bits >> 16);
        memcpy((void *)to, &upper, 2);
    }
    static void put_here(__half *to, float x) {
        int exponent;
        const float fraction = std::fabs(std::frexp(x, &exponent)); // 0.5 .. 1
        const uint16_t bits =
            (uint16_t)((x < 0 ? 0x8000 : 0) |
                       (exponent < -13 ? 0 : (exponent + 14) << 10 | ((int)(2048 * fraction) & 1023)));
        memcpy((void *)to, &bits, 2);
    }

    size_t slot(int row, int kv_head, int p) const {
        const size_t block = blocks[first_block[row] + p / form.block];
        return ((block * form.kv_heads + kv_head) * form.block + p % form.block) * form.head_dim;
    }

    // The head's output, and what rounding may do to it.
    void reference(int row, int query, int head, std::vector<double> &out, std::vector<double> &bound) const {
        const int last = context[row] + query, dim = form.head_dim, kv_head = head / group;
        const double *q = &wide_qkv[(size_t)(first_token[row] + query) * s.width() + (size_t)head * dim];
        std::vector<double> weights(last + 1);
        double most = -INFINITY, sum = 0;
        for (int p = 0; p <= last; p++) {
            const double *key = &wide_keys[slot(row, kv_head, p)];
            double dot = 0;
            for (int i = 0; i < dim; i++)
                dot += q[i] * key[i];
            weights[p] = dot / std::sqrt((double)dim);
            most = std::max(most, weights[p]);
        }
        for (double &w : weights)
            sum += w = std::exp(w - most);
        out.assign(dim, 0);
        bound.assign(dim, 0);
        for (int p = 0; p <= last; p++) {
            const double *value = &wide_values[slot(row, kv_head, p)], weight = weights[p] / sum;
            for (int i = 0; i < dim; i++) {
                out[i] += weight * value[i];
                bound[i] += weight * std::fabs(value[i]);
            }
        }
        // Weights are rounded to T (of prompts; not of decodes), sums in float32, the output again to T.
        const double unit = precision<T>::unit, weights_unit = row < decodes ? 0 : unit;
        for (int i = 0; i < dim; i++)
            bound[i] = (weights_unit + 1e-4) * bound[i] + unit * std::fabs(out[i]) + 1e-5;
    }
};

template <typename T> struct step {
    const problem<T> &p;
    on_device<int> row_of, position, first_token, new_tokens, context, first_block, blocks, tile_row,
        tile_first;
    on_device<T> qkv, keys, values, attended;
    on_device<float> partial;
    step_view v;

    explicit step(const problem<T> &of)
        : p(of), row_of(of.row_of), position(of.position), first_token(of.first_token),
          new_tokens(of.new_tokens), context(of.context), first_block(of.first_block), blocks(of.blocks),
          tile_row(of.tiles.row), tile_first(of.tiles.first), qkv(of.qkv), keys(of.keys), values(of.values),
          attended(std::vector<T>((size_t)of.tokens * of.form.heads * of.form.head_dim, nan_of<T>())),
          partial(std::vector<float>((size_t)of.decodes * of.form.heads * of.form.splits *
                                     (of.form.head_dim + 2))) {
        v = {row_of.at,      position.at, first_token.at, new_tokens.at, context.at,
             first_block.at, blocks.at,   tile_row.at,    tile_first.at};
    }

    template <typename... P, typename... A>
    void start(size_t shared, void (*kernel)(P...), dim3 grid, unsigned threads, A... arguments) {
        cudaLaunchConfig_t config{};
        config.gridDim = grid;
        config.blockDim = dim3(threads);
        config.dynamicSmemBytes = shared;
        must(cudaLaunchKernelEx(&config, kernel, static_cast<P>(arguments)...), p.form.what);
    }

    void prompts() {
        if (p.tiles.row.empty()) return;
        const prompt_kernel<T> k = prompt_kernel_for<T>(p.form.head_dim);
        must(cudaFuncSetAttribute(k.kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, (int)k.shared),
             "memory");
        start(k.shared, k.kernel, dim3((unsigned)p.tiles.row.size(), p.form.kv_heads), PROMPT_THREADS, p.s, v,
              qkv.at, keys.at, values.at, attended.at);
    }

    void decodes() {
        if (!p.decodes) return;
        start(0, decode_parts<T>, dim3(p.decodes, p.form.kv_heads, p.form.splits), 32 * DECODE_WARPS, p.s, v,
              qkv.at, keys.at, values.at, partial.at);
        start(0, decode_together<T>, dim3(p.decodes, p.form.heads), 128, p.s, v, partial.at, p.form.splits,
              attended.at);
    }
};

// The largest error as a share of what rounding may do; above 1: wrong.
template <typename T> double worst_of(const shape &form, unsigned seed) {
    const problem<T> p(form, seed, seed % 3 ? 4 : 0.5); // a few keys that count, or all
    step<T> here(p);
    here.prompts();
    const std::vector<T> half = here.attended.back();
    here.decodes();
    must(cudaDeviceSynchronize(), form.what);
    const std::vector<T> got = here.attended.back();
    double worst = 0;
    std::vector<double> out, bound;
    for (size_t i = 0; i < (size_t)p.decodes * form.heads * form.head_dim; i++)
        if (memcmp(&half[i], &p.values[0], 2) != 0)
            worst = INFINITY; // prompts' kernel wrote where decodes are
    for (int r = 0; r < (int)form.rows.size(); r++) {
        const int count = p.new_tokens[r], step = count > CHECKED ? count / CHECKED + 1 : 1;
        for (int q = 0; q < count; q = q + step < count || q == count - 1 ? q + step : count - 1)
            for (int h = 0; h < form.heads; h++) {
                p.reference(r, q, h, out, bound);
                const T *own = &got[((size_t)(p.first_token[r] + q) * form.heads + h) * form.head_dim];
                for (int i = 0; i < form.head_dim; i++) {
                    const double error = std::fabs(value_of(own[i]) - out[i]) / bound[i];
                    worst = error <= worst ? worst : error == error ? error : INFINITY; // NaN too
                }
            }
    }
    return worst;
}

mb_probe_row row(uint32_t tokens, uint32_t context) {
    return {tokens, context, nullptr, 0};
}

std::vector<shape> shapes(bool large) {
    std::vector<shape> all = {
        {"one token after nothing", 2, 1, 64, 16, {row(2, 0), row(1, 0)}, 1},
        {"decodes beside chunks", 4, 2, 64, 16, {row(1, 0), row(1, 300), row(63, 70), row(5, 0)}, 4},
        {"a long context, two parts of it empty", 4, 4, 128, 16, {row(1, 513), row(1, 1), row(3, 511)}, 8},
        {"pages of three tokens", 2, 2, 16, 3, {row(1, 7), row(130, 62)}, 2},
        {"a head of 6, which is not aligned", 4, 2, 6, 4, {row(1, 66), row(65, 31)}, 2},
        {"a head of 20", 3, 1, 20, 16, {row(1, 2), row(70, 5)}, 1},
        {"a head of 80", 2, 1, 80, 16, {row(1, 64), row(65, 64)}, 1},
        {"a head of 120, many prompts", 2, 2, 120, 16, {row(17, 0), row(1, 127), row(33, 3), row(2, 62)}, 1},
        {"a head of 192", 2, 1, 192, 16, {row(1, 31), row(40, 33)}, 2},
        {"a head of 256", 2, 1, 256, 16, {row(1, 65), row(33, 64)}, 1},
    };
    // Chunks and contexts on both sides of tiles, with 1 to 8 heads to one of keys.
    const int chunks[] = {2, 63, 64, 65}, contexts[] = {0, 1, 63, 64, 65, 127};
    for (int group = 1; group <= 8; group++)
        for (int k = 0; k < 2; k++)
            all.push_back({"chunks around tiles",
                           group,
                           1,
                           group % 2 ? 64 : 128,
                           16,
                           {row(chunks[(group + k) % 4], contexts[(5 * group + k) % 6])},
                           1});
    if (large) {
        all.push_back({"a prompt of 4,096", 32, 8, 128, 16, {row(4096, 0)}, 1});
        all.push_back({"1,024 tokens after 6,000", 16, 8, 128, 16, {row(1, 5000), row(1024, 6000)}, 16});
    }
    return all;
}

int number = 0, failed = 0;

template <typename T> void compare(bool large) {
    double worst = 0;
    unsigned seed = 0;
    const std::vector<shape> all = shapes(large);
    for (const shape &one : all) {
        const double error = worst_of<T>(one, ++seed);
        worst = std::max(worst, error);
        if (!(error <= 1))
            std::printf("# %s: %s, %d heads of %d to %d: an error of %.3g times what rounding may do\n",
                        precision<T>::name, one.what, one.heads, one.head_dim, one.kv_heads, error);
    }
    const bool good = worst <= 1;
    failed += !good;
    std::printf("%sok %d - attention in %s: %zu shapes, errors of at most %.2f of what rounding may do\n",
                good ? "" : "not ", ++number, precision<T>::name, all.size(), worst);
}

// Milliseconds of one call, the fastest of 20, of a chunk in heads as of Llama-3.1-8B.
void time_prompts(uint32_t tokens, uint32_t context) {
    const problem<__nv_bfloat16> p({"times", 32, 8, 128, 16, {row(tokens, context)}, 1}, 1, 1);
    step<__nv_bfloat16> here(p);
    cudaEvent_t from, to;
    must(cudaEventCreate(&from), "event");
    must(cudaEventCreate(&to), "event");
    float best = INFINITY;
    for (int i = 0; i <= 20; i++) {
        float ms = 0;
        must(cudaEventRecord(from, nullptr), "event");
        here.prompts();
        must(cudaEventRecord(to, nullptr), "event");
        must(cudaEventSynchronize(to), "event");
        must(cudaEventElapsedTime(&ms, from, to), "event");
        if (i > 0) best = std::min(best, ms);
    }
    const double seen = tokens * (context + (tokens + 1) / 2.0); // pairs of query and key
    std::printf("%u %u %.4f %.2f\n", tokens, context, best, 4e-9 * 32 * 128 * seen / best);
    cudaEventDestroy(from);
    cudaEventDestroy(to);
}

} // namespace

// Without a word: the shapes. "large": longer ones too. "times": tokens, context, milliseconds, TFLOP/s.
int main(int count, char **words) {
    if (count > 1 && strcmp(words[1], "times") == 0) {
        time_prompts(4096, 0);
        time_prompts(512, 4096);
        return 0;
    }
    const bool large = count > 1 && strcmp(words[1], "large") == 0;
    compare<__nv_bfloat16>(large);
    compare<__half>(large);
    std::printf("1..%d\n", number);
    return failed ? 1 : 0;
}

// SPDX-License-Identifier: MIT
#include "cli/verify_report.h"

#include "cli/commands.h"
#include "report/format.h"

#include <math.h>
#include <stdio.h>

const char *const mb_verify_names[MB_VERIFY_MEASURES] = {"ttft_mean_s", "ttft_p50_s", "ttft_p99_s",
                                                         "tpot_mean_s", "tpot_p50_s", "tpot_p99_s",
                                                         "e2e_mean_s",  "e2e_p50_s",  "e2e_p99_s"};
enum { MEANS = 3 }; // every third of them
static const char *const IN_WORDS[MEANS] = {"TTFT", "TPOT", "E2E"};

// A measure in both worlds.
typedef struct both {
    double simulated, live; // the mean of the live runs
    double apart, floor;    // simulated against live; the live runs among each other: shares
} both;

static both look(const mb_verified *found, size_t policy, size_t m) {
    double sum = 0, least = INFINITY, most = -INFINITY;
    for (uint32_t i = 0; i < found->repeats; i++) {
        const double value = found->live[i * found->policies + policy][m];
        sum += value;
        least = fmin(least, value);
        most = fmax(most, value);
    }
    const double live = sum / found->repeats, simulated = found->simulated[policy][m];
    return (both){simulated, live, simulated / live - 1, (most - least) / live};
}

static void print_policy(const mb_verified *found, size_t policy) {
    for (size_t i = 0; i < MB_VERIFY_MEASURES; i++) {
        const both b = look(found, policy, i);
        char simulated[MB_TEXT_SIZE], live[MB_TEXT_SIZE];
        mb_format_value(simulated, b.simulated, mb_decimals(b.simulated, NAN));
        mb_format_value(live, b.live, mb_decimals(b.live, NAN));
        printf("%-20s  %-12s  %10s  %10s  %+9.1f %%  %8.1f %%\n", i == 0 ? found->labels[policy] : "",
               mb_verify_names[i], simulated, live, 100 * b.apart, 100 * b.floor);
    }
}

// By how much a policy is beside the first; below 0: ahead.
static double against_first(const mb_verify_values *values, size_t policy, size_t m) {
    return values[policy][m] / values[0][m] - 1;
}

// In how many live runs does the same of the two have the lower value as in the simulation?
static void print_winner(const mb_verified *found, size_t policy, size_t m, const char *word) {
    const double model = against_first(found->simulated, policy, m);
    uint32_t same = 0;
    double sum = 0;
    for (uint32_t i = 0; i < found->repeats; i++) {
        const double live = against_first(found->live + i * found->policies, policy, m);
        sum += live;
        same += signbit(live) == signbit(model);
    }
    printf("%s against %s, mean %s: %+.1f %% simulated, %+.1f %% live; the same is ahead in %u of %u live "
           "runs\n",
           found->labels[policy], found->labels[0], word, 100 * model, 100 * sum / found->repeats, same,
           found->repeats);
}

void mb_verify_take(const mb_results *results, size_t policy, mb_verify_values values) {
    const mb_summary summary = mb_summarise(results, 0, policy);
    for (size_t i = 0; i < MB_VERIFY_MEASURES; i++)
        values[i] = summary.mean[mb_measure_index(mb_verify_names[i])];
}

void mb_verify_print(const mb_verified *found) {
    printf("%-20s  %-12s  %10s  %10s  %11s  %10s\n", "policy", "measure", "simulated", "live", "difference",
           "live runs");
    for (size_t p = 0; p < found->policies; p++)
        print_policy(found, p);
    putchar('\n');
    for (size_t p = 1; p < found->policies; p++)
        for (size_t i = 0; i < MEANS; i++)
            print_winner(found, p, MEANS * i, IN_WORDS[i]);
}

void mb_verify_conclude(const mb_verified *found, const char *engine) {
    mb_strbuf apart = {0}, floor_text = {0};
    for (size_t i = 0; i < MEANS; i++) {
        double most = 0, most_floor = 0;
        for (size_t p = 0; p < found->policies; p++) {
            const both b = look(found, p, MEANS * i);
            most = fmax(most, fabs(b.apart));
            most_floor = fmax(most_floor, b.floor);
        }
        const char *before = i == 0 ? "" : i + 1 < MEANS ? ", " : " and ";
        mb_strbuf_printf(&apart, "%s%.1f %% in mean %s", before, 100 * most, IN_WORDS[i]);
        mb_strbuf_printf(&floor_text, "%s%.1f", before, 100 * most_floor);
    }
    mb_cli_say(stdout, "\nOn this machine simulation and %s are apart by up to %s", engine,
               apart.text ? apart.text : "");
    if (found->repeats > 1)
        mb_cli_say(stdout, "; live runs among each other by up to %s %%",
                   floor_text.text ? floor_text.text : "");
    puts(".");
    mb_strbuf_deinit(&apart);
    mb_strbuf_deinit(&floor_text);
}

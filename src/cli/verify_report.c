// SPDX-License-Identifier: MIT
#include "cli/verify_report.h"

#include "cli/commands.h"
#include "report/format.h"

#include <math.h>
#include <stdio.h>

static const char *const NAMES[] = {"ttft_mean_s", "ttft_p50_s", "ttft_p99_s", "tpot_mean_s", "tpot_p50_s",
                                    "tpot_p99_s",  "e2e_mean_s", "e2e_p50_s",  "e2e_p99_s"};
enum { NAME_COUNT = sizeof NAMES / sizeof *NAMES, MEANS = 3 };
static const char *const IN_WORDS[MEANS] = {"TTFT", "TPOT", "E2E"};

// A measure in both worlds.
typedef struct both {
    double simulated, live; // the mean of the live runs
    double apart, floor;    // simulated against live; the live runs among each other: shares
} both;

static const char *label_of(const mb_verified *found, size_t policy) {
    return mb_results_section(&found->simulated)->points[0].experiment.policies[policy].label;
}

static both look(const mb_verified *found, size_t policy, const char *name) {
    const int m = mb_measure_index(name);
    double sum = 0, least = INFINITY, most = -INFINITY;
    for (uint32_t i = 0; i < found->repeats; i++) {
        const double value = mb_summarise(&found->real[i], 0, policy).mean[m];
        sum += value;
        least = fmin(least, value);
        most = fmax(most, value);
    }
    const double live = sum / found->repeats, simulated = mb_summarise(&found->simulated, 0, policy).mean[m];
    return (both){simulated, live, simulated / live - 1, (most - least) / live};
}

static void print_policy(const mb_verified *found, size_t policy) {
    for (size_t i = 0; i < NAME_COUNT; i++) {
        const both b = look(found, policy, NAMES[i]);
        char simulated[MB_TEXT_SIZE], live[MB_TEXT_SIZE];
        mb_format_value(simulated, b.simulated, mb_decimals(b.simulated, NAN));
        mb_format_value(live, b.live, mb_decimals(b.live, NAN));
        printf("%-20s  %-12s  %10s  %10s  %+9.1f %%  %8.1f %%\n", i == 0 ? label_of(found, policy) : "",
               NAMES[i], simulated, live, 100 * b.apart, 100 * b.floor);
    }
}

// In how many live runs does the same of the two have the lower value as in the simulation?
static void print_winner(const mb_verified *found, size_t policy, const char *name, const char *word) {
    const int m = mb_measure_index(name);
    const double model =
        mb_summarise(&found->simulated, 0, policy).mean[m] / mb_summarise(&found->simulated, 0, 0).mean[m] -
        1;
    uint32_t same = 0;
    double sum = 0;
    for (uint32_t i = 0; i < found->repeats; i++) {
        const double live =
            mb_summarise(&found->real[i], 0, policy).mean[m] / mb_summarise(&found->real[i], 0, 0).mean[m] -
            1;
        sum += live;
        same += signbit(live) == signbit(model);
    }
    printf("%s against %s, mean %s: %+.1f %% simulated, %+.1f %% live; the same is ahead in %u of %u live "
           "runs\n",
           label_of(found, policy), label_of(found, 0), word, 100 * model, 100 * sum / found->repeats, same,
           found->repeats);
}

static void conclude(const mb_verified *found, size_t policies) {
    mb_strbuf apart = {0}, floor_text = {0};
    for (size_t i = 0; i < MEANS; i++) {
        double most = 0, most_floor = 0;
        for (size_t p = 0; p < policies; p++) {
            const both b = look(found, p, NAMES[MEANS * i]);
            most = fmax(most, fabs(b.apart));
            most_floor = fmax(most_floor, b.floor);
        }
        const char *before = i == 0 ? "" : i + 1 < MEANS ? ", " : " and ";
        mb_strbuf_printf(&apart, "%s%.1f %% in mean %s", before, 100 * most, IN_WORDS[i]);
        mb_strbuf_printf(&floor_text, "%s%.1f", before, 100 * most_floor);
    }
    mb_cli_say(stdout, "\nOn this machine simulation and engine are apart by up to %s",
               apart.text ? apart.text : "");
    if (found->repeats > 1)
        mb_cli_say(stdout, "; live runs among each other by up to %s %%",
                   floor_text.text ? floor_text.text : "");
    puts(".");
    mb_strbuf_deinit(&apart);
    mb_strbuf_deinit(&floor_text);
}

void mb_verify_report(const mb_verified *found) {
    const size_t policies = mb_results_section(&found->simulated)->points[0].experiment.policy_count;
    printf("%-20s  %-12s  %10s  %10s  %11s  %10s\n", "policy", "measure", "simulated", "live", "difference",
           "live runs");
    for (size_t p = 0; p < policies; p++)
        print_policy(found, p);
    putchar('\n');
    for (size_t p = 1; p < policies; p++)
        for (size_t i = 0; i < MEANS; i++)
            print_winner(found, p, NAMES[MEANS * i], IN_WORDS[i]);
    printf("%llu steps of %llu tokens, %llu sequences; device %.1f s, host %.0f us a step, idle %.1f s\n",
           (unsigned long long)found->sums.steps, (unsigned long long)found->sums.tokens,
           (unsigned long long)found->sums.sequences, found->sums.device_s,
           1e6 * found->sums.host_s / (double)found->sums.steps, found->sums.idle_s);
    mb_cli_say(stdout,
               "They took %+.1f %% against what the corrected tables say of them, and a step is %.1f %% "
               "beside that in the "
               "mean; kinds of steps measured once more at the end took %+.1f %% against the tables.\n",
               100 * mb_live_excess(&found->sums), 100 * mb_live_miss(&found->sums), 100 * found->drift);
    if (found->processor)
        mb_cli_say(stdout, "The clock was that of the processor: nothing was waited for. What others do to "
                           "caches and to the "
                           "processor's speed is in it still.\n");
    conclude(found, policies);
    mb_live_warn_busy(&found->sums);
}

// SPDX-License-Identifier: MIT
// What --help prints for the verbs that run scenarios.
#include "cli/options.h"
#include "report/fitting.h"

#include <stdio.h>

void mb_sweep_arguments_help(void) {
    mb_print_help(
        "usage: mbsand sweep SCENARIO.lua --db FILE [options]\n\n"
        "Run every policy at every point with every seed, on all processors, into a database. What the "
        "database\n"
        "has is not run again: the same command goes on where it was interrupted, whatever by.\n\n"
        "      --db FILE            the database, SQLite's; `mbsand show FILE` prints it\n"
        "      --over KEY=VALUES    every combination: --over cluster.gpus=1,2,4 --over "
        "params.bins=1..32:x2\n"
        "  -p, --policy NAME|FILE[,param=value...]  add a policy to the comparison (may be repeated)\n"
        "      --only NAME[,NAME...]    of the scenario's own policies, run these alone\n"
        "  -s, --set KEY=VALUE      change a value of the scenario: --set cluster.gpus=8\n"
        "      --seeds N            number of seeds\n"
        "      --seed S             the first seed\n"
        "      --shard I/N          of N parts of the grid, run number I alone (see `mbsand merge`)\n"
        "      --bound              and how far each point is from the best possible, as of `mbsand run`\n"
        "  -j, --jobs N             threads (default: all processors); the results do not depend on it\n"
        "      --format FORMAT      what is printed at the end: table (default), csv, json or md\n"
        "      --hook-seconds X, --hook-instructions N, --jit, --memory-mb N, --step, --why, "
        "--no-os-sandbox\n"
        "                           as of `mbsand run`\n"
        "  -q, --quiet              no progress bar, and no table at the end\n"
        "  -h, --help               this text\n\n"
        "Exit code: 0 done, 1 a run failed or was interrupted, 2 the command or its input is wrong.\n");
}

void mb_pack_arguments_help(void) {
    mb_print_help(
        "usage: mbsand pack SCENARIO.lua -o CASE.mbs [options]\n\n"
        "Run a scenario and put everything that its results rest on - scenario, policies, modules, whole "
        "files "
        "of\n"
        "data, options - and the results into one file, an SQLite archive. `mbsand run CASE.mbs` runs it "
        "elsewhere,\n"
        "with more options where wanted; `mbsand verify CASE.mbs` says whether it gives the same bits.\n\n"
        "  -o, --output FILE        the case\n"
        "  --policy, --set, --jobs, --seeds, --seed, --only, --over, --step, --why, --hook-seconds, "
        "--hook-instructions, --jit,\n"
        "  --memory-mb, --no-os-sandbox   as of `mbsand run`; kept in the case\n"
        "  -h, --help               this text\n\n"
        "Exit code: 0 written, 1 a run failed, 2 the command or its input is wrong.\n");
}

void mb_verify_arguments_help(void) {
    mb_print_help(
        "usage: mbsand verify CASE.mbs [options]\n"
        "       mbsand verify --engine llama|llama-server [options]   against a real engine; --engine llama "
        "--help\n"
        "                                                             says more\n\n"
        "Run a case and compare every measure with what was packed, bit by bit (but for what a clock "
        "measured).\n\n"
        "  -j, --jobs N             threads (default: all processors); the results do not depend on it\n"
        "      --no-os-sandbox      run policies without the kernel's walls around them\n"
        "  -h, --help               this text\n\n"
        "Exit code: 0 the same bits, 1 other results or a failed run, 2 no case.\n");
}

void mb_plot_arguments_help(void) {
    mb_print_help(
        "usage: mbsand plot SCENARIO.lua|RESULTS.db --figure KIND -o FILE.pdf|svg|png [options]\n\n"
        "Run a scenario, or read a database of `mbsand sweep`, and let gnuplot draw a figure for a paper's "
        "column. FILE.dat\n"
        "and FILE.gp lie beside it: the numbers, and the script, which can be changed.\n\n"
        "      --figure KIND        cdf: times of requests; sweep: a measure along a key, with intervals; "
        "pareto: two\n"
        "                           measures; timeline: over time, batches: their size over time (first "
        "seed)\n"
        "      --measure NAME       of cdf: ttft, itl, tpot, e2e (default), queue; of sweep and pareto "
        "(upwards): "
        "a measure;\n"
        "                           of timeline: waiting (default), running, memory, batch, tbt\n"
        "  -o, --output FILE        the figure\n"
        "  --policy, --set, --jobs, --seeds, --seed, --only, --over, --step, --why, --hook-seconds, "
        "--hook-instructions,\n"
        "  --jit, --memory-mb, --no-os-sandbox, --quiet   as of `mbsand run`; of a scenario\n"
        "  -h, --help               this text\n\n"
        "Of a scenario with several sections the first is drawn; of a sweep, but for sweep and pareto, the "
        "first "
        "point.\n");
}

void mb_report_arguments_help(void) {
    mb_print_help(
        "usage: mbsand report SCENARIO.lua|RESULTS.db [options]\n\n"
        "Run a scenario, or read a database of `mbsand sweep`, and make one page of HTML that holds "
        "everything: "
        "the\n"
        "answer, tables with their warnings, latencies, where the time went, how queues, memory and batches "
        "went "
        "over\n"
        "time (of the first seed), curves of a sweep. It opens in any browser and needs no network.\n\n"
        "  -o, --output FILE        the page (default report.html; -: standard output)\n"
        "      --baseline NAME      compare every policy with this one\n"
        "      --bound              how far from the best possible (of a scenario)\n"
        "  --policy, --set, --jobs, --seeds, --seed, --only, --over, --step, --why, --hook-seconds, "
        "--hook-instructions,\n"
        "  --jit, --memory-mb, --no-os-sandbox, --quiet   as of `mbsand run`; of a scenario\n"
        "  -h, --help               this text\n\n"
        "Exit code: 0 done, 1 a run failed (the page says so), 2 the command or its input is wrong.\n");
}

void mb_run_arguments_help(void) {
    mb_print_help(
        "usage: mbsand [run] SCENARIO.lua [options]\n\n"
        "Run a scenario: every policy on the same requests, over several seeds, on all processors.\n\n"
        "  -p, --policy NAME|FILE[,param=value...]  add a policy to the comparison (may be repeated)\n"
        "      --only NAME[,NAME...]    of the scenario's own policies, run these alone\n"
        "  -s, --set KEY=VALUE      change a value of the scenario: --set cluster.gpus=8\n"
        "      --over KEY=VALUES    every combination: --over cluster.gpus=1,2,4 --over "
        "params.bins=1..32:x2\n"
        "      --seeds N            number of seeds\n"
        "      --seed S             the first seed\n"
        "      --until X%[,MEASURE] add seeds until the interval is that narrow (default: the verdict's "
        "first)\n"
        "      --max-seeds N        ... but not more than N (default 100)\n"
        "      --assert 'MEASURE<X' exit code 3 unless every policy keeps it (<, <=, >, >=; the level over "
        "the seeds); may "
        "be\n"
        "                           repeated\n"
        "      --baseline NAME      compare every policy with this one\n"
        "      --control            again with unlimited memory and twice the GPUs: is anything scarce at "
        "all?\n"
        "      --why                where the time of requests went, policy by policy: waiting, stalled, "
        "computing\n"
        "                           again, ...\n"
        "      --by class|client    a row for each class or client as well, with percentiles\n"
        "      --bound              how far from the best possible: a bound that no policy beats, policies "
        "that\n"
        "                           know every length, and what each policy leaves to gain\n"
        "  -j, --jobs N             threads (default: all processors); the results do not depend on it\n"
        "      --format FORMAT      table (default), csv, json or md\n"
        "      --out DIR            write summary.csv and summary.json with a manifest into DIR\n"
        "      --dump LIST          with --out: files per request, batch (and who was in it) and decision;\n"
        "                           LIST of requests,batches,members,preemptions,decisions\n"
        "      --plot               how things went over time, drawn in the terminal below the table\n"
        "      --timeline FILE      what happened when, for Perfetto: steps by replica, lives of requests, "
        "queue, "
        "memory;\n"
        "                           of every policy, with the first seed (and at the first point)\n"
        "      --timeline-window A..B  of these seconds of the simulation alone (A.. and ..B too)\n"
        "      --hook-seconds X     longest CPU time of one call of a policy (default 1)\n"
        "      --hook-instructions N  instead, or as well: its Lua instructions, equal on every machine\n"
        "      --jit                let LuaJIT compile policies that you trust: no limit ends their loops\n"
        "      --memory-mb N        memory of a policy's state (default 64)\n"
        "      --live BACKEND       again with a device's own time of each step (cpu or cuda), or with an "
        "engine\n"
        "                           that the policies drive (llama), side by side; one seed\n"
        "      --model-file FILE    what --live llama runs, a GGUF\n"
        "      --watch              run again whenever a file beside the scenario, or beside a policy of -p, "
        "is "
        "saved\n"
        "      --step               visit every running request at every iteration: slow, the same results\n"
        "      --no-os-sandbox      run policies without the kernel's walls around them (see --version)\n"
        "  -q, --quiet              no progress bar\n"
        "  -h, --help               this text\n\n"
        "Exit code: 0 done, 1 a run failed (the others are printed), 2 the command or its input is wrong, 3 "
        "an "
        "--assert\nis not kept.\n");
}

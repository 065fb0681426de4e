// SPDX-License-Identifier: MIT
// The smallest of n numbers that change one at a time: a tournament, whose winner is at the root.
#pragma once
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

typedef struct mb_min_tree {
    double *nodes;   // node i has children 2 i and 2 i + 1; the leaves come last
    uint32_t leaves; // a power of two
} mb_min_tree;

// n numbers, all INFINITY. False when out of memory.
static inline bool mb_min_tree_init(mb_min_tree *tree, uint32_t n) {
    tree->leaves = 1;
    while (tree->leaves < n)
        tree->leaves *= 2;
    tree->nodes = malloc(2 * (size_t)tree->leaves * sizeof *tree->nodes);
    for (size_t i = 0; tree->nodes && i < 2 * (size_t)tree->leaves; i++)
        tree->nodes[i] = INFINITY;
    return tree->nodes != NULL;
}

static inline void mb_min_tree_deinit(mb_min_tree *tree) {
    free(tree->nodes);
}

static inline void mb_min_tree_set(mb_min_tree *tree, uint32_t i, double value) {
    double *nodes = tree->nodes;
    uint32_t at = tree->leaves + i;
    nodes[at] = value;
    while (at > 1) {
        at /= 2;
        const double least = nodes[2 * at] < nodes[2 * at + 1] ? nodes[2 * at] : nodes[2 * at + 1];
        if (nodes[at] == least) return;
        nodes[at] = least;
    }
}

// n numbers, no fewer than before; those that are new are INFINITY. False when out of memory.
static inline bool mb_min_tree_grow(mb_min_tree *tree, uint32_t n) {
    if (n <= tree->leaves) return true;
    mb_min_tree grown;
    if (!mb_min_tree_init(&grown, n)) return false;
    for (uint32_t i = 0; i < tree->leaves; i++)
        mb_min_tree_set(&grown, i, tree->nodes[tree->leaves + i]);
    mb_min_tree_deinit(tree);
    *tree = grown;
    return true;
}

static inline double mb_min_tree_least(const mb_min_tree *tree) {
    return tree->nodes[1];
}

// Which of them is the smallest; of equals the first.
static inline uint32_t mb_min_tree_first(const mb_min_tree *tree) {
    uint32_t at = 1;
    while (at < tree->leaves)
        at = 2 * at + (tree->nodes[2 * at] != tree->nodes[at]);
    return at - tree->leaves;
}

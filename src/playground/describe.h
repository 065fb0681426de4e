// SPDX-License-Identifier: MIT
// What the page asks of a scenario before it runs anything.
#pragma once

// describe SCENARIO: as JSON, its title, question, description and policies, the values that knobs begin
// with, and every key of --set with what it may hold. The exit code.
int mb_playground_describe(int argc, char **argv);

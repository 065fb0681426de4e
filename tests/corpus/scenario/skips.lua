return skip "the trace is not here"

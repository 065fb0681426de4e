return { schedule = "admit" }

return { workload = {}, policies = {} }

return scenario {
  workload = = 5
}

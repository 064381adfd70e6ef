"""What a study is: measures, benchmarks, learning curves."""

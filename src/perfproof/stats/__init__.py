"""Statistics of plain numbers: columns of samples, intervals, pairs, strata, sequential looks, change points."""
